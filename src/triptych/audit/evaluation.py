"""What an evaluation of a classifier found, as data and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.audit.tables import Table, Value, number
from triptych.audit.verdicts import bracketed
from triptych.counts import counted
from triptych.metrics.result import Result
from triptych.metrics.statistics import Interval

MOST = 20  # subjects in a printed table


@dataclass(frozen=True)
class Scored(Result):
    """Figures of some of the windows: how many there are, of how many subjects, and each figure."""

    windows: int
    subjects: int
    figures: Mapping[str, Interval]


@dataclass(frozen=True)
class Evaluation(Result):
    """What `evaluate` found; `chance` stands beside the figures.

    Attributes
    ----------
    data, head, classes
        What was evaluated on, which head, and the classes that it knows (of a number its name).
    kind, unit, headline
        What the head says (``single``, ``multi``, ``regression``), the unit of a number, and the
        figure that subjects are ranked by.
    overall, per_subject, per_value
        ``accuracy``, ``balanced_accuracy`` (mean sensitivity of the classes that occur),
        ``macro_f1``, and for each nuisance ``consistency@NAME`` (share of windows that keep their
        class) and ``consistency_balanced@NAME`` (the same of every class by itself, then the
        mean). Of sets of labels ``accuracy`` (the whole set), ``macro_auroc``, ``macro_f1`` and
        ``consistency@NAME`` (of the whole set); of a number ``mae`` and ``change@NAME`` in its
        unit, and ``r2``. Of all windows, of each subject, and of each value of the attribute `by`.
        Intervals are over subjects; NaN where there is one only.
    per_label
        ``sensitivity``, ``precision``, ``f1`` and ``consistency@NAME`` of each label.
    chance
        What an answer has that ignores the window: always the commonest label, or the median; for
        the consistency a constant or an independent one.
    confusion
        (K, K) windows labelled i that are called j; of classes only.
    left_out
        Label that the model does not know (``""``: no label) → windows.
    notes
        What a reader should know.
    """

    data: str
    head: str
    classes: tuple[str, ...]
    overall: Scored
    chance: Mapping[str, float]
    per_subject: Mapping[str, Scored]
    per_label: Mapping[str, Scored]
    by: str | None
    per_value: Mapping[str, Scored]
    confusion: NDArray[np.int64]
    left_out: Mapping[str, int]
    notes: tuple[str, ...] = ()
    kind: str = "single"
    unit: str = ""
    headline: str = "accuracy"

    @property
    def sentence(self) -> str:
        """The whole in one sentence."""
        figure, n = self.overall.figures[self.headline], self.overall
        said = f"{number(figure.mean)} {bracketed(figure.low, figure.high)}".strip()
        chance = number(self.chance[self.headline])
        whose = f"{counted(n.windows, 'window')} of {counted(n.subjects, 'subject')}"
        if self.kind == "regression":
            unit = f" {self.unit}".rstrip()
            return (
                f"The {self.head} head is off by {said}{unit} in the mean of {whose}; always the "
                f"median would be by {chance}{unit}."
            )
        return (
            f"The {self.head} head is right on {said} of {whose}; always the commonest "
            f"{'set of labels' if self.kind == 'multi' else 'label'} would be on {chance}."
        )

    def tables(self) -> list[Table]:
        """All windows, labels, the values of `by`, and the subjects, worst first."""
        rows = [
            (Value(in_words(name)), _value(figure), Value(number(self.chance[name])))
            for name, figure in self.overall.figures.items()
        ]
        found = [Table(("all windows", "value", "chance"), tuple(rows))]
        if self.per_label:
            found.append(_listed("label", self.per_label.items()))
        if self.by:
            found.append(_listed(self.by, self.per_value.items()))
        ranked = sorted(
            self.per_subject.items(),
            key=lambda i: i[1].figures[self.headline].mean,
            reverse=self.kind == "regression",
        )
        more = len(ranked) - MOST
        caption = f"The {MOST} worst of {len(ranked)} subjects" if more > 0 else ""
        return [*found, _listed("subject", ranked[:MOST], caption)]


def in_words(name: str) -> str:
    """``"consistency under phase shift"`` of ``consistency@phase_shift``."""
    figure, _, transform = name.partition("@")
    figure = figure.replace("macro_f1", "macro F1").replace(
        "consistency_balanced", "balanced consistency"
    )
    written = {"f1": "F1", "mae": "MAE", "r2": "R²", "auroc": "AUROC", "macro_auroc": "macro AUROC"}
    words = written.get(figure, figure.replace("_", " "))
    return words + (f" under {transform.replace('_', ' ')}" if transform else "")


def _listed(what: str, parts: Iterable[tuple[str, Scored]], caption: str = "") -> Table:
    """One row per part; of the two consistencies the balanced one, if there is one."""
    held = list(parts)
    names = list(held[0][1].figures) if held else []
    both = {name.replace("_balanced", "") for name in names if "_balanced@" in name}
    names = [name for name in names if name not in both]
    rows = [
        (
            Value(title),
            Value(f"{part.windows:,}"),
            Value(str(part.subjects)),
            *(_value(part.figures[name]) for name in names),
        )
        for title, part in held
    ]
    return Table((what, "windows", "subjects", *map(in_words, names)), tuple(rows), caption)


def _value(figure: Interval) -> Value:
    return Value(number(figure.mean), bracketed(figure.low, figure.high))
