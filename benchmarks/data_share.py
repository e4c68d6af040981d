"""Share of an epoch of `fit` that goes into data: batches by index, and their views.

Measured where it happens: the two functions that make them are timed while `fit` trains the ECG
phase study's recipe on windows; what an epoch takes is what `fit` itself reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmarks import ECG
from benchmarks.timing import Effort, Row, Spread
from triptych.datasets import Windows
from triptych.objectives import structured
from triptych.training import Batches, Recipe, fit

BOUND = 1.0


def run(effort: Effort) -> Iterator[Row]:
    """One value an epoch; the first, which warms up, is left out."""
    epochs, count, batch = (2, 32, 16) if effort.smallest else (5, 1280, 128)
    recipe = Recipe.read(ECG).replace(
        {
            "training.epochs": epochs,
            "training.batch": batch,
            "training.patience": None,
            "training.minutes": None,
        }
    )
    data: list[float] = []

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                data[-1] += time.perf_counter() - start

        return timed

    def batches(self: Batches) -> Iterator[Any]:
        data.append(0.0)
        source = original(self)
        advance = watched(lambda: next(source, None))
        while (item := advance()) is not None:
            yield item

    original = Batches.__iter__
    with (
        mock.patch.object(Batches, "__iter__", batches),
        mock.patch.object(structured, "make_views", watched(structured.make_views)),
    ):
        fitted = fit(recipe, _windows(recipe, count), None, device="cpu", progress=False)
    ends = [row["seconds"] for row in fitted.history]
    epoch = np.diff(ends)
    yield Row(
        "data_share",
        f"{count} windows, batch {batch}",
        Spread.of(100 * share for share in np.array(data[1:]) / epoch),
        "%",
        BOUND,
        "at most",
        {"data": median(data[1:]), "epoch": float(np.median(epoch))},
    )


def _windows(recipe: Recipe, count: int) -> Windows:
    context = round(recipe.context_s * recipe.data.rate)
    generator = torch.Generator().manual_seed(0)
    names = np.array(["noise"] * count)
    return Windows(
        torch.randn(count, 1, recipe.length + 2 * context, generator=generator),
        rate=recipe.data.rate,
        context=context,
        record=names,
        subject=names,
        start=np.zeros(count),
        label=names,
        event_offset=np.full(count, np.nan),
    )
