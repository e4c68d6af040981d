"""Brittleness: how much a latent vector changes when only a nuisance changes.

Every similarity stands beside its between-sample level; of a collapsed encoder there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.collapse import collapsed
from triptych.audit.inputs import Floats, Labels, Rows, as_array, as_labels
from triptych.audit.result import Result
from triptych.audit.similarity import cosine, different_pairs, separation
from triptych.audit.statistics import draws_for, tail_of
from triptych.errors import InputError
from triptych.transforms import Transform

_SAME = 1e-5  # relative difference of distances up to which they are the same


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
    sizes: NDArray[np.int64]
    group_means: Floats
    collapsed: bool = False


def response_curve(
    embed: Callable[[Tensor], Rows],
    signals: Tensor,
    transform: Transform,
    grid: Rows,
    groups: Labels,
    *,
    batch: int = 512,
    **options: Any,
) -> ResponseCurve:
    """Sweep a transform: similarity of z(x) and z(T_θ x) for every θ of `grid`.

    Parameters
    ----------
    embed
        Signals (n, c, t) → latents (n, d); called on batches of at most `batch` windows.
    signals
        (n, c, t), with the transform's context on either side where it is a crop.
    grid
        (m,) or (m, p) parameters θ in the transform's unit.
    groups
        (n,) record or person of every window; at least two.
    options
        ``pairs``, ``resamples`` and ``seed`` of `curves`, which says what is raised.
    """
    steps = steps_of(transform, grid)
    different_pairs(as_labels(groups, len(signals), "groups"), 1, 0)  # refused before any work

    def view(theta: Tensor) -> dict[str, NDArray[Any]]:
        return embedded(lambda x: {"": embed(x)}, signals, transform, theta, batch)

    reference, views = view(transform.identity(1)), (view(step[None]) for step in steps)
    return curves(reference, views, steps, transform, groups, **options)[""]


def embedded(
    embed: Callable[[Tensor], Mapping[str, Rows]],
    x: Tensor,
    transform: Transform,
    theta: Tensor,
    batch: int = 512,
) -> dict[str, NDArray[Any]]:
    """Block → latents (n, d) of T_θ x, made batch by batch; one θ for all, or one a window."""
    theta = theta.to(x.device).expand(len(x), -1)
    parts: list[Mapping[str, Rows]] = []
    with torch.no_grad():
        for start in range(0, len(x), batch):
            rows = slice(start, start + batch)
            parts.append(embed(transform.apply(x[rows], theta[rows])))
    return {
        name: np.concatenate([as_array(part[name], name or "the latents") for part in parts])
        for name in parts[0]
    }


def steps_of(transform: Transform, grid: Rows) -> Tensor:
    """Return θ as (m, p) of the transform's own type; another shape raises InputError."""
    neutral = transform.identity(1)
    steps = torch.as_tensor(grid).to(neutral)
    steps = steps[:, None] if steps.ndim == 1 else steps
    if steps.ndim != 2 or steps.shape[1:] != neutral.shape[1:] or len(steps) == 0:
        raise InputError(
            f"θ has the shape {tuple(steps.shape)}, but {transform.name} needs "
            f"(m, {neutral.shape[1]}): one row of parameters a step"
        )
    return steps


def distances(transform: Transform, grid: Tensor) -> Tensor:
    """Distance (m,) of every θ from the identity, in the transform's unit."""
    return transform.distance(grid, transform.identity(1).to(grid).expand(len(grid), -1))


