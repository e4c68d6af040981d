"""Metrics of one cell while they are gathered, and curves as the plots take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.datasets import Windows
from triptych.metrics import (
    Labels,
    collapsed,
    cosine,
    jackknife_per_subject,
    per_subject,
    separation,
)
from triptych_studies.collapse import PREFIX


@dataclass
class Scores:
    """Metrics of a cell, the same metrics of every test subject, and what the figures draw."""

    metrics: dict[str, float] = field(default_factory=dict[str, float])
    subjects: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    artifacts: dict[str, Any] = field(default_factory=dict[str, Any])
    wanted: Callable[[str], bool] = lambda _: True  # whether an artifact is drawn, so to be kept

    def add(
        self,
        name: str,
        value: float,
        subjects: Mapping[str, float | tuple[float, int]] | None = None,
    ) -> None:
        """Keep a metric and, where it exists, the same metric of every test subject."""
        self.metrics[name] = float(value)
        for subject, figure in (subjects or {}).items():
            number = figure[0] if isinstance(figure, tuple) else figure
            self.subjects.setdefault(subject, {})[name] = float(number)

    def mean(self, name: str, rows: NDArray[Any], subjects: Labels) -> None:
        """Keep the mean of a value per row ``(n,)``, and that of every subject's rows."""
        self.add(name, float(rows.mean()), per_subject(rows.astype(float), subjects))

    def between(
        self,
        z: NDArray[Any],
        pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
        subjects: Labels,
        same: NDArray[np.float64] | None = None,
    ) -> None:
        """Keep ``cosine_random`` of pairs of rows of ``z (n, d)``, of different subjects.

        Of cosines between views of the `same` row, ``(n,)`` or ``(views, n)``, also how far they
        are apart from it: ``separation``.
        """
        a, b = pairs
        cosines = cosine(z[a], z[b])

        def left(kept: NDArray[np.bool_]) -> NDArray[np.float64]:
            return cosines[kept[a] & kept[b]]

        def mean(kept: NDArray[np.bool_]) -> float:
            return float(left(kept).mean()) if len(left(kept)) else float("nan")

        self.pool("cosine_random", mean, subjects)
        if same is not None:
            views = np.atleast_2d(same)
            self.pool("separation", lambda k: separation(views[:, k].ravel(), left(k)), subjects)

    def pool(
        self, name: str, statistic: Callable[[NDArray[np.bool_]], float], subjects: Labels
    ) -> None:
        """Keep a metric of all rows together (an AUROC, a macro F1), with a jackknife per subject.

        Of one subject, as of one who is left out, it is the metric itself.

        Parameters
        ----------
        statistic
            Which rows are kept (n,) → the metric.
        subjects
            (n,) subject of every row.
        """
        n, who = len(subjects), np.unique(np.asarray(subjects)).tolist()
        value = statistic(np.ones(n, dtype=bool))
        own = {str(who[0]): (value, n)} if len(who) == 1 else None
        if np.isfinite(value) and len(who) > 1:
            own = jackknife_per_subject(statistic, subjects, n)
        self.add(name, value, own)

    def sound(self, block: str, *latents: Any) -> bool:
        """Whether these latents (n, d) of a block may be measured; a collapsed one is marked."""
        if not collapsed(*latents):
            return True
        self.metrics[f"{PREFIX}{block}"] = 1.0
        return False

    def count(self, subjects: Labels) -> None:
        """Keep how many windows of each subject stand behind the metrics; `subjects` are (n,)."""
        names, sizes = np.unique(np.asarray(subjects), return_counts=True)
        self.counts |= {str(name): int(size) for name, size in zip(names, sizes, strict=True)}

    def by_subject(self) -> dict[str, tuple[int, dict[str, float]]]:
        """Subject → (windows behind the metrics, metrics), as `CellResult` takes it."""
        return {name: (self.counts.get(name, 0), own) for name, own in self.subjects.items()}


def curve_points(curve: Any) -> dict[str, Any]:
    """A response curve as the plots take it."""
    points = {
        name: np.asarray(getattr(curve, name), dtype=float).ravel().round(4).tolist()
        for name in ("theta", "distance", "mean", "low", "high")
    }
    return points | {"between": round(float(curve.between), 4)}


def unlike_pairs(windows: Windows, draws: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of windows that differ in subject and in label, of so many random ones."""
    a, b = np.random.default_rng(3).integers(0, len(windows), (2, draws))
    apart = (windows.subject[a] != windows.subject[b]) & (windows.label[a] != windows.label[b])
    return a[apart], b[apart]
