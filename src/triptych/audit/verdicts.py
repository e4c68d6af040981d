"""What a sweep showed in one sentence, each figure with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from triptych.audit.answers import Answers
from triptych.audit.tables import number
from triptych.metrics.inputs import Floats
from triptych.metrics.statistics import Interval
from triptych.metrics.sweeps import HalfLife, equal_distances
from triptych.metrics.tally import ResponseCurve
from triptych.transforms.units import shown

COLLAPSED = 0.9
"""Likeness of different subjects from which an embedding says too little to be called steady."""

NOWHERE = 0.5
"""Share of windows whose latents are all zeros from which nothing is said of the others."""

LOST = 0.1
"""Share of windows whose latents become all zeros from which the others do not stand for all."""


def bracketed(low: float, high: float) -> str:
    """``"[0.88, 0.94]"``; nothing where there is no interval."""
    return f"[{number(low)}, {number(high)}]" if math.isfinite(low) else ""


def with_ends(figure: Interval) -> str:
    """``"0.91 [0.88, 0.94]"``."""
    return f"{number(figure.mean)} {bracketed(figure.low, figure.high)}".strip()


def by_distance(curve: ResponseCurve) -> tuple[Floats, Floats, Floats, Floats]:
    """Distances (k,) that were swept; mean similarity and both ends of its interval there."""
    where, share = equal_distances(curve.distance)

    def averaged(values: Floats) -> Floats:  # a θ without a figure leaves other distances alone
        lacking = (np.isnan(values) @ (share > 0)) > 0
        return np.where(lacking, np.nan, np.nan_to_num(values) @ share)

    return where, averaged(curve.mean), averaged(curve.low), averaged(curve.high)


def lowest_of(curve: ResponseCurve) -> Interval:
    """The similarity at the distance where it is lowest, with its interval there."""
    _, mean, low, high = by_distance(curve)
    k = int(np.where(np.isfinite(mean), mean, np.inf).argmin())
    return Interval(float(mean[k]), float(low[k]), float(high[k]), 1, len(curve.groups))


def single(figure: float) -> Interval:
    """A figure over all windows, without an interval."""
    return Interval(figure, float("nan"), float("nan"), 1, 1)


def void_of(curve: ResponseCurve, unit: str, subject: str) -> str:
    """Why a curve says nothing; empty if it says something. `subject` as in `verdict`."""
    first = subject[0].upper() + subject[1:]
    nowhere = curve.zeros / curve.sizes.sum()
    if nowhere > NOWHERE:
        return (
            f"{first} is all zeros for {nowhere:.0%} of windows, so that there is too little to "
            "compare."
        )
    if curve.between >= COLLAPSED and curve.measure == "agreement":
        return f"{first} is the same for everyone, so that it stays the same means nothing."
    if curve.between >= COLLAPSED:
        return (
            f"{first} is nearly the same for everyone (cosine {number(curve.between)} to "
            "another subject's), so that it stays the same under the transform means nothing."
        )
    if curve.lost.max(initial=0) > LOST:
        k = int(curve.lost.argmax())
        return (
            f"At {shown(curve.distance[k], unit)} {subject} becomes all zeros in "
            f"{curve.lost[k]:.0%} of windows, and figures of the others do not stand for them."
        )
    return ""


def verdict(curve: ResponseCurve, half: HalfLife, unit: str, subject: str) -> str:
    """Say in one sentence what a sweep showed; `subject` is "the embedding", "the output"."""
    where, mean, low, high = by_distance(curve)
    first = subject[0].upper() + subject[1:]
    level = f"between-sample level: {number(curve.between)}"

    def measured(k: int) -> str:
        return f"{number(mean[k])} {bracketed(low[k], high[k])}".strip()

    lost = np.flatnonzero(low <= curve.between)
    if len(lost):
        k = int(lost[0])
        closer = "no closer" if mean[k] <= curve.between else "not shown to be closer"
        said = (
            f"At {shown(where[k], unit)} {subject} is {closer} to itself than the between-sample "
            "level: "
            f"{curve.measure} {measured(k)} against {number(curve.between)}"
        )
    elif math.isfinite(half.value):
        k = int(mean.argmin())
        value, around = interval(half, unit)
        said = (
            f"At {value} {around} {subject} has fallen halfway to the "
            f"between-sample level, and its lowest {curve.measure} to itself is {measured(k)} at "
            f"{shown(where[k], unit)} ({level})"
        )
    else:
        k = int(mean.argmin())
        said = (
            f"Up to {shown(where[-1], unit)} {subject} stays closer to itself than the "
            f"between-sample level: {curve.measure} at least {measured(k)} against "
            f"{number(curve.between)}"
        )
    if curve.measure == "agreement":
        said += " (1: it does not move; 0: it moves as far as different subjects are apart)"
    if curve.lost.max(initial=0) > 0:
        k = int(curve.lost.argmax())
        said += f". {first} becomes all zeros in {curve.lost[k]:.1%} of windows at "
        said += f"{shown(curve.distance[k], unit)}; they are in no mean"
    return f"{said}."


def class_verdict(
    answers: Answers, curve: ResponseCurve, figures: Mapping[str, Interval], unit: str
) -> str:
    """Say what becomes of a classifier's answers, and which class is lost.

    `curve` is the balanced one, `figures` are those of `AnswerTally.figures`.
    """
    kept = figures["consistency_balanced"]
    where, mean, low, high = by_distance(curve)
    k, worst = int(mean.argmin()), answers.worst
    name, n = answers.classes[worst], int(answers.called[worst])
    stay = float(answers.flow_lowest[worst, worst])
    becomes = answers.becomes(worst)
    fate = (
        f"class {name} is lost: none of"
        if stay == 0
        else f"class {name} keeps least: {stay:.1%} of"
    )
    steadier = low[k] > answers.chance
    right, far = _right(answers, figures, unit), shown(where[-1], unit)
    return (
        f"{right}Up to {far} the class stays the same in "
        f"{kept.mean:.1%} of windows [{kept.low:.1%}, {kept.high:.1%}], every class counting alike "
        f"(an answer that ignores the window: {answers.chance:.1%}), and at "
        f"{shown(where[k], unit)}, where it is lowest, in {mean[k]:.1%} [{low[k]:.1%}, "
        f"{high[k]:.1%}]{'' if steadier else ', not shown to be more than such an answer'}. There "
        f"{fate} the {n:,} windows called so stay"
        + (f" (they become {becomes})." if becomes else ".")
    )


def _right(answers: Answers, figures: Mapping[str, Interval], unit: str) -> str:
    """What becomes of accuracy, macro F1 and the sensitivity that falls most."""
    truth = answers.truth
    if truth is None:
        return ""
    worst = truth.classes[truth.worst]

    def said(name: str, of: str = "") -> str:
        now, before = figures[f"{name}_lowest{of}"], figures[f"{name}{of}"]
        around = f" [{now.low:.2f}, {now.high:.2f}]" if math.isfinite(now.low) else ""
        return f"{now.mean:.2f}{around} (untransformed {before.mean:.2f})"

    return (
        f"At {shown(float(answers.distance[truth.lowest]), unit)} the sensitivity to {worst} is "
        f"{said('sensitivity', f':{worst}')}, macro F1 {said('macro_f1')}, accuracy "
        f"{said('accuracy')}. "
    )


def interval(half: HalfLife, unit: str) -> tuple[str, str]:
    """Half-life and its interval as they stand in a table."""
    if not math.isfinite(half.value):
        return half.outcome, f"reached in {half.reached:.0%} of resamples" * (half.reached > 0)
    low, high = (shown(e, unit, 3) if math.isfinite(e) else "∞" for e in (half.low, half.high))
    return shown(half.value, unit, 3), f"[{low}, {high}]"
