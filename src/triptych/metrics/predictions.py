"""Whether a classifier keeps its answers: what becomes of each class, every class counting alike.

The plain share of windows that keep their class freezes at the share of the commonest class when
all answers become that one. Here the answers to windows called A are followed class by class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.metrics.inputs import Floats, Labels, as_labels
from triptych.metrics.result import Result

FEWEST = 5
"""Windows called so, under which a class is in the flow table but in no mean over classes."""

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class PredictionConsistency(Result):
    """Figures of `prediction_consistency`, of K classes.

    Attributes
    ----------
    raw
        Share of windows that keep their class: the published consistency.
    balanced
        Mean, over the classes that at least `FEWEST` windows are called before, of the share of
        their windows that keep the class; NaN where fewer than two classes are.
    chance
        What `balanced` is for an answer that is constant, or independent of the window: one over
        the number of those classes, whatever their shares.
    corrected
        (balanced − chance) / (1 − chance): 0 for such an answer, 1 where all is kept.
    independent
        What `raw` is for an independent answer with the same shares of classes, Σ p_c q_c.
    flow
        (K, K) windows called i before that are called j after.
    """

    raw: float
    balanced: float
    chance: float
    corrected: float
    independent: float
    flow: NDArray[np.int64]


def prediction_consistency(before: Labels, after: Labels, k: int) -> PredictionConsistency:
    """Compare the answers to n windows before and after a transform.

    Parameters
    ----------
    before
        (n,) classes as integers 0 to k − 1.
    after
        (n,) the same of the transformed windows, or (draws, n) under several draws of θ.

    Raises
    ------
    InputError
        No window, another length, or a class outside 0 to k − 1.

    Examples
    --------
    Nine of ten windows are called 0; afterwards all are. The share that stays is 0.91, and says
    nothing of the class that is gone.

    >>> found = prediction_consistency([0] * 91 + [1] * 9, [0] * 100, 2)
    >>> found.raw, found.balanced, found.corrected
    (0.91, 0.5, 0.0)
    """
    own, drawn = as_codes(before, len(before), k, "before"), np.atleast_2d(np.asarray(after))
    n = drawn.size
    if drawn.shape[1:] != own.shape:
        raise InputError(f"after has the shape {drawn.shape}: expected (draws, {len(own)})")
    flow = flows(np.tile(own, len(drawn)), as_codes(drawn.ravel(), n, k, "after"), k)
    called, later = flow.sum(axis=1), flow.sum(axis=0)
    balanced, chance = float("nan"), float("nan")
    counted = counts(np.bincount(own, minlength=k))
    if counted.sum() > 1:
        balanced = float((flow.diagonal()[counted] / called[counted]).mean())
        chance = 1 / int(counted.sum())
    return PredictionConsistency(
        raw=float(flow.trace() / n),
        balanced=balanced,
        chance=chance,
        corrected=(balanced - chance) / (1 - chance),
        independent=float(called @ later / n**2),
        flow=flow,
    )


def as_codes(labels: Labels, n: int, k: int, name: str) -> Codes:
    """Classes (n,) as integers 0 to k − 1; anything else raises InputError."""
    codes = as_labels(labels, n, name)
    if codes.dtype.kind not in "iu" or n == 0 or codes.min() < 0 or codes.max() >= k:
        raise InputError(
            f"{name} holds {n} {codes.dtype} values: expected one class a window, 0 to {k - 1}"
        )
    return codes.astype(np.int64)


def flows(before: Codes, after: Codes, k: int) -> NDArray[np.int64]:
    """(k, k) how many windows called i before are called j after.

    Examples
    --------
    >>> flows(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(before * k + after, minlength=k * k).reshape(k, k)


def counts(called: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which classes have windows enough to count in a mean over classes."""
    return called >= FEWEST


def macro_f1(hits: Floats, own: Floats, read: Floats) -> Floats:
    """Mean F1 over the classes that occur, of (..., k) right, true and called windows.

    1 is perfect. The mean is over classes that some window has (`own`); NaN without any.

    Examples
    --------
    Two classes with four windows each, three and two of them right.

    >>> hits, own, read = np.array([3.0, 2.0]), np.array([4.0, 4.0]), np.array([5.0, 3.0])
    >>> round(float(macro_f1(hits, own, read)), 3)
    0.619
    """
    f1 = 2 * hits / np.maximum(own + read, 1e-300)
    held = own > 0
    return np.where(held, f1, 0).sum(axis=-1) / np.where(held.any(-1), held.sum(-1), np.nan)
