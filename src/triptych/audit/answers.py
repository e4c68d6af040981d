"""What a sweep did to a classifier's answers: the flow between classes, and right and wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.audit.tables import Table, Value, number
from triptych.metrics.inputs import Floats
from triptych.metrics.predictions import FEWEST
from triptych.metrics.result import Result

CLASSES, SCORES = "classes", "scores"
"""Names of what a classifier says: the highest class, and all scores."""

BALANCED = "balanced classes"
"""Name of the curve of its consistency with every class counting alike: the headline."""


@dataclass(frozen=True)
class Truth(Result):
    """Right and wrong, of the windows whose label is one of the classes.

    Attributes
    ----------
    classes, sizes
        Labels that occur, and windows of each.
    accuracy, macro_f1, sensitivity
        Of the windows as they are; the last of each class.
    accuracy_at, macro_f1_at, sensitivity_at
        The same at each distance of `Answers.distance`, (k,), (k,) and (k, K).
    """

    classes: tuple[str, ...]
    sizes: NDArray[np.int64]
    accuracy: float
    macro_f1: float
    sensitivity: Floats
    accuracy_at: Floats
    macro_f1_at: Floats
    sensitivity_at: Floats

    @property
    def lowest(self) -> int:
        """Place of the distance where `macro_f1_at` is lowest."""
        return int(self.macro_f1_at.argmin())

    @property
    def worst(self) -> int:
        """Place of the class whose sensitivity falls most at that distance."""
        return int((self.sensitivity_at[self.lowest] - self.sensitivity).argmin())

    def table(self, lowest: str) -> Table:
        """Right and wrong, untransformed and under the transform; `lowest` names a distance."""
        k = self.lowest

        def row(name: str, count: int, before: float, at: Floats) -> tuple[Value, ...]:
            figures = (before, float(at[k]))
            return (Value(name), Value(f"{count:,}"), *(Value(number(each)) for each in figures))

        total = int(self.sizes.sum())
        rows = [
            row("accuracy", total, self.accuracy, self.accuracy_at),
            row("macro F1", total, self.macro_f1, self.macro_f1_at),
        ]
        for i, name in enumerate(self.classes):
            at = self.sensitivity_at[:, i]
            rows.append(
                row(f"sensitivity: {name}", int(self.sizes[i]), float(self.sensitivity[i]), at)
            )
        header = ("against the labels", "windows", "untransformed", f"at {lowest}")
        return Table(header, tuple(rows), note=f"At {lowest} macro F1 is lowest.")


@dataclass(frozen=True)
class Answers(Result):
    """What becomes of the windows that are called A.

    Attributes
    ----------
    classes, called
        The K classes that are answered at all, and windows called so as they are.
    counted
        Which of them have windows enough to be in a mean over classes (see `agreement.FEWEST`).
    distance
        (k,) distances that were swept.
    raw, balanced
        (k,) share of windows that keep their class, and the same with every class counting alike.
    chance
        What `balanced` is for a constant or an independent answer.
    kept
        (k, K) share of the windows of each class that keep it.
    flow, flow_lowest
        (K, K) share of the windows called i that are called j: mean over the swept θ, and at the
        distance `lowest_at` where `balanced` is lowest.
    truth
        Where labels are known.
    """

    classes: tuple[str, ...]
    called: NDArray[np.int64]
    counted: tuple[bool, ...]
    distance: Floats
    raw: Floats
    balanced: Floats
    chance: float
    kept: Floats
    flow: Floats
    flow_lowest: Floats
    lowest_at: float
    truth: Truth | None = None

    @property
    def lowest(self) -> int:
        """Place of the distance where `balanced` is lowest."""
        return int(self.balanced.argmin())

    @property
    def worst(self) -> int:
        """Place of the class that keeps least at `lowest_at`, among those that count."""
        kept = np.where(self.counted, self.flow_lowest.diagonal(), np.inf)
        return int(kept.argmin())

    @property
    def void(self) -> str:
        """Why nothing is to be said of the answers; empty if something is."""
        if sum(self.counted) > 1:
            return ""
        name, share = self.classes[int(self.called.argmax())], self.called.max() / self.called.sum()
        everyone = "everyone" if share == 1 else "nearly everyone"
        return (
            f"The class is the same for {everyone} (class {name} for {share:.1%} of windows), so "
            "that it stays the same under the transform means nothing."
        )

    def notes(self) -> list[str]:
        """Which classes are in no mean over classes."""
        pairs = zip(self.classes, self.called, self.counted, strict=True)
        few = [name for name, n, counted in pairs if n and not counted]
        if not few or self.void:
            return []
        return [f"too few windows to count in the mean over classes: {', '.join(few[:10])}"]

    def flow_table(self, lowest: str) -> Table:
        """What becomes of the windows that are called A; `lowest` is `lowest_at` in words."""
        rows = [
            (
                Value(name),
                Value(f"{int(self.called[i]):,}"),
                Value(number(float(self.flow[i, i]))),
                Value(number(float(self.flow_lowest[i, i]))),
                Value(self.becomes(i) or "–"),
            )
            for i, name in enumerate(self.classes)
            if self.called[i]
        ]
        header = (
            "windows called",
            "count",
            "keep it, mean",
            f"keep it at {lowest}",
            "become there",
        )
        note = (
            "Share of the windows of each answered class that keep it under the transform: mean "
            f"over the swept θ, and at {lowest}, where consistency is lowest. Classes of fewer "
            f"than {FEWEST} windows are in no mean over classes."
        )
        return Table(header, tuple(rows), note=note)

    def becomes(self, i: int, most: int = 3) -> str:
        """What the windows of class i that are lost at `lowest_at` are called there."""
        others = self.flow_lowest[i].copy()
        others[i] = 0
        order = [int(j) for j in np.argsort(-others, kind="stable")[:most] if others[j] > 0]
        return ", ".join(f"{self.classes[j]} {others[j]:.0%}" for j in order)
