"""The half-life of similarity: how far a transform goes before a window is half a stranger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triptych.audit.brittleness import ResponseCurve, equal_distances, group_draws
from triptych.audit.inputs import Floats
from triptych.audit.result import Result
from triptych.audit.statistics import draws_for, tail_of

REACHED, NOT_REACHED, COLLAPSED = "reached", "not reached", "collapsed"


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


def half_life(curve: ResponseCurve, resamples: int | None = None, seed: int = 0) -> HalfLife:
    """Read the half-life of similarity from a response curve, in the transform's unit.

    Values of θ of equal distance (both signs) are averaged; at distance 0 similarity is 1; between
    the swept distances it is interpolated linearly; the first crossing counts. Drawn groups change
    the curve and the level between groups alike: with every group drawn once, both are the printed
    ones. A collapsed curve has none: every number is NaN.
    """
    if curve.collapsed:
        return HalfLife(np.nan, np.nan, np.nan, np.nan, COLLAPSED)
    where, share = equal_distances(curve.distance)
    by_distance = curve.group_means @ share
    if where[0] > 0:
        where = np.concatenate([[0.0], where])
        by_distance = np.concatenate([np.ones((len(by_distance), 1)), by_distance], axis=1)
    weights = group_draws(curve.sizes, resamples or draws_for(len(curve.sizes)), seed)
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
