"""What an audit found: curves, figures and one sentence, to be read, drawn, saved or held to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from triptych.audit.brittleness import ResponseCurve, equal_distances
from triptych.audit.glassbox import GlassBox
from triptych.audit.half_life import HalfLife
from triptych.audit.inputs import Floats
from triptych.audit.result import Result
from triptych.audit.statistics import Interval
from triptych.audit.swap import BlockSwap
from triptych.audit.tables import number
from triptych.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

EMBEDDING = "embedding"
"""Name of the one block of an embedding without a schema."""

CLASSES, SCORES = "classes", "scores"
"""Names of what a classifier says: the highest class, and all scores."""

COLLAPSED = 0.9
"""Cosine between strangers from which an embedding says too little to be called steady."""

DEFINITIONS = {
    "cosine_mean": "cosine of the latents of a window and of the same window transformed, mean "
    "over windows and the swept θ",
    "cosine_lowest": "the same at the distance where it is lowest",
    "cosine_random": "mean cosine between windows of different {groups}: a stranger's level",
    "separation": "AUROC of cosine: (window, the same window transformed by a random θ) against "
    "pairs from different {groups}; 0.5 is chance",
    "record_p10": "transformed query (random θ) against the untransformed windows: share of its "
    "own among the 10 nearest, itself and windows within 5 s left out",
    "consistency": "share of windows whose highest class is the same after the transform, mean "
    "over the swept θ",
    "consistency_lowest": "the same at the distance where it is lowest",
    "consistency_random": "share of pairs of windows of different {groups} with the same class",
    "half_life": "distance at which the {what} has fallen halfway to a stranger's level",
}


def check_limits(limits: Iterable[str]) -> None:
    """Raise InputError unless every name is a figure that is better when it is higher."""
    for name in limits:
        if name.endswith("_random"):
            raise InputError(f"{name} is better when lower, so it cannot fail under a limit")
        if name not in DEFINITIONS and not name.startswith(("cosine@", "consistency@")):
            known = ", ".join(each for each in DEFINITIONS if not each.endswith("_random"))
            raise InputError(f"an audit has no figure {name!r}; choose {known} or cosine@DISTANCE")


@dataclass(frozen=True)
class AuditResult(Result):
    """What an audit found.

    Attributes
    ----------
    subject, data
        What was audited and on what.
    transform, unit, grid
        Its settings, the unit of distances, and the θ (m, p) that were swept.
    groups
        ``"people"`` or ``"records"``: between whom the between-sample level is taken.
    headline
        The block that `verdict` and `figures` are about.
    curves, half_lives, relations
        Of every block.
    glass
        What each block knows, if that was measured.
    figures
        Name (see `DEFINITIONS`) → figure with its 95 % interval over groups where there is one.
    notes
        What a reader should know.
    example
        A query and its nearest windows, for `plot`; None without signals.
    swap
        What a decoder makes of each block, for models that have one.
    """

    subject: str
    data: str
    transform: dict[str, Any]
    unit: str
    grid: NDArray[Any]
    groups: str
    headline: str
    curves: dict[str, ResponseCurve]
    half_lives: dict[str, HalfLife]
    relations: dict[str, str]
    figures: dict[str, Interval]
    notes: tuple[str, ...] = ()
    glass: GlassBox | None = None
    example: dict[str, Any] | None = field(default=None, repr=False)
    swap: BlockSwap | None = None

    @property
    def curve(self) -> ResponseCurve:
        """The headline's curve."""
        return self.curves[self.headline]

    @property
    def classifier(self) -> bool:
        """Whether the highest class was audited; a block may be called "classes" as well."""
        return self.headline == CLASSES and SCORES in self.curves

    @property
    def verdict(self) -> str:
        """What the audit showed, in one sentence."""
        if self.classifier:
            return class_verdict(self.curve, self.unit, self.groups)
        subject = "the embedding"
        if self.headline != EMBEDDING:
            subject += f" ({self.headline})"
        return verdict(self.curve, self.half_lives[self.headline], self.unit, subject)

    @property
    def definitions(self) -> dict[str, str]:
        """One line for each figure."""
        words = {"groups": self.groups, "what": self.measure}
        return {name: DEFINITIONS[name].format(**words) for name in self.figures}

    @property
    def measure(self) -> str:
        """What the headline's curve shows: ``"cosine"``, of a classifier ``"consistency"``."""
        return "consistency" if self.classifier else "cosine"

    def value(self, name: str) -> float:
        """Figure by name, or ``cosine@DISTANCE``; a half-life that is not reached is infinite.

        Raises
        ------
        InputError
            If the audit has no such figure.
        """
        kind, at, distance = name.partition("@")
        if at and kind == self.measure:
            where, mean, _ = by_distance(self.curve)
            try:
                near = np.isclose(where, float(distance), rtol=1e-4)
            except ValueError:
                near = np.zeros(len(where), np.bool_)
            if near.any():
                return float(mean[near][0])
            swept = ", ".join(f"{value:g}" for value in where)
            raise InputError(f"there is no {name}: the distances {swept} ({self.unit}) were swept")
        if name not in self.figures:
            raise InputError(
                f"the audit has no figure {name!r}; it has {', '.join(self.figures)} and "
                f"{self.measure}@DISTANCE"
            )
        value = self.figures[name].mean
        return float("inf") if name == "half_life" and np.isnan(value) else value

    def below(self, limits: Mapping[str, float]) -> list[str]:
        """One sentence for each figure that is under its limit.

        Raises
        ------
        InputError
            For a figure that the audit does not have, or that is better when it is lower.
        """
        check_limits(limits)
        return [
            f"{name} is {self.value(name):.4g}, under the limit of {limit:g}"
            for name, limit in limits.items()
            if not self.value(name) >= limit
        ]

    def summary(self) -> str:
        """Verdict and figures as text."""
        lines = [self.verdict]
        for name, figure in self.figures.items():
            ends = f" [{figure.low:.3g}, {figure.high:.3g}]" if np.isfinite(figure.low) else ""
            missing = self.half_lives[self.headline].outcome if name == "half_life" else "–"
            text = f"{figure.mean:.3g}" if np.isfinite(figure.mean) else missing
            lines.append(f"{name}: {text}{ends}")
        return "\n".join(lines)

    def to_frame(self) -> DataFrame:
        """One row a block and θ: theta, distance, cosine, low, high, auroc, between."""
        import pandas as pd

        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "block": name,
                        "theta": curve.theta,
                        "distance": curve.distance,
                        "cosine": curve.mean,
                        "low": curve.low,
                        "high": curve.high,
                        "auroc": curve.auroc,
                        "between": curve.between,
                    }
                )
                for name, curve in self.curves.items()
            ],
            ignore_index=True,
        )

    def plot(self, folder: str | Path) -> list[Path]:
        """Draw the figures as PNGs into `folder`; returns their paths."""
        from triptych.audit.audit_outputs import draw

        return [Path(folder) / figure.file for figure in draw(self, Path(folder))]

    def save(self, folder: str | Path, command: str = "") -> Path:
        """Write ``audit.json``, ``table.md``, ``figures/`` and ``report.html``; returns the last.

        Raises InputError if they cannot be written.
        """
        from triptych.audit.audit_outputs import write

        return write(self, Path(folder), command)


