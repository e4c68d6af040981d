"""Similarity of latents: of two views, of different groups, and how well the two are separated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.metrics.inputs import Floats, Labels, Rows, as_array, as_labels, same_shape, unit_rows


def cosine(a: Rows, b: Rows) -> Floats:
    """Cosine of every row of `a` with the same row of `b`, in float64.

    Parameters
    ----------
    a, b
        Latents (n, d) of two views of the same n windows.

    Returns
    -------
    (n,) from -1 to 1, the same direction; 0 where either row is all zeros.

    Raises
    ------
    InputError
        If the shapes differ or a value is not finite.

    Examples
    --------
    >>> cosine(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[2.0, 0.0], [0.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    left, right = as_array(a, "a"), as_array(b, "b")
    same_shape(left, right, "a and b")
    left, right = unit_rows(left.astype(np.float64)), unit_rows(right.astype(np.float64))
    return np.clip(np.einsum("ij,ij->i", left, right), -1.0, 1.0)


def different_pairs(
    groups: Labels, pairs: int, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw `pairs` ordered pairs of rows from different groups, all such pairs equally likely.

    Examples
    --------
    >>> i, j = different_pairs(["a", "a", "b"], 100, seed=0)
    >>> bool(np.all((i == 2) != (j == 2)))
    True
    """
    n = len(groups)
    _, group = np.unique(as_labels(groups, n, "groups"), return_inverse=True)
    size = np.bincount(group)
    if len(size) < 2:
        raise InputError(
            f"all {n} rows belong to one group: pairs between groups need at least two; "
            "give windows of more records or people"
        )
    order = np.argsort(group, kind="stable")
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    rng = np.random.default_rng(seed)
    others = (n - size[group]).astype(np.float64)
    i = rng.choice(n, pairs, p=others / others.sum())
    u = rng.integers(0, n - size[group[i]])
    # the u-th row outside the group of i: skip over that group's stretch in the sorted order
    return i, order[u + np.where(u >= first[group[i]], size[group[i]], 0)]


def between_groups(z: Rows, groups: Labels, *, pairs: int = 20_000, seed: int = 0) -> Floats:
    """Cosines (pairs,) of random pairs of rows of `z` (n, d) from different groups.

    Raises InputError if there are fewer than two groups.

    Examples
    --------
    >>> z = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> float(between_groups(z, ["a", "a", "b"]).max())
    0.0
    """
    rows = as_array(z, "z")
    i, j = different_pairs(as_labels(groups, len(rows), "groups"), pairs, seed=seed)
    return cosine(rows[i], rows[j])


def separation(positive: Rows, negative: Rows) -> float:
    """AUROC: the probability that a positive score is above a negative one, ties half.

    1 is perfect, 0.5 is chance.

    Scores closer than 1e-9 are ties: below that, cosines of float32 latents are rounding noise,
    and a constant encoder must come out at 0.5.

    Examples
    --------
    >>> separation(np.array([0.9, 0.8]), np.array([0.1, 0.2])), separation(np.ones(3), np.ones(3))
    (1.0, 0.5)
    """
    above = np.round(as_array(positive, "positive", 1).astype(np.float64), 9)
    below = np.sort(np.round(as_array(negative, "negative", 1).astype(np.float64), 9))
    wins = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
    return float(wins.mean() / (2 * len(below)))
