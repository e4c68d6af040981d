"""Answers that are numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from triptych.audit.judge import Judge, Judged
from triptych.audit.scoring import interval_of, mean_of
from triptych.metrics.answers import value_scores
from triptych.metrics.statistics import Interval


class ValueJudge(Judge):
    """Mean absolute error and R², and by how much answers change."""

    headline = "mae"

    def figures(self, plain: Judged) -> dict[str, Interval]:
        """``mae``, in the unit of the number, and ``r2``."""
        truth, said = (each.astype(np.float64) for each in (plain.truth, plain.said))
        who = plain.subject
        return {
            "mae": mean_of(np.abs(said - truth), who),
            "r2": interval_of(
                lambda at: value_scores(truth[at], said[at])["r2"] if at.any() else np.nan,
                who,
                least=-np.inf,
            ),
        }

    def kept(self, name: str, moved: Judged) -> dict[str, Interval]:
        """``change@NAME``: mean absolute change of the answer, in its unit."""
        change = np.abs(moved.after - moved.said).astype(np.float64).mean(axis=0)
        return {f"change@{name}": mean_of(change, moved.subject)}

    def chance(self, plain: Judged, moved: Mapping[str, Judged]) -> dict[str, float]:
        """Of the median always; of the change, of an answer to another window."""
        constant = np.full(len(plain.truth), np.median(plain.truth))
        found = value_scores(plain.truth.astype(np.float64), constant)
        for name, each in moved.items():
            apart = np.random.default_rng(0).permutation(each.after.T).T
            found[f"change@{name}"] = float(np.abs(apart - each.said).mean())
        return found
