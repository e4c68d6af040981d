"""Graphs of one model, in full precision and in 8 bits: size, speed, what stays invariant."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.moves import Move, moves_of
from triptych.audit.tables import Table, Value, number
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.metrics import cosine
from triptych.metrics.result import Result
from triptych.model.graph import load_graph
from triptych.transforms import Transform

CALLS = 15  # of which the shortest counts, as in timeit


@dataclass(frozen=True)
class GraphFigures(Result):
    """One graph measured: `megabytes`, milliseconds on one thread, and its blocks.

    `one_ms` is of one window alone, `batch_ms` per window of all. `gaps` are (cosine − between) /
    (1 − between) of block and transform, for those that a block declares itself invariant to;
    `like_first` the mean cosine of each block with that of the first graph.
    """

    megabytes: float
    one_ms: float
    batch_ms: float
    gaps: Mapping[str, float]
    like_first: Mapping[str, float]


def compare_graphs(
    paths: Mapping[str, str | Path],
    windows: Windows,
    transforms: Sequence[Transform],
    *,
    seed: int = 0,
) -> dict[str, GraphFigures]:
    """Measure graphs that `Model.export` wrote of one model, each like the first.

    Parameters
    ----------
    paths
        Name → ONNX file.
    windows
        Prepared for the graphs (`load_graph` says how), with the context of every transform; at
        best of subjects whom the model never saw, of more than one subject or record.
    transforms
        Those that blocks name.

    Raises
    ------
    InputError
        As `load_graph` and `moves_of`, or if there is nothing to compare windows with.
    """
    found: dict[str, GraphFigures] = {}
    x, first = windows.centred.contiguous(), dict[str, Any]()
    for name, path in paths.items():
        model = load_graph(path, threads=1)
        moves, unmeasured = moves_of(model, windows, transforms, seed=seed)
        if unmeasured:
            raise InputError(unmeasured[0])
        blocks = {each: z.numpy() for each, z in model.embed(x).items()}
        first = first or blocks
        found[name] = GraphFigures(
            Path(path).stat().st_size / 1e6,
            1000 * _shortest(lambda model=model: model(x[:1])),
            1000 * _shortest(lambda model=model: model(x)) / len(x),
            {f"{m.block}, {m.transform}": _gap(m) for m in moves if m.relation == "invariant"},
            {each: float(cosine(z, first[each]).mean()) for each, z in blocks.items()},
        )
    return found


def graph_table(found: Mapping[str, GraphFigures], title: str = "") -> Table:
    """The figures as they are printed: one row per figure, one column per graph."""
    rows = [
        ("size, MB", [each.megabytes for each in found.values()]),
        ("one window, ms", [each.one_ms for each in found.values()]),
        ("per window of a batch, ms", [each.batch_ms for each in found.values()]),
    ]
    for what, of in (("gap", "gaps"), ("cosine with the first", "like_first")):
        for key in getattr(next(iter(found.values())), of):
            label = f"{what}: {key.replace('_', ' ')}"
            rows.append((label, [getattr(each, of)[key] for each in found.values()]))
    return Table(
        ("", *found),
        tuple((Value(name), *(Value(number(each)) for each in values)) for name, values in rows),
        f"The graph, in full precision and in 8 bits{f', on {title}' if title else ''}",
        "Times by onnxruntime on one thread, the shortest of several calls. Activations of int8 "
        "are scaled by the range in their batch, so latents depend a little on what else is in it.",
    )


def _gap(move: Move) -> float:
    return (move.similarity.mean - move.between) / max(1 - move.between, 1e-12)


def _shortest(call: Callable[[], object]) -> float:
    taken: list[float] = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.min(taken))
