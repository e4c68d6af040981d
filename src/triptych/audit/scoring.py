"""Figures of predicted classes, and their intervals over subjects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from triptych.metrics.inputs import Floats
from triptych.metrics.predictions import Codes, flows, macro_f1, prediction_consistency
from triptych.metrics.statistics import (
    Interval,
    bootstrap_interval,
    jackknife_per_subject,
    per_subject,
)

Mask = NDArray[np.bool_]


def balanced_accuracy(truth: Codes, said: Codes, k: int) -> float:
    """Mean sensitivity of those of the k classes that occur; NaN without windows."""
    flow = flows(truth, said, k)
    own = flow.sum(axis=1)
    return float((flow.diagonal()[own > 0] / own[own > 0]).mean()) if len(truth) else float("nan")


def f1_of_classes(truth: Codes, said: Codes, k: int) -> float:
    """Macro F1 of k classes; NaN without windows."""
    flow = flows(truth, said, k).astype(np.float64)
    return float(macro_f1(flow.diagonal(), flow.sum(axis=1), flow.sum(axis=0)))


def f1_of_one(own: Mask, read: Mask) -> float:
    """F1 of windows that are of a class (n,), and are called so; NaN where none is either."""
    either = int(own.sum() + read.sum())
    return 2 * int((own & read).sum()) / either if either else float("nan")


def balanced_consistency(before: Codes, after: Codes, k: int) -> float:
    """`prediction_consistency`, balanced, of classes (n,) and (draws, n); NaN without windows."""
    return prediction_consistency(before, after, k).balanced if len(before) else float("nan")


def mean_of(values: Floats | Mask, subjects: NDArray[np.str_]) -> Interval:
    """A mean over windows, with its interval over subjects."""
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"), 1, 0)
    parts = per_subject(values.astype(np.float64), subjects).values()
    return bootstrap_interval(*map(list, zip(*parts, strict=True)))


def interval_of(
    statistic: Callable[[Mask], float], subjects: NDArray[np.str_], least: float = 0.0
) -> Interval:
    """A figure from `least` to 1 that is no mean over windows, with its interval over subjects."""
    n, count = len(subjects), len(np.unique(subjects))
    whole = statistic(np.ones(n, dtype=np.bool_))
    alone = Interval(whole, float("nan"), float("nan"), 1, count)
    if count < 2 or not np.isfinite(whole):
        return alone
    values, sizes = zip(*jackknife_per_subject(statistic, subjects, n).values(), strict=True)
    if not np.isfinite(values).all():  # without one subject nothing could be told
        return alone
    found = bootstrap_interval(values, sizes)
    return replace(found, mean=whole, low=max(found.low, least), high=min(found.high, 1.0))
