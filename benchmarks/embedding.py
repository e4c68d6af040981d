"""Embedding by `Model.embed` against a loop of one window per call, and by two processes.

With the encoder that ships (`ecg-1lead`), one thread per process. What two processes give beyond
one depends on whether the machine has a second core to spare.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from multiprocessing import get_context

import torch
from torch import Tensor

from benchmarks.timing import Effort, Row, ratio
from triptych.model import Model

NAME = "ecg-1lead"


def run(effort: Effort) -> Iterator[Row]:
    """Three rows: against single windows, against all of them at once, two processes."""
    model, count = Model.from_pretrained(NAME), 64 if effort.smallest else 2048
    x = windows(count)

    @torch.no_grad()
    def singly() -> Tensor:
        return torch.cat([model(each[None]) for each in x.unbind()])

    @torch.no_grad()
    def at_once() -> Tensor:
        return model(x)

    case = f"{count:,} ECG windows of 3 s"
    for told, other, bound in (
        ("one window per call", singly, 2.0), ("all in one call", at_once, 1.0),
    ):  # fmt: skip
        sides = {"embed": lambda: model.embed(x), told: other}
        yield ratio("embedding", f"{case}, against {told}", sides, effort, at_least=bound)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        # both are started, and both have loaded the model, before anything is timed
        wait([pool.submit(embedded, count // 2) for _ in range(4)])
        sides = {
            "two": lambda: wait([pool.submit(embedded, count // 2) for _ in range(2)]),
            "one": lambda: wait([pool.submit(embedded, count)]),
        }
        yield ratio("embedding", f"{case}, two processes", sides, effort, at_least=1.8)


def windows(count: int) -> Tensor:
    """Windows of noise, always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 1, 300, generator=generator)


def embedded(count: int) -> int:
    """Embed so many windows in a process of its own, which loads the model once."""
    if "model" not in _HELD:
        torch.set_num_threads(1)
        _HELD["model"] = Model.from_pretrained(NAME)
    return len(_HELD["model"].embed(windows(count)).all)


_HELD: dict[str, Model] = {}
