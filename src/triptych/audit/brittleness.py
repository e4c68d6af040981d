"""Brittleness: how much a latent vector changes when only a nuisance changes.

Every similarity stands beside its between-sample level: a collapsed encoder scores 1.0 in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.audit.inputs import Floats, Labels, Rows, as_array, as_labels
from triptych.audit.result import Result
from triptych.audit.similarity import between_groups, cosine, different_pairs, separation
from triptych.errors import InputError
from triptych.transforms import Transform

__all__ = [
    "HalfLife",
    "ResponseCurve",
    "between_groups",
    "cosine",
    "half_life",
    "response_curve",
    "separation",
]


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
    window_mean
        (n,) mean cosine of every window over the sweep; not in `to_dict`.
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
    window_mean: Floats = field(repr=False, compare=False)

    def at(self, distance: float) -> float:
        """Mean cosine over the swept θ of this distance, e.g. both signs of a shift."""
        near = np.isclose(self.distance, distance, rtol=1e-4, atol=1e-9)
        if not near.any():
            raise InputError(f"no θ of distance {distance} was swept: {sorted(self.distance)}")
        return float(self.mean[near].mean())


def response_curve(
    embed: Callable[[torch.Tensor], Rows],
    signals: torch.Tensor,
    transform: Transform,
    grid: Rows,
    groups: Labels,
    *,
    pairs: int = 20_000,
    batch: int = 512,
    resamples: int = 1000,
    seed: int = 0,
) -> ResponseCurve:
    """Sweep a transform: similarity of z(x) and z(T_θ x) for every θ of `grid`.

    Memory holds the reference latents and one number a window, however long the grid is.

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

    Raises
    ------
    InputError
        Fewer than two groups, lengths that differ, latents that are not finite.
    """
    n = len(signals)
    names, group = np.unique(as_labels(groups, n, "groups"), return_inverse=True)
    sizes = np.bincount(group).astype(np.int64)
    neutral = transform.identity(1)
    steps = torch.as_tensor(grid).to(neutral)
    steps = steps[:, None] if steps.ndim == 1 else steps
    if steps.ndim != 2 or steps.shape[1:] != neutral.shape[1:] or len(steps) == 0:
        raise InputError(
            f"the grid has the shape {tuple(steps.shape)}: expected (m, {neutral.shape[1]}), "
            "one row of parameters a step"
        )
    i, j = different_pairs(group, pairs, seed)  # also refuses a single group, before any work

    def latents(params: torch.Tensor, rows: slice) -> NDArray[Any]:
        x = signals[rows]
        with torch.no_grad():
            z = embed(transform.apply(x, params.to(x.device).expand(len(x), -1)))
        return as_array(z, "the latents")

    cuts = [slice(start, min(start + batch, n)) for start in range(0, n, batch)]
    reference = np.concatenate([latents(neutral, rows) for rows in cuts])
    pair_cosines = cosine(reference[i], reference[j])
    touched = np.concatenate([group[i], group[j]])
    total = np.bincount(touched, np.tile(pair_cosines, 2), len(names))
    group_between = total / np.maximum(np.bincount(touched, minlength=len(names)), 1)

    auroc, means, window_sum = np.zeros(len(steps)), np.zeros((len(names), len(steps))), np.zeros(n)
    for m in range(len(steps)):
        parts = [cosine(reference[rows], latents(steps[m : m + 1], rows)) for rows in cuts]
        similarity = np.concatenate(parts)
        window_sum += similarity
        means[:, m] = np.bincount(group, similarity, len(names)) / sizes
        auroc[m] = separation(similarity, pair_cosines)
    weights = _group_draws(sizes, resamples, seed)
    low, high = np.quantile(weights @ means, [0.025, 0.975], axis=0)
    distance = transform.distance(steps, neutral.expand(len(steps), -1))
    distance = distance.detach().cpu().numpy().astype(np.float64)
    return ResponseCurve(
        theta=steps[:, 0].cpu().numpy().astype(np.float64) if steps.shape[1] == 1 else distance,
        distance=distance,
        mean=sizes @ means / n,
        low=low,
        high=high,
        auroc=auroc,
        between=float(pair_cosines.mean()),
        group_between=group_between,
        groups=tuple(str(name) for name in names),
        sizes=sizes,
        group_means=means,
        window_mean=window_sum / len(steps),
    )


def _group_draws(sizes: NDArray[np.int64], resamples: int, seed: int) -> Floats:
    """Weights (resamples, g) of groups drawn with replacement, each row summing to 1."""
    rng = np.random.default_rng(seed)
    g = len(sizes)
    weights = rng.multinomial(g, np.full(g, 1 / g), size=resamples) * sizes
    return weights / weights.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class HalfLife(Result):
    """Distance at which similarity is halfway down to the between-sample level.

    `value` is NaN if that never happens within the sweep; `low` and `high` are the 95 % bootstrap
    interval over groups, infinite where the resampled curve does not get there; `reached` is the
    share of resamples that do.
    """

    value: float
    low: float
    high: float
    reached: float


def half_life(curve: ResponseCurve, resamples: int = 1000, seed: int = 0) -> HalfLife:
    """Read the half-life of similarity from a response curve, in the transform's unit.

    Values of θ of equal distance (both signs) are averaged; at distance 0 similarity is 1; between
    the swept distances it is interpolated linearly; the first crossing counts.
    """
    where, index = np.unique(np.round(curve.distance, 9), return_inverse=True)
    share = np.eye(len(where))[index]
    by_distance = curve.group_means @ (share / share.sum(axis=0))
    if where[0] > 0:
        where = np.concatenate([[0.0], where])
        by_distance = np.concatenate([np.ones((len(by_distance), 1)), by_distance], axis=1)
    weights = _group_draws(curve.sizes, resamples, seed)
    drawn = _crossing(where, weights @ by_distance, weights @ curve.group_between)
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    everyone = curve.sizes[None] / curve.sizes.sum()
    value = float(_crossing(where, everyone @ by_distance, np.array([curve.between]))[0])
    reached = float(np.isfinite(drawn).mean())
    return HalfLife(value if np.isfinite(value) else np.nan, float(low), float(high), reached)


def _crossing(where: Floats, similarity: Floats, between: Floats) -> Floats:
    """First distance (r,) at which curves (r, m) reach (1 + between) / 2; infinite if never."""
    target = (1 + between)[:, None] / 2
    # a collapsed encoder has nothing to fall to
    under = (similarity <= target) & (between < 1 - 1e-9)[:, None]
    k = np.maximum(under.argmax(axis=1), 1)
    rows = np.arange(len(similarity))
    upper, lower = similarity[rows, k - 1], similarity[rows, k]
    fall = np.maximum(upper - lower, 1e-12)
    part = np.clip((upper - target[:, 0]) / fall, 0, 1)
    crossing = where[k - 1] + part * (where[k] - where[k - 1])
    return np.where(under.any(axis=1), crossing, np.inf)
