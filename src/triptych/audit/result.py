"""What an audit found, as data: curves, figures and one sentence, to be read or held to limits.

`triptych.audit.write` makes files of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from triptych.audit.answers import Answers
from triptych.audit.figures import DEFINITIONS, check_limits
from triptych.audit.premise import Premise
from triptych.audit.swap import BlockSwap
from triptych.audit.sweep import Steps
from triptych.audit.verdicts import by_distance, class_verdict, verdict, void_of
from triptych.errors import InputError
from triptych.metrics.matrix import FactorMatrix
from triptych.metrics.result import Result
from triptych.metrics.statistics import Interval
from triptych.metrics.sweeps import HalfLife, ResponseCurve
from triptych.transforms import Transform, to_dict

if TYPE_CHECKING:
    from pandas import DataFrame

EMBEDDING = "embedding"
"""Name of the one block of an embedding without a schema."""


@dataclass(frozen=True)
class AuditResult(Result):
    """What an audit found.

    Attributes
    ----------
    subject, data
        What was audited and on what.
    transform, grid
        What was swept, in its `unit`, and the θ (m, p).
    steps
        Those θ as they are listed and drawn.
    groups
        ``"subjects"`` or ``"records"``: between whom the between-sample level is taken.
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
        A query and its nearest windows, to be drawn; None without signals.
    swap
        What a decoder makes of each block, for models that have one.
    answers
        What became of a classifier's answers; None of an embedding.
    premise
        Whether untransformed windows keep their latents, asked again.
    """

    subject: str
    data: str
    transform: Transform
    grid: NDArray[Any]
    steps: Steps
    groups: str
    headline: str
    curves: dict[str, ResponseCurve]
    half_lives: dict[str, HalfLife]
    relations: dict[str, str]
    figures: dict[str, Interval]
    notes: tuple[str, ...] = ()
    glass: FactorMatrix | None = None
    example: dict[str, Any] | None = field(default=None, repr=False)
    swap: BlockSwap | None = None
    answers: Answers | None = None
    premise: Premise | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, the transform by its settings and its unit."""
        return {**super().to_dict(), "transform": self.settings, "unit": self.unit}

    @property
    def settings(self) -> dict[str, Any]:
        """Name and settings of the transform."""
        return to_dict(self.transform)

    @property
    def unit(self) -> str:
        """Unit of all distances."""
        return self.transform.unit

    @property
    def nuisance(self) -> str:
        """The transform in words: ``"phase shift"``."""
        return self.transform.name.replace("_", " ")

    @property
    def curve(self) -> ResponseCurve:
        """The headline's curve."""
        return self.curves[self.headline]

    @property
    def classifier(self) -> bool:
        """Whether the answers of a classifier were audited."""
        return self.answers is not None

    @property
    def void(self) -> str:
        """Why nothing is to be concluded from the figures, in one sentence; empty if something is.

        The model breaks the audit's premise, says the same of everyone, or says nothing.
        """
        broken = self.premise.broken if self.premise is not None else ""
        if broken:
            return f"{broken}, so nothing is said of {self.nuisance}."
        if self.answers is not None:
            return self.answers.void
        return void_of(self.curve, self.unit, self._subject)

    @property
    def verdict(self) -> str:
        """What the audit showed, in one sentence or two."""
        if self.void:
            return self.void
        if self.answers is not None:
            return class_verdict(self.answers, self.curve, self.figures, self.unit)
        return verdict(self.curve, self.half_lives[self.headline], self.unit, self._subject)

    @property
    def _subject(self) -> str:
        what = "the output" if self.measure == "agreement" else "the embedding"
        return what if self.headline == EMBEDDING else f"{what} ({self.headline})"

    @property
    def definitions(self) -> dict[str, str]:
        """One line for each figure."""
        words = {"groups": self.groups, "what": self.measure, "level": "the between-sample level"}
        if self.classifier:
            words |= {"what": "balanced consistency", "level": "the level of chance"}
        return {n: DEFINITIONS[n.partition(":")[0]].format(**words) for n in self.figures}

    @property
    def measure(self) -> str:
        """What the headline's curve shows: ``"cosine"``, ``"agreement"`` or ``"consistency"``.

        Of a single number it is agreement, of a classifier consistency with every class counting
        alike.
        """
        return self.curve.measure

    def gated(self, name: str) -> str:
        """The figure that a limit on `name` is held against.

        Of a classifier's consistency the balanced one, and of a single number, whose cosine says
        nothing, the agreement.
        """
        kind = name.partition("@")[0]
        if self.classifier and kind in ("consistency", "consistency_lowest"):
            return name.replace("consistency", "consistency_balanced", 1)
        if self.measure == "agreement" and kind.startswith("cosine"):
            return name.replace("cosine", "agreement", 1)
        return name

    def value(self, name: str) -> float:
        """Figure by name, or ``cosine@DISTANCE``; a half-life that is not reached is infinite.

        Raises
        ------
        InputError
            If the audit has no such figure.
        """
        kind, at, distance = name.partition("@")
        where, mean, _, _ = by_distance(self.curve)
        swept = {self.measure: mean}
        if self.answers is not None:
            swept = {"consistency": self.answers.raw, "consistency_balanced": mean}
        if at and kind in swept:
            try:
                near = np.isclose(where, float(distance), rtol=1e-4)
            except ValueError:
                near = np.zeros(len(where), np.bool_)
            if near.any():
                return float(swept[kind][near][0])
            steps = ", ".join(f"{value:g}" for value in where)
            raise InputError(f"there is no {name}: the distances {steps} ({self.unit}) were swept")
        if name not in self.figures:
            raise InputError(
                f"the audit has no figure {name!r}; it has {', '.join(self.figures)} and "
                f"{' or '.join(swept)}@DISTANCE"
            )
        value = self.figures[name].mean
        return float("inf") if name == "half_life" and np.isnan(value) else value

    def below(self, limits: Mapping[str, float]) -> list[str]:
        """One sentence for each figure that is under its limit.

        Where the verdict is void no figure can pass, and that is said first; see `gated` for what
        a limit is held against.

        Raises
        ------
        InputError
            For a figure that the audit does not have, or that is better when it is lower.
        """
        check_limits(limits)
        said = [f"no figure can pass, the verdict is void: {self.void}"] if self.void else []
        for name, limit in limits.items():
            held = self.gated(name)
            if not self.value(held) >= limit:
                what = name if held == name else f"{name} is held against {held}, which"
                value = f"{self.value(held):.4g}".replace("nan", "missing")
                said.append(f"{what} is {value}, under the limit of {limit:g}")
        return said if limits else []

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
        """One row a block and θ: theta, distance, cosine, low, high, auroc, between.

        Of a classifier ``consistency`` stands in place of the cosine, of a single number
        ``agreement``.
        """
        import pandas as pd

        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "block": name,
                        "theta": curve.theta,
                        "distance": curve.distance,
                        curve.measure: curve.mean,
                        "low": curve.low,
                        "high": curve.high,
                        "auroc": curve.auroc,
                        "between": curve.between,
                    }
                )
                for name, curve in self.curves.items()
                if name == self.headline or not self.classifier
            ],
            ignore_index=True,
        )
