"""A classifier's answers over a sweep, gathered θ by θ, and their figures."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.audit.answers import SCORES, Answers, Truth
from triptych.audit.verdicts import lowest_of, single
from triptych.errors import InputError
from triptych.metrics.inputs import Floats, Labels, as_labels
from triptych.metrics.predictions import Codes, counts, flows, macro_f1
from triptych.metrics.statistics import Interval, bootstrap_interval, draws, ends_of
from triptych.metrics.sweeps import equal_distances
from triptych.metrics.tally import ResponseCurve


class AnswerTally:
    """Gathers the answers to a sweep, θ by θ; memory holds counts, not answers.

    Parameters
    ----------
    reference
        (n, K) scores of the windows as they are.
    groups
        (n,) group of each window.
    names
        Of the K classes; left out, their places from 0.
    labels
        (n,) label of every window, ``""`` where it is not known. Labels that are no class do not
        count, and a note says so.

    Raises
    ------
    InputError
        Names that are not K, or twice the same.
    """

    def __init__(
        self,
        reference: NDArray[Any],
        groups: Labels,
        names: Sequence[str] | None = None,
        labels: Labels | None = None,
    ) -> None:
        n, k = reference.shape
        self.k, self.notes = k, list[str]()
        self.names = tuple(map(str, names or range(k)))
        if len(self.names) != k or len(set(self.names)) < k:
            raise InputError(
                f"the classes are named {', '.join(self.names)}, but the model has {k} scores: "
                "give one name a score, each once, in their order"
            )
        named, group = np.unique(as_labels(groups, n, "groups"), return_inverse=True)
        self.groups, self.group = tuple(map(str, named)), group.astype(np.int64)
        self.before: Codes = reference.argmax(axis=1).astype(np.int64)
        self.truth = self._truth(names, labels, n)
        self.flow: list[NDArray[np.int64]] = []
        self.stayed: list[Floats] = []
        self.right: list[tuple[Floats, Floats]] = []
        self.called = self._by_group(self.before)
        self.own = self._by_group(self.truth, self.truth >= 0)
        self.first = self._hits(self.before)

    def watched(
        self, views: Iterable[Mapping[str, NDArray[Any]]]
    ) -> Generator[Mapping[str, NDArray[Any]]]:
        """The views of a sweep, passed through."""
        for view in views:
            after: Codes = view[SCORES].argmax(axis=1).astype(np.int64)
            self.flow.append(flows(self.before, after, self.k))
            self.stayed.append(self._by_group(self.before, after == self.before))
            self.right.append(self._hits(after))
            yield view

    @cached_property
    def draws(self) -> Floats:
        """(1 + draws, g) how often each group is drawn; the first row is the figure itself."""
        g = len(self.groups)
        return np.concatenate([np.ones((1, g)), draws(g)])

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Classes (K,) that count in a mean over classes; all that are answered if none would."""
        called = self.called.sum(axis=0).astype(np.int64)
        return counts(called) if counts(called).any() else called > 0

    @cached_property
    def balanced(self) -> Floats:
        """(m, 1 + draws) mean share of the counted classes that stays; see `draws`.

        NaN of a draw in which one of them is never called: without the class that is lost all
        would seem kept.
        """
        called = self.draws @ self.called[:, self.counted]
        stayed = (self.draws @ each[:, self.counted] for each in self.stayed)
        share = [(each / np.maximum(called, 1e-300)).mean(axis=1) for each in stayed]
        return np.where((called > 0).all(axis=1), np.stack(share), np.nan)

    def _truth(self, names: Sequence[str] | None, labels: Labels | None, n: int) -> Codes:
        """Class of every window by its label; −1 where there is none."""
        given = np.asarray(labels if labels is not None else np.full(n, "")).astype(str)
        known = as_labels(given, n, "labels") != ""
        if not known.any():
            return np.full(n, -1, np.int64)
        numbered = set(given[known].tolist()) <= set(self.names)
        if names is None and numbered:
            self.notes.append("the labels are numbers: they are taken for the places of the scores")
        elif names is None:
            self.notes.append(
                "the windows have labels, but nothing says which score is which class: name them "
                "(classes, --classes A,B,...) to have accuracy, macro F1 and sensitivity"
            )
            return np.full(n, -1, np.int64)
        place = {name: i for i, name in enumerate(self.names)}
        truth = np.array([place.get(each, -1) for each in given], np.int64)
        strange = np.unique(given[known & (truth < 0)])
        if len(strange):
            self.notes.append(
                f"{int((known & (truth < 0)).sum())} windows have labels that are no class of the "
                f"model ({', '.join(strange[:5])}): they are not counted as right or wrong"
            )
        return truth

    def _by_group(self, codes: Codes, held: NDArray[np.bool_] | None = None) -> Floats:
        """(g, K) windows of each group and class, of those that are held."""
        rows = slice(None) if held is None else held
        place = self.group[rows] * self.k + codes[rows]
        found = np.bincount(place, minlength=len(self.groups) * self.k)
        return found.reshape(-1, self.k).astype(np.float64)

    def _hits(self, answer: Codes) -> tuple[Floats, Floats]:
        """(g, K) windows of each class that are right, and windows with a label called so."""
        known = self.truth >= 0
        return self._by_group(answer, known & (answer == self.truth)), self._by_group(answer, known)

    def curve(self, raw: ResponseCurve) -> ResponseCurve:
        """Consistency with every class counting alike, as a curve beside the raw one.

        Its intervals draw groups and take each class anew; a group's mean is its part in the
        figure, to first order: their mean is the figure. The level of different subjects is chance.
        """
        g, called = len(self.groups), self.called[:, self.counted]
        level, ends = 1 / called.shape[1], [_interval(each, g) for each in self.balanced]
        stayed = np.stack(self.stayed)[:, :, self.counted]
        kept = stayed.sum(axis=1, keepdims=True) / called.sum(axis=0)
        parts = ((stayed - kept * called) / called.sum(axis=0)).sum(axis=2)
        return ResponseCurve(
            theta=raw.theta,
            distance=raw.distance,
            mean=np.array([each.mean for each in ends]),
            low=np.array([each.low for each in ends]),
            high=np.array([each.high for each in ends]),
            auroc=np.full(len(raw.theta), np.nan),
            between=level,
            group_between=np.full(g, level),
            groups=self.groups,
            sizes=np.full(g, len(self.before) / g),
            group_means=(kept.mean(axis=2) + g * level * parts).T,
            measure="consistency",
        )

    def answers(self, distance: Floats) -> Answers:
        """What the sweep over these distances (m,) did."""
        where, share = equal_distances(distance)
        flow = np.stack(self.flow)
        called = flow[0].sum(axis=1)
        counted = counts(called)
        rows = np.maximum(called, 1)
        at = np.einsum("mij,mk->kij", flow / rows[:, None], share)
        kept = np.einsum("kii->ki", at)
        balanced = kept[:, counted].mean(axis=1) if counted.any() else np.full(len(where), np.nan)
        low = int(balanced.argmin())
        shown = np.flatnonzero(flow.sum(axis=(0, 1)) + called)
        return Answers(
            classes=tuple(self.names[i] for i in shown),
            called=called[shown],
            counted=tuple(counted[shown].tolist()),
            distance=where,
            raw=kept @ called / called.sum(),
            balanced=balanced,
            chance=1 / max(int(counted.sum()), 1),
            kept=kept[:, shown],
            flow=(flow / rows[:, None])[distance > 0].mean(axis=0)[np.ix_(shown, shown)],
            flow_lowest=at[low][np.ix_(shown, shown)],
            lowest_at=float(where[low]),
            truth=self._truth_over(distance),
        )

    def _truth_over(self, distance: Floats) -> Truth | None:
        share = equal_distances(distance)[1]
        own = self.own.sum(axis=0)
        held = np.flatnonzero(own)
        if not len(held):
            return None
        hits = np.stack([right.sum(axis=0) for right, _ in (self.first, *self.right)])
        read = np.stack([said.sum(axis=0) for _, said in (self.first, *self.right)])
        accuracy, f1 = hits.sum(axis=1) / own.sum(), macro_f1(hits, own, read)
        sensitivity = hits[:, held] / own[held]
        return Truth(
            classes=tuple(self.names[i] for i in held),
            sizes=own[held].astype(np.int64),
            accuracy=float(accuracy[0]),
            macro_f1=float(f1[0]),
            sensitivity=sensitivity[0],
            accuracy_at=accuracy[1:] @ share,
            macro_f1_at=f1[1:] @ share,
            sensitivity_at=share.T @ sensitivity[1:],
        )

    def figures(
        self, curve: ResponseCurve, raw: ResponseCurve, truth: Truth | None
    ) -> dict[str, Interval]:
        """Every figure with its interval over groups; what is right stands first."""
        moved, chance = raw.distance > 0, curve.between
        found = self._right_figures(raw.distance, truth)
        # else nothing is told apart, and there is nothing to keep
        told = counts(self.called.sum(axis=0).astype(np.int64)).sum() > 1
        kept = single(np.nan)
        if told:
            kept = _interval(self.balanced[moved].mean(axis=0), len(self.groups))
        width = 1 - chance if chance < 1 else np.nan
        low, mean, high = ((each - chance) / width for each in (kept.low, kept.mean, kept.high))
        stays = raw.group_means[:, moved].mean(axis=1)  # NaN of one answer for every window
        plain = single(np.nan) if raw.collapsed else bootstrap_interval(stays, raw.sizes)
        lowest = float((raw.mean @ equal_distances(raw.distance)[1]).min())
        independent = [
            float(self.flow[k].sum(axis=0) @ self.flow[k].sum(axis=1)) / self.flow[k].sum() ** 2
            for k in np.flatnonzero(moved)
        ]
        return found | {
            "consistency_balanced": kept,
            "consistency_balanced_lowest": lowest_of(curve) if told else single(np.nan),
            "consistency_chance": single(chance if told else np.nan),
            "consistency_corrected": Interval(mean, low, high, 1, len(curve.groups)),
            "consistency": plain,
            "consistency_lowest": single(lowest),
            "consistency_independent": single(float(np.mean(independent))),
            "consistency_random": single(raw.between),
        }

    def _right_figures(self, distance: Floats, truth: Truth | None) -> dict[str, Interval]:
        """Accuracy, macro F1 and sensitivities under the transform, at its worst, without it."""
        if truth is None:
            return {}
        weights, g = self.draws, len(self.groups)
        own = weights @ self.own
        at_worst = equal_distances(distance)[1][:, truth.lowest] > 0
        views = {
            "_transformed": [self.right[k] for k in np.flatnonzero(distance > 0)],
            "_lowest": [self.right[k] for k in np.flatnonzero(at_worst)],
            "": [self.first],
        }
        found: dict[str, Floats] = {}
        for suffix, several in views.items():
            hits = [weights @ right for right, _ in several]
            read = [weights @ said for _, said in several]
            total = np.maximum(own.sum(axis=1), 1e-300)
            found[f"accuracy{suffix}"] = np.mean([each.sum(axis=1) / total for each in hits], 0)
            # a draw that lacks a class would be judged without the class that may be lost
            lacking = (own[:, own[0] > 0] == 0).any(axis=1)
            f1 = [macro_f1(h, own, r) for h, r in zip(hits, read, strict=True)]
            found[f"macro_f1{suffix}"] = np.where(lacking, np.nan, np.mean(f1, axis=0))
            for name in truth.classes:
                k = self.names.index(name)
                right = np.mean([each[:, k] for each in hits], axis=0)
                share = np.where(own[:, k] > 0, right / np.maximum(own[:, k], 1e-300), np.nan)
                found[f"sensitivity{suffix}:{name}"] = share
        return {name: _interval(values, g) for name, values in found.items()}


def _interval(values: Floats, groups: int) -> Interval:
    """The figure and the interval of its draws, of those that have it."""
    held = values[1:][np.isfinite(values[1:])]
    low, high = ends_of(held, groups) if len(held) else (np.nan, np.nan)
    return Interval(float(values[0]), float(low), float(high), 1, groups)
