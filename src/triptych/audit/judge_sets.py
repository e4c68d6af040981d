"""Answers that are sets of labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from triptych.audit.evaluation import Scored
from triptych.audit.judge import Answered, Judge, Judged
from triptych.audit.judge_classes import of_one
from triptych.audit.scoring import interval_of, mean_of
from triptych.metrics.answers import macro_auroc, set_scores
from triptych.metrics.statistics import Interval


class SetJudge(Judge):
    """Macro AUROC, macro F1, and whether the whole set is right and stays."""

    def truth(self, targets: Tensor) -> Answered:
        """Which window has which label (n, k)."""
        return targets.numpy() > 0

    def figures(self, plain: Judged) -> dict[str, Interval]:
        """``accuracy`` (the whole set), ``macro_auroc`` and ``macro_f1``."""
        truth, p, who = plain.truth, plain.said, plain.subject
        right = ((p >= 0.5) == truth).all(axis=1)
        return {
            "accuracy": mean_of(right, who),
            "macro_auroc": interval_of(lambda at: macro_auroc(truth[at], p[at]), who),
            "macro_f1": interval_of(lambda at: set_scores(truth[at], p[at])["macro_f1"], who)
            if len(truth)
            else mean_of(right, who),
        }

    def kept(self, name: str, moved: Judged) -> dict[str, Interval]:
        """``consistency@NAME``: the share of windows that keep their whole set."""
        same = ((moved.said >= 0.5) == (moved.after >= 0.5)).all(axis=2).mean(axis=0)
        return {f"consistency@{name}": mean_of(same, moved.subject)}

    def chance(self, plain: Judged, moved: Mapping[str, Judged]) -> dict[str, float]:
        """Of the commonest set always; of the consistency of an independent answer."""
        sets, count = np.unique(plain.truth, axis=0, return_counts=True)
        constant = np.broadcast_to(sets[count.argmax()], plain.truth.shape).astype(np.float64)
        found = set_scores(plain.truth, constant)
        found["macro_auroc"] = 0.5
        for name, each in moved.items():
            shares = [_shares(sides >= 0.5) for sides in (each.said, each.after)]
            both = shares[0].keys() & shares[1].keys()
            found[f"consistency@{name}"] = sum(shares[0][key] * shares[1][key] for key in both)
        return found

    def per_label(self, plain: Judged, moved: Mapping[str, Judged]) -> dict[str, Scored]:
        """AUROC, sensitivity, precision and F1 of every label that some window has."""
        del moved
        found: dict[str, Scored] = {}
        truth, p, who = plain.truth, plain.said, plain.subject
        for k, name in enumerate(self.target.names):
            own = truth[:, k]
            if own.any():
                auroc = interval_of(
                    lambda at, k=k: macro_auroc(truth[at][:, [k]], p[at][:, [k]]), who
                )
                figures = {"auroc": auroc, **of_one(own, p[:, k] >= 0.5, who)}
                found[name] = Scored(int(own.sum()), len(np.unique(who[own])), figures)
        return found


def _shares(held: Answered) -> dict[bytes, float]:
    """Every set that occurs → its share of all (..., k)."""
    sets, count = np.unique(held.reshape(-1, held.shape[-1]), axis=0, return_counts=True)
    total = int(count.sum())
    return {row.tobytes(): int(n) / total for row, n in zip(sets, count, strict=True)}
