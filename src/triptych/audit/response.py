"""What a sweep did to the headline of an audit, as a figure and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from triptych.audit.canvas import COLOURS, MARKERS, canvas, legend, lowest_of
from triptych.audit.result import AuditResult
from triptych.audit.tables import Table, Value, number
from triptych.metrics.inputs import Floats
from triptych.metrics.sweeps import equal_distances
from triptych.transforms.units import readable, shown

MEASURES = {
    "cosine": "cosine similarity",
    "agreement": "agreement (0: between subjects)",
    "consistency": "share of the same class, balanced",
}
_SINGLE = "#6f6f6f"  # of single θ beside the mean over those of their distance


@dataclass(frozen=True)
class Drawn:
    """The curve as it is drawn: (k,) points from left to right, through 1 at the identity.

    `singles` are the (m,) places and similarities of the single θ where several have one distance,
    by their direction; `floor` is where the axis of similarity begins.
    """

    at: Floats
    mean: Floats
    low: Floats
    high: Floats
    singles: dict[str, tuple[Floats, Floats]]
    floor: float


def drawn(result: AuditResult) -> Drawn:
    """Take θ with its sign where it is one number, else one point a distance: the mean over its θ.

    The ends of the 95 % interval are averaged as the cosines are.
    """
    curve, steps = result.curve, result.steps
    where, share = equal_distances(curve.distance)
    singles: dict[str, tuple[Floats, Floats]] = {}
    if steps.signed:
        at, values = steps.places, (curve.mean, curve.low, curve.high)
    else:
        at, values = where, tuple(each @ share for each in (curve.mean, curve.low, curve.high))
        several = (share > 0).sum(axis=0)[share.argmax(axis=1)] > 1
        singles = _singles(result, [k for k, held in enumerate(several.tolist()) if held])
    if steps.signed or where[0] > 0:
        at, values = np.append(at, 0.0), tuple(np.append(each, 1.0) for each in values)
    order = np.argsort(at, kind="stable")
    mean, low, high = (each[order] for each in values)
    shown_too = [float(y.min()) for _, y in singles.values()]
    measured = [] if curve.collapsed else [float(low.min()), *shown_too]
    floor = lowest_of([curve.between, *measured])
    return Drawn(at[order], mean, low, high, singles, floor)


def _singles(result: AuditResult, places: list[int]) -> dict[str, tuple[Floats, Floats]]:
    """The θ at these places by what their words say beside the size, or all as one if many."""
    curve, labels = result.curve, result.steps.labels
    sizes = [shown(each, result.unit) for each in curve.distance.tolist()]
    names = {k: labels[k].removeprefix(sizes[k]).strip() for k in places}
    few = len(set(names.values())) <= 3
    found: dict[str, list[int]] = {}
    for k in places:
        found.setdefault((few and names[k]) or "each of these θ", []).append(k)
    return {name: (curve.distance[rows], curve.mean[rows]) for name, rows in found.items()}


def caption(result: AuditResult) -> str:
    """What the figure shows beyond its curve; empty if there is nothing to say."""
    found = drawn(result)
    words = ""
    if found.singles:
        words += " The curve is the mean over the θ of one distance; points are the single ones."
    if found.floor > 0:
        words += f" The axis begins at {found.floor:g}, not at 0."
    return words


def draw_curve(result: AuditResult, path: Path, title: str, note: str) -> None:
    """Similarity against θ, with the between-sample level and the half-life."""
    curve, half, found = result.curve, result.half_lives[result.headline], drawn(result)
    factor, unit = readable(result.unit)
    at = found.at * factor
    with canvas(path, 7.6, 4.0 if found.singles else 3.6, title, note) as figure:
        axis = figure.subplots()
        axis.fill_between(at, found.low, found.high, color=COLOURS[0], alpha=0.3, lw=0)
        axis.plot(at, found.mean, color=COLOURS[0])
        which = "the same window, transformed"
        kinds = [("line", COLOURS[0], f"{which} ({'mean, ' * bool(found.singles)}95 % band)")]
        for marker, (name, (x, y)) in zip(MARKERS[2:], found.singles.items(), strict=False):
            axis.plot(x * factor, y, marker, color=_SINGLE, alpha=0.6, ms=4, mew=0)
            kinds.append((marker, _SINGLE, name))
        axis.axhline(curve.between, color=COLOURS[1], ls=(0, (4, 2)), lw=1.4)
        level = f"windows of different {result.groups}: the between-sample level"
        level = "an answer that ignores the window" if result.classifier else level
        kinds.append(("dash", COLOURS[1], level))
        if np.isfinite(half.value):
            for sign in (-1, 1) if at.min() < 0 else (1,):
                axis.axvline(sign * half.value * factor, color="#777777", ls=":", lw=1.2)
            kinds.append(("dots", "#777777", f"half-life, {shown(half.value, result.unit, 3)}"))
        margin = 0.04 * (1 - max(found.floor, 0.0))
        axis.set_ylim(found.floor - margin, 1 + margin)
        axis.set_xlabel(f"{_words(result)}, {unit}")
        measure = MEASURES[result.measure]
        begins = f"\n(axis from {found.floor:g}, not 0)" if found.floor > 0 else ""
        axis.set_ylabel(measure + begins)
        legend(figure, kinds)


def sweep_table(result: AuditResult) -> Table:
    """The headline's curve, one row a θ: small ones first, those of one distance by direction."""
    curve, steps = result.curve, result.steps
    columns = [curve.mean, curve.low, curve.high]
    mean, low, high = (each.tolist() for each in columns)
    auroc = [] if result.classifier else [curve.auroc.tolist()]
    rows = tuple(
        (
            Value(steps.labels[k]),
            Value(number(mean[k])),
            Value(f"[{number(low[k])}, {number(high[k])}]"),
            *(Value(number(each[k])) for each in auroc),
        )
        for k in steps.order
    )
    note = f"The between-sample {result.measure} is {number(curve.between)}."
    if result.classifier:
        note = f"Every answered class counts alike; chance is {number(curve.between)}."
    note += f" {steps.legend}"
    header = (_words(result), result.measure, "95 % interval", *["AUROC"] * len(auroc))
    return Table(header, rows, note=note.strip())


def _words(result: AuditResult) -> str:
    return result.transform.name.replace("_", " ")
