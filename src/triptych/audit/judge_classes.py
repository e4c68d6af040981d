"""Answers that are one of several classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.evaluation import Scored
from triptych.audit.judge import Answered, Judge, Judged
from triptych.audit.scoring import (
    Mask,
    balanced_accuracy,
    balanced_consistency,
    f1_of_classes,
    f1_of_one,
    interval_of,
    mean_of,
)
from triptych.metrics.predictions import flows, prediction_consistency
from triptych.metrics.statistics import Interval


class ClassJudge(Judge):
    """Accuracy, balanced accuracy, macro F1, and consistency of the most probable class."""

    @property
    def k(self) -> int:
        """How many classes there are."""
        return len(self.target.names)

    def answer(self, decoded: Tensor) -> Answered:
        """The most probable class (n,)."""
        return decoded.argmax(dim=1).numpy()

    def figures(self, plain: Judged) -> dict[str, Interval]:
        """``accuracy``, ``balanced_accuracy`` and ``macro_f1``."""
        truth, said, who, k = plain.truth, plain.said, plain.subject, self.k
        return {
            "accuracy": mean_of(truth == said, who),
            "balanced_accuracy": interval_of(
                lambda at: balanced_accuracy(truth[at], said[at], k), who
            ),
            "macro_f1": interval_of(lambda at: f1_of_classes(truth[at], said[at], k), who),
        }

    def kept(self, name: str, moved: Judged) -> dict[str, Interval]:
        """``consistency_balanced@NAME`` and ``consistency@NAME``."""
        before, after, who, k = moved.said, moved.after, moved.subject, self.k

        def balanced(at: Mask) -> float:
            return balanced_consistency(before[at], after[:, at], k)

        return {
            f"consistency_balanced@{name}": interval_of(balanced, who),
            f"consistency@{name}": mean_of((before == after).mean(axis=0), who),
        }

    def chance(self, plain: Judged, moved: Mapping[str, Judged]) -> dict[str, float]:
        """Of the commonest label always; of the consistency also of an independent answer."""
        truth = plain.truth
        constant = np.full_like(truth, np.bincount(truth).argmax())
        found = {
            "accuracy": float((truth == constant).mean()),
            "balanced_accuracy": balanced_accuracy(truth, constant, self.k),
            "macro_f1": f1_of_classes(truth, constant, self.k),
        }
        for name, each in moved.items():
            kept = prediction_consistency(each.said, each.after, self.k)
            found[f"consistency_balanced@{name}"] = kept.chance
            found[f"consistency@{name}"] = kept.independent
        return found

    def per_label(self, plain: Judged, moved: Mapping[str, Judged]) -> dict[str, Scored]:
        """Sensitivity, precision, F1 and plain consistency of every class that some window has."""
        found: dict[str, Scored] = {}
        truth, said, who = plain.truth, plain.said, plain.subject
        for i, name in enumerate(self.target.names):
            own, read = truth == i, said == i
            if not own.any():
                continue
            figures = of_one(own, read, who)
            for transform, each in moved.items():
                rows = each.truth == i
                kept = (each.said == each.after).mean(axis=0)[rows]
                figures[f"consistency@{transform}"] = mean_of(kept, each.subject[rows])
            found[name] = Scored(int(own.sum()), len(np.unique(who[own])), figures)
        return found

    def confusion(self, plain: Judged) -> NDArray[np.int64]:
        """(K, K) windows labelled i that are called j."""
        return flows(plain.truth, plain.said, self.k)


def of_one(own: Mask, read: Mask, who: NDArray[np.str_]) -> dict[str, Interval]:
    """Sensitivity, precision and F1 of one label, which windows have and are given."""
    return {
        "sensitivity": mean_of(read[own], who[own]),
        "precision": mean_of(own[read], who[read]),
        "f1": interval_of(lambda at: f1_of_one(own[at], read[at]), who),
    }