def shown(distance: float, unit: str, digits: int = 4) -> str:
    """``"75 ms"``, ``"30 degrees"``, ``"6 dB"``."""
    value, name = (1000 * distance, "ms") if unit == "s" else (distance, unit)
    return f"{value:.{digits}g} {name}"


def by_distance(curve: ResponseCurve) -> tuple[Floats, Floats, Floats]:
    """Distances (k,) that were swept, mean cosine and low end of its interval at each of them."""
    where, share = equal_distances(curve.distance)
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


def class_verdict(curve: ResponseCurve, unit: str, groups: str) -> str:
    """Say in one sentence how steady the class of a classifier is."""
    where, mean, _ = by_distance(curve)
    worst = int(mean.argmin())
    strangers = f"two windows of different {groups} share one in {curve.between:.0%}"
    if curve.between >= COLLAPSED:
        return (
            f"The class is the same for nearly everyone ({strangers}), so that it stays the same "
            "under the transform means nothing."
        )
    return (
        f"Up to {shown(where[-1], unit)} the class stays the same in {mean[where > 0].mean():.1%} "
        f"of windows, and at {shown(where[worst], unit)}, where it is lowest, in {mean[worst]:.1%};"
        f" {strangers}."
    )


def interval(half: HalfLife, unit: str) -> tuple[str, str]:
    """Half-life and its interval as they stand in a table."""
    if not math.isfinite(half.value):
        return half.outcome, f"reached in {half.reached:.0%} of resamples" * (half.reached > 0)
    ends = [shown(end, unit, 3) if math.isfinite(end) else "∞" for end in (half.low, half.high)]
    return shown(half.value, unit, 3), f"[{', '.join(ends)}]"


def _lower(subject: str) -> str:
    return subject[0].lower() + subject[1:]
