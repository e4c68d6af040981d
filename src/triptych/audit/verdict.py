"""A brittleness curve in words: one sentence, and distances as people say them."""

from __future__ import annotations

import math

import numpy as np

from triptych.audit.brittleness import HalfLife, ResponseCurve
from triptych.audit.inputs import Floats
from triptych.audit.tables import number

COLLAPSED = 0.9
"""Cosine between strangers from which an embedding says too little to be called steady."""


def shown(distance: float, unit: str, digits: int = 4) -> str:
    """``"75 ms"``, ``"30 degrees"``, ``"6 dB"``."""
    value, name = (1000 * distance, "ms") if unit == "s" else (distance, unit)
    return f"{value:.{digits}g} {name}"


def by_distance(curve: ResponseCurve) -> tuple[Floats, Floats, Floats]:
    """Distances (k,) that were swept, mean cosine and low end of its interval at each of them."""
    where, index = np.unique(np.round(curve.distance, 9), return_inverse=True)
    share = np.eye(len(where))[index]
    share /= share.sum(axis=0)
    return where, curve.mean @ share, curve.low @ share


def verdict(curve: ResponseCurve, half: HalfLife, unit: str, subject: str) -> str:
    """Say in one sentence what a sweep showed; `subject` is "the embedding", "the block timing"."""
    where, mean, low = by_distance(curve)
    subject = subject[0].upper() + subject[1:]
    if curve.between >= COLLAPSED:
        return (
            f"{subject} is nearly the same for everyone (cosine {number(curve.between)} to a "
            "stranger's), so that it stays the same under the transform means nothing."
        )
    lost = np.flatnonzero(low <= curve.between)
    if len(lost):
        k = int(lost[0])
        return (
            f"At {shown(where[k], unit)} {_lower(subject)} is no closer to itself than to a "
            f"stranger's: cosine {number(float(mean[k]))} against {number(curve.between)}."
        )
    worst = int(mean.argmin())
    if math.isfinite(half.value):
        return (
            f"At {shown(half.value, unit, 3)} {_lower(subject)} has fallen halfway to a "
            f"stranger's, and its lowest cosine to itself is {number(float(mean[worst]))} at "
            f"{shown(where[worst], unit)} (a stranger's: {number(curve.between)})."
        )
    return (
        f"Up to {shown(where[-1], unit)} {_lower(subject)} stays closer to itself than to a "
        f"stranger's: cosine at least {number(float(mean[worst]))} against {number(curve.between)}."
    )


def interval(half: HalfLife, unit: str) -> tuple[str, str]:
    """Half-life and its interval as they stand in a table."""
    if not math.isfinite(half.value):
        return "not reached", f"reached in {half.reached:.0%} of resamples" * (half.reached > 0)
    ends = [shown(end, unit, 3) if math.isfinite(end) else "∞" for end in (half.low, half.high)]
    return shown(half.value, unit, 3), f"[{', '.join(ends)}]"


def _lower(subject: str) -> str:
    return subject[0].lower() + subject[1:]