def curves(
    reference: Mapping[str, Rows],
    views: Iterable[Mapping[str, Rows]],
    grid: Tensor,
    transform: Transform,
    groups: Labels,
    *,
    pairs: int = 20_000,
    resamples: int | None = None,
    seed: int = 0,
) -> dict[str, ResponseCurve]:
    """Response curve of every block over one sweep, embedding each view once.

    Memory holds two sets of latents, however long the grid is.

    Parameters
    ----------
    reference
        Block → latents (n, d) of the windows as they are.
    views
        The same for T_θ x, one item for each θ of `grid` (m, p), in order.
    groups
        (n,) record or person of every window; at least two.

    Raises
    ------
    InputError
        Fewer than two groups, rows or steps that do not match, latents that are not finite.
    """
    n = len(next(iter(reference.values())))
    names, group = np.unique(as_labels(groups, n, "groups"), return_inverse=True)
    drawn = different_pairs(group, pairs, seed)
    tallies = {name: _Tally(as_array(z, name), group, drawn) for name, z in reference.items()}
    for view in views:
        for name, tally in tallies.items():
            tally.add(as_array(view[name], f"transformed {name}"))
    distance = distances(transform, grid).cpu().numpy().astype(np.float64)
    theta = grid[:, 0].cpu().numpy().astype(np.float64) if grid.shape[1] == 1 else distance
    sizes = np.bincount(group)
    weights = group_draws(sizes, resamples or draws_for(len(sizes)), seed)
    return {
        name: tally.curve(theta, distance, tuple(map(str, names)), weights)
        for name, tally in tallies.items()
    }


class _Tally:
    """What is kept of one block while the sweep goes on: the means of every θ."""

    def __init__(
        self,
        reference: NDArray[Any],
        group: NDArray[np.int64],
        pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    ) -> None:
        self.reference, self.group = reference, group
        self.sizes = np.bincount(group).astype(np.int64)
        self.collapsed = collapsed(reference)
        i, j = pairs
        self.pair_cosines = cosine(reference[i], reference[j])
        touched = np.concatenate([group[i], group[j]])
        g = len(self.sizes)
        total = np.bincount(touched, np.tile(self.pair_cosines, 2), g)
        count = np.bincount(touched, minlength=g)
        self.between = float(self.pair_cosines.mean())
        self.group_between = np.where(count > 0, total / np.maximum(count, 1), self.between)
        self.means: list[Floats] = []
        self.auroc: list[float] = []

    def add(self, view: NDArray[Any]) -> None:
        self.collapsed = self.collapsed and collapsed(self.reference, view)
        similarity = cosine(self.reference, view)
        self.means.append(np.bincount(self.group, similarity, len(self.sizes)) / self.sizes)
        self.auroc.append(separation(similarity, self.pair_cosines))

    def curve(
        self, theta: Floats, distance: Floats, groups: tuple[str, ...], weights: Floats
    ) -> ResponseCurve:
        if len(self.means) != len(theta):
            raise InputError(f"{len(self.means)} transformed views came for {len(theta)} θ")
        means, auroc = np.stack(self.means, axis=1), np.array(self.auroc)
        between, group_between = self.between, self.group_between
        if self.collapsed:
            means, auroc = np.full_like(means, np.nan), np.full_like(auroc, np.nan)
            between, group_between = 1.0, np.ones_like(group_between)
        tail = tail_of(len(groups))
        low, high = np.quantile(weights @ means, [tail, 1 - tail], axis=0)
        return ResponseCurve(
            theta=theta,
            distance=distance,
            mean=self.sizes @ means / self.sizes.sum(),
            low=low,
            high=high,
            auroc=auroc,
            between=between,
            group_between=group_between,
            groups=groups,
            sizes=self.sizes,
            group_means=means,
            collapsed=self.collapsed,
        )


def group_draws(sizes: NDArray[np.int64], resamples: int, seed: int) -> Floats:
    """Weights (resamples, g) of groups drawn with replacement, each row summing to 1."""
    rng = np.random.default_rng(seed)
    g = len(sizes)
    weights = rng.multinomial(g, np.full(g, 1 / g), size=resamples) * sizes
    return weights / weights.sum(axis=1, keepdims=True)


def equal_distances(distance: Any) -> tuple[Floats, Floats]:
    """Distances (k,) that occur in (m,), rising, and weights (m, k) that average the θ of each.

    Distances that differ by a hundred-thousandth are one: a turn of 9 degrees about x and one
    about y may come out as 9 and 9.000001 in float32.
    """
    each = np.asarray(distance, np.float64)
    order = np.argsort(each, kind="stable")
    rising = each[order]
    further = np.diff(rising, prepend=rising[:1]) > _SAME * rising + 0.01 * _SAME * rising[-1:]
    index = np.empty(len(each), np.int64)
    index[order] = np.cumsum(further)
    share = np.eye(int(index.max(initial=-1)) + 1)[index]
    share /= share.sum(axis=0)
    return each @ share, share
