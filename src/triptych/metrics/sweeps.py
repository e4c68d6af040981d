"""Brittleness: how much a latent vector changes when only a nuisance changes.

Every similarity stands beside its between-sample level; of a collapsed encoder there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.metrics.inputs import Floats, Labels, Rows, as_array, as_labels
from triptych.metrics.result import Result
from triptych.metrics.similarity import different_pairs
from triptych.metrics.statistics import draws, tail_of
from triptych.metrics.tally import ResponseCurve, Tally

if TYPE_CHECKING:
    from torch import Tensor

    from triptych.transforms import Transform

REACHED, NOT_REACHED, COLLAPSED = "reached", "not reached", "collapsed"
_SAME = 1e-5  # relative difference of distances up to which they are the same


def invariance(
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

    1 where the latents stay; the curve's `between` is the level of windows of different groups.

    Parameters
    ----------
    embed
        Signals (n, c, t) → latents (n, d); called on batches of at most `batch` windows.
    signals
        (n, c, t), with the transform's context on either side where it is a crop.
    grid
        (m,) or (m, p) parameters θ in the transform's unit.
    groups
        (n,) record or subject of every window; at least two.
    options
        ``pairs``, ``resamples`` and ``seed`` of `curves`, which says what is raised.

    Examples
    --------
    The magnitude of the spectrum does not see a circular shift, the samples do.

    >>> import torch
    >>> from triptych.transforms import PhaseShift
    >>> shift = PhaseShift(max_shift=0.2, rate=50.0, mode="circular")
    >>> x = torch.randn(20, 1, 50, generator=torch.Generator().manual_seed(0))
    >>> subject, grid = np.arange(20) % 4, np.array([0.1, 0.2])
    >>> invariance(lambda x: torch.fft.rfft(x[:, 0]).abs(), x, shift, grid, subject).mean.round(2)
    array([1., 1.])
    >>> bool(invariance(lambda x: x[:, 0], x, shift, grid, subject).mean.max() < 0.2)
    True
    """
    steps = steps_of(transform, grid)
    different_pairs(as_labels(groups, len(signals), "groups"), 1, seed=0)  # refused before any work

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
    import torch

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
    import torch

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
        (n,) record or subject of every window; at least two.

    Raises
    ------
    InputError
        Fewer than two groups, rows or steps that do not match, latents that are not finite.
    """
    n = len(next(iter(reference.values())))
    names, group = np.unique(as_labels(groups, n, "groups"), return_inverse=True)
    drawn = different_pairs(group, pairs, seed=seed)
    tallies = {name: Tally(as_array(z, name), group, drawn) for name, z in reference.items()}
    for view in views:
        for name, tally in tallies.items():
            tally.add(as_array(view[name], f"transformed {name}"))
    distance = distances(transform, grid).cpu().numpy().astype(np.float64)
    theta = grid[:, 0].cpu().numpy().astype(np.float64) if grid.shape[1] == 1 else distance
    sizes = np.bincount(group)
    weights = group_draws(sizes, resamples, seed)
    return {
        name: tally.curve(theta, distance, tuple(map(str, names)), weights)
        for name, tally in tallies.items()
    }


def group_draws(sizes: NDArray[np.int64], resamples: int | None, seed: int) -> Floats:
    """Weights (resamples, g) of groups drawn with replacement, each row summing to 1."""
    weights = draws(len(sizes), resamples, seed) * sizes
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


@dataclass(frozen=True)
class HalfLife(Result):
    """Distance at which similarity is halfway down to the between-sample level.

    Attributes
    ----------
    value
        In the transform's unit; NaN unless it is reached.
    low, high
        95 % bootstrap interval over groups, infinite where a resampled curve does not get there.
    reached
        Share of resamples that do.
    outcome
        ``"reached"``, ``"not reached"`` within the sweep, or ``"collapsed"``: why `value` is NaN.
    """

    value: float
    low: float
    high: float
    reached: float
    outcome: str


def half_life(curve: ResponseCurve, *, resamples: int | None = None, seed: int = 0) -> HalfLife:
    """Read the half-life of similarity from a response curve, in the transform's unit.

    More is steadier.

    Values of θ of equal distance (both signs) are averaged; at distance 0 similarity is 1; between
    the swept distances it is interpolated linearly; the first crossing counts. Drawn groups change
    the curve and the level between groups alike: with every group drawn once, both are the printed
    ones. A collapsed curve has none: every number is NaN.

    Examples
    --------
    >>> import torch
    >>> from triptych.transforms import PhaseShift
    >>> shift = PhaseShift(max_shift=0.2, rate=50.0, mode="circular")
    >>> t = torch.arange(50) / 50
    >>> x = torch.stack([torch.sin(2 * np.pi * (t + k / 8)) for k in range(8)])[:, None]
    >>> curve = invariance(lambda x: x[:, 0], x, shift, np.array([0.1, 0.15, 0.2]), np.arange(8))
    >>> round(half_life(curve).value, 2)
    0.18
    """
    if curve.collapsed:
        return HalfLife(np.nan, np.nan, np.nan, np.nan, COLLAPSED)
    where, share = equal_distances(curve.distance)
    if not where[-1] > 0:
        raise InputError("every θ is the identity, so that nothing has a half-life; sweep others")
    by_distance = curve.group_means @ share
    if where[0] > 0:
        where = np.concatenate([[0.0], where])
        by_distance = np.concatenate([np.ones((len(by_distance), 1)), by_distance], axis=1)
    weights = group_draws(curve.sizes, resamples, seed)
    drawn = _crossing(where, weights @ by_distance, levels(curve, weights))
    tail = tail_of(len(curve.groups))
    low, high = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
    everyone = curve.sizes[None] / curve.sizes.sum()
    value = float(_crossing(where, everyone @ by_distance, levels(curve, everyone))[0])
    reached = float(np.isfinite(drawn).mean())
    if not np.isfinite(value):
        return HalfLife(np.nan, float(low), float(high), reached, NOT_REACHED)
    return HalfLife(value, float(low), float(high), reached, REACHED)


def levels(curve: ResponseCurve, weights: Floats) -> Floats:
    """Level between groups (r,) under weights of the groups (r, g), each row summing to 1.

    A pair of groups weighs the product of both, of which the first-order part is twice that of the
    means over the pairs that touch a group (Hájek's projection of a U-statistic of degree two);
    pairs touch a group in proportion to its windows times those of the others.
    """
    touched = weights * (curve.sizes.sum() - curve.sizes)
    means = touched @ curve.group_between / touched.sum(axis=1)
    own = curve.sizes * (curve.sizes.sum() - curve.sizes)
    whole = own @ curve.group_between / own.sum()
    return curve.between + 2 * (means - whole)


def _crossing(where: Floats, similarity: Floats, between: Floats) -> Floats:
    """First distance (r,) at which curves (r, m) reach (1 + between) / 2; infinite if never."""
    target = (1 + between)[:, None] / 2
    # an encoder that gives nearly the same for all has nothing to fall to
    under = (similarity <= target) & (between < 1 - 1e-9)[:, None]
    k = np.maximum(under.argmax(axis=1), 1)
    rows = np.arange(len(similarity))
    upper, lower = similarity[rows, k - 1], similarity[rows, k]
    fall = np.maximum(upper - lower, 1e-12)
    part = np.clip((upper - target[:, 0]) / fall, 0, 1)
    crossing = where[k - 1] + part * (where[k] - where[k - 1])
    return np.where(under.any(axis=1), crossing, np.inf)
