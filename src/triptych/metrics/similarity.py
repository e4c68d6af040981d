"""Similarity of latents: of two views, of different groups, and how well the two are separated.

Vectors are compared by their direction. A single number has none: the cosine of 589 and 1,251 is 1;
it is compared by how far it moves, beside how far apart different subjects are (`Likeness`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.metrics.inputs import Floats, Labels, Rows, as_array, as_labels, same_shape, unit_rows

STEADY = 1e-6  # spread of a number, relative to its size, below which it is constant


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
            "give windows of more records or subjects"
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


class Likeness:
    """Likeness of latents (n, d) to themselves transformed, beside that of different subjects.

    Of vectors it is the cosine, NaN where one of the two is all zeros and so points nowhere. Of
    single numbers it is the *agreement* 1 − |a − b| / (mean |a − b| of different subjects): 1
    where it stays, 0 where it moves as far as different subjects are apart, negative beyond.

    Parameters
    ----------
    reference
        (n, d) latents of the windows as they are.
    pairs
        Rows (p,) and (p,) of windows of different groups.

    Attributes
    ----------
    measure
        ``"cosine"`` or ``"agreement"``.
    zeros
        (n,) which rows of `reference` are all zeros, where that matters.
    different subjects
        (p,) likeness of the pairs.
    """

    def __init__(
        self, reference: NDArray[Any], pairs: tuple[NDArray[np.int64], NDArray[np.int64]]
    ) -> None:
        self.reference = reference
        self.measure = "agreement" if reference.shape[1] == 1 else "cosine"
        left, right = (reference[rows] for rows in pairs)
        self.zeros = self._zeros(reference)
        self._apart = 0.0
        if self.measure == "agreement":
            apart = float(np.abs(left - right).astype(np.float64).mean())
            self._apart = apart if apart > STEADY * float(np.abs(reference).max()) else 0.0
        self.between_pairs = self._of(left, right)

    def __call__(self, view: NDArray[Any]) -> Floats:
        """Likeness (n,) of every row of `view` (n, d) to its row of the reference."""
        return self._of(self.reference, view)

    @property
    def between(self) -> float:
        """Mean likeness of different subjects; NaN where none of them points anywhere."""
        return mean_of(self.between_pairs)

    def separation(self, similarity: Floats) -> float:
        """AUROC of such likenesses against those between subjects; NaN where either has none."""
        own, others = held(similarity), held(self.between_pairs)
        return separation(own, others) if len(own) and len(others) else float("nan")

    def lost(self, view: NDArray[Any]) -> float:
        """Share of the rows that point somewhere before and nowhere after."""
        return float((self._zeros(view) & ~self.zeros).mean())

    def _of(self, a: NDArray[Any], b: NDArray[Any]) -> Floats:
        if self.measure == "cosine":
            found = cosine(a, b)
            found[self._zeros(a) | self._zeros(b)] = np.nan
            return found
        moved = np.abs(a.astype(np.float64) - b)[:, 0]
        if not self._apart:  # the number is the same for everyone: it stays, or it does not
            return (moved <= STEADY * float(np.abs(self.reference).max())).astype(np.float64)
        return 1 - moved / self._apart

    def _zeros(self, z: NDArray[Any]) -> NDArray[np.bool_]:
        if self.measure == "agreement":
            return np.zeros(len(z), np.bool_)
        return np.asarray((z == 0).all(axis=1))


def held(similarity: Floats) -> Floats:
    """The similarities of rows that point somewhere."""
    return similarity[np.isfinite(similarity)]


def mean_of(similarity: Floats) -> float:
    """Mean over the rows that point somewhere; NaN without any."""
    own = held(similarity)
    return float(own.mean()) if len(own) else float("nan")
