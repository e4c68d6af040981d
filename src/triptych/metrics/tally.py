"""The similarity of one block over a sweep, gathered θ by θ: memory holds one set of latents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.metrics.collapse import collapsed
from triptych.metrics.inputs import Floats
from triptych.metrics.result import Result
from triptych.metrics.similarity import Likeness
from triptych.metrics.statistics import ends_of


@dataclass(frozen=True)
class ResponseCurve(Result):
    """Similarity of z(x) and z(T_θ x) over a sweep of m values of θ.

    Attributes
    ----------
    theta
        (m,) θ itself where it is one number, else its distance from the identity.
    distance
        (m,) distance(θ, identity) in the transform's unit, never negative.
    mean, low, high
        (m,) mean cosine over windows, and its 95 % bootstrap interval over groups.
    auroc
        (m,) separation of these cosines from those of windows of different groups.
    between, group_between
        Mean cosine of random pairs from different groups: over all, and of the pairs that touch
        each group (g,).
    groups, sizes, group_means
        (g,) names, (g,) windows, (g, m) mean cosines.
    measure
        ``"cosine"``, or ``"agreement"`` of a single number: what the fields above hold instead.
    zeros, lost
        Windows whose latents are all zeros as they are, and (m,) share of windows whose latents
        become so: they point nowhere, and are in no mean.
    collapsed
        Whether latents are the same for every window and θ (see `collapse`): then similarities and
        AUROC are NaN, and the level between groups is 1, of null vectors too.
    """

    theta: Floats
    distance: Floats
    mean: Floats
    low: Floats
    high: Floats
    auroc: Floats
    between: float
    group_between: Floats
    groups: tuple[str, ...]
    sizes: NDArray[Any]
    group_means: Floats
    measure: str = "cosine"
    zeros: int = 0
    lost: Floats = field(default_factory=lambda: np.zeros(0))
    collapsed: bool = False


class Tally:
    """What is kept of one block while the sweep goes on: the means of every θ."""

    def __init__(
        self,
        reference: NDArray[Any],
        group: NDArray[np.int64],
        pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    ) -> None:
        self.group, self.like = group, Likeness(reference, pairs)
        self.collapsed = collapsed(reference)
        self.sizes = np.bincount(group).astype(np.int64)
        held = np.isfinite(self.like.between_pairs)
        i, j = (rows[held] for rows in pairs)
        touched = np.concatenate([group[i], group[j]])
        g = len(self.sizes)
        total = np.bincount(touched, np.tile(self.like.between_pairs[held], 2), g)
        self.group_between = total / np.maximum(np.bincount(touched, minlength=g), 1)
        self.means: list[Floats] = []
        self.mean: list[float] = []
        self.auroc: list[float] = []
        self.lost: list[float] = []

    def add(self, view: NDArray[Any]) -> None:
        """Take the latents (n, d) of T_θ x, θ by θ in order."""
        self.collapsed = self.collapsed and collapsed(self.like.reference, view)
        similarity = self.like(view)
        held = np.isfinite(similarity)
        group, similarity = self.group[held], similarity[held]
        count = np.bincount(group, minlength=len(self.sizes))
        total = np.bincount(group, similarity, len(self.sizes))
        mean = total.sum() / count.sum() if len(similarity) else np.nan
        # a group without a direction says nothing of how far this θ goes
        self.means.append(np.where(count > 0, total / np.maximum(count, 1), mean))
        self.mean.append(float(mean))
        self.auroc.append(self.like.separation(similarity))
        self.lost.append(self.like.lost(view))

    def curve(
        self, theta: Floats, distance: Floats, groups: tuple[str, ...], weights: Floats
    ) -> ResponseCurve:
        """The curve over the θ that were added; `weights` (r, g) are draws of groups."""
        if len(self.means) != len(theta):
            raise InputError(f"{len(self.means)} transformed views came for {len(theta)} θ")
        means, mean, auroc = np.stack(self.means, axis=1), np.array(self.mean), np.array(self.auroc)
        between, group_between = self.like.between, self.group_between
        if self.collapsed:
            means, mean, auroc = (np.full_like(each, np.nan) for each in (means, mean, auroc))
            between, group_between = 1.0, np.ones_like(group_between)
        low, high = ends_of(weights @ means, len(groups))
        whole = not self.like.zeros.any() and not any(self.lost)
        return ResponseCurve(
            theta=theta,
            distance=distance,
            mean=self.sizes @ means / self.sizes.sum() if whole else mean,
            low=low,
            high=high,
            auroc=auroc,
            between=between,
            group_between=group_between,
            groups=groups,
            sizes=self.sizes,
            group_means=means,
            measure=self.like.measure,
            zeros=int(self.like.zeros.sum()),
            lost=np.array(self.lost),
            collapsed=self.collapsed,
        )
