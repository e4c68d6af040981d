"""What a sweep did to the headline of an audit, as a figure and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from triptych.audit.canvas import COLOURS, MARKERS, canvas, legend, lowest_of
from triptych.audit.result import AuditResult
from triptych.audit.tables import Table, Value, number
from triptych.audit.theta_words import axes_note, in_order, thetas
from triptych.audit.verdicts import shown
from triptych.metrics.inputs import Floats
from triptych.metrics.sweeps import equal_distances

MEASURES = {
    "cosine": "cosine similarity",
    "agreement": "agreement (0: a stranger's)",
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
    curve, signed = result.curve, result.grid.shape[1] == 1
    where, share = equal_distances(curve.distance)
    singles: dict[str, tuple[Floats, Floats]] = {}
    if signed:
        at, values = curve.theta, (curve.mean, curve.low, curve.high)
    else:
        at, values = where, tuple(each @ share for each in (curve.mean, curve.low, curve.high))
        several = (share > 0).sum(axis=0)[share.argmax(axis=1)] > 1
        singles = _singles(result, [k for k, held in enumerate(several.tolist()) if held])
    if signed or where[0] > 0:
        at = np.append(at, _neutral(result) if signed else 0.0)
        values = tuple(np.append(each, 1.0) for each in values)
    order = np.argsort(at, kind="stable")
    mean, low, high = (each[order] for each in values)
    shown_too = [float(y.min()) for _, y in singles.values()]
    measured = [] if curve.collapsed else [float(low.min()), *shown_too]
    floor = lowest_of([curve.between, *measured])
    return Drawn(at[order], mean, low, high, singles, floor)


def _singles(result: AuditResult, places: list[int]) -> dict[str, tuple[Floats, Floats]]:
    """The θ at these places by direction, or all as one where directions are many."""
    words = thetas(result)
    names = [words[k].direction for k in places]
    by_axis = len(set(names)) <= 3
    ranked = sorted(places, key=lambda k: words[k].rank)
    found: dict[str, list[int]] = {}
    for k in ranked:
        name = words[k].direction if by_axis else ""
        found.setdefault(name or "each of these θ", []).append(k)
    curve = result.curve
    return {name: (curve.distance[rows], curve.mean[rows]) for name, rows in found.items()}


def _neutral(result: AuditResult) -> float:
    return 1.0 if result.transform.name == "time_scale" else 0.0


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
    """Similarity against θ, with a stranger's level and the half-life."""
    curve, half, found = result.curve, result.half_lives[result.headline], drawn(result)
    factor = 1000.0 if result.unit == "s" else 1.0
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
        level = f"windows of different {result.groups}: a stranger's level"
        level = "an answer that ignores the window" if result.classifier else level
        kinds.append(("dash", COLOURS[1], level))
        if np.isfinite(half.value) and _neutral(result) == 0.0:
            for sign in (-1, 1) if at.min() < 0 else (1,):
                axis.axvline(sign * half.value * factor, color="#777777", ls=":", lw=1.2)
            kinds.append(("dots", "#777777", f"half-life, {shown(half.value, result.unit, 3)}"))
        margin = 0.04 * (1 - max(found.floor, 0.0))
        axis.set_ylim(found.floor - margin, 1 + margin)
        axis.set_xlabel(f"{_words(result)}, {_unit(result)}")
        measure = MEASURES[result.measure]
        begins = f"\n(axis from {found.floor:g}, not 0)" if found.floor > 0 else ""
        axis.set_ylabel(measure + begins)
        legend(figure, kinds)


def sweep_table(result: AuditResult) -> Table:
    """The headline's curve, one row a θ: small ones first, those of one distance by direction."""
    curve, words = result.curve, thetas(result)
    columns = [curve.mean, curve.low, curve.high]
    mean, low, high = (each.tolist() for each in columns)
    auroc = [] if result.classifier else [curve.auroc.tolist()]
    rows = tuple(
        (
            Value(str(words[k])),
            Value(number(mean[k])),
            Value(f"[{number(low[k])}, {number(high[k])}]"),
            *(Value(number(each[k])) for each in auroc),
        )
        for k in in_order(result, words)
    )
    note = f"A stranger's {result.measure} is {number(curve.between)}."
    if result.classifier:
        note = f"Every answered class counts alike; chance is {number(curve.between)}."
    if any("about " in str(each) for each in words):
        note += f" {axes_note(result.settings)}"
    header = (_words(result), result.measure, "95 % interval", *["AUROC"] * len(auroc))
    return Table(header, rows, note=note.strip())


def _words(result: AuditResult) -> str:
    return result.transform.name.replace("_", " ")


def _unit(result: AuditResult) -> str:
    if result.transform.name == "time_scale":
        return "factor"
    return "ms" if result.unit == "s" else result.unit
