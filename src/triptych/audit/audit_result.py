"""What an audit found: curves, figures and one sentence, to be read, drawn, saved or held to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from triptych.audit.brittleness import HalfLife, ResponseCurve
from triptych.audit.result import Result
from triptych.audit.statistics import Interval
from triptych.audit.verdict import by_distance, verdict
from triptych.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

EMBEDDING = "embedding"
"""Name of the one block of an embedding without a schema."""

DEFINITIONS = {
    "cosine_mean": "cosine of the latents of a window and of the same window transformed, mean "
    "over windows and the swept θ",
    "cosine_lowest": "the same at the distance where it is lowest",
    "cosine_random": "mean cosine between windows of different {groups}: a stranger's level",
    "separation": "AUROC of cosine: (window, the same window transformed by a random θ) against "
    "pairs from different {groups}; 0.5 is chance",
    "record_p10": "transformed query (random θ) against the untransformed windows: share of its "
    "own among the 10 nearest, itself and windows within 5 s left out",
    "half_life": "distance at which the cosine has fallen halfway to a stranger's level",
}


def check_limits(limits: Iterable[str]) -> None:
    """Raise InputError unless every name is a figure that is better when it is higher."""
    for name in limits:
        if name == "cosine_random":
            raise InputError(f"{name} is better when lower, so it cannot fail under a limit")
        if name not in DEFINITIONS and not name.startswith("cosine@"):
            known = ", ".join(each for each in DEFINITIONS if each != "cosine_random")
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
    figures
        Name (see `DEFINITIONS`) → figure with its 95 % interval over groups where there is one.
    notes
        What a reader should know.
    example
        A query and its nearest windows, for `plot`; None without signals.
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
    example: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def curve(self) -> ResponseCurve:
        """The headline's curve."""
        return self.curves[self.headline]

    @property
    def verdict(self) -> str:
        """What the audit showed, in one sentence."""
        subject = "the embedding"
        if self.headline != EMBEDDING:
            subject += f" ({self.headline})"
        return verdict(self.curve, self.half_lives[self.headline], self.unit, subject)

    @property
    def definitions(self) -> dict[str, str]:
        """One line for each figure."""
        return {name: DEFINITIONS[name].format(groups=self.groups) for name in self.figures}

    def value(self, name: str) -> float:
        """Figure by name, or ``cosine@DISTANCE``; a half-life that is not reached is infinite.

        Raises
        ------
        InputError
            If the audit has no such figure.
        """
        kind, at, distance = name.partition("@")
        if at and kind == "cosine":
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
                "cosine@DISTANCE"
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
            lines.append(f"{name}: {figure.mean:.3g}{ends}")
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
