"""How alike a window's latents are before and after a transform, whatever the latents are.

Vectors are compared by their direction. A single number has none: the cosine of 589 and 1,251 is 1;
it is compared by how far it moves, beside how far apart strangers are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.metrics.inputs import Floats
from triptych.metrics.similarity import cosine

STEADY = 1e-6  # spread of a number, relative to its size, below which it is constant


class Likeness:
    """Likeness of latents (n, d) to the same latents transformed, beside that of strangers.

    Of vectors it is the cosine, NaN where one of the two is all zeros and so points nowhere. Of
    single numbers it is the *agreement* 1 − |a − b| / (mean |a − b| of strangers): 1 where the
    number stays, 0 where it moves as far as strangers are apart, negative beyond.

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
    strangers
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
        self.strangers = self._of(left, right)

    def __call__(self, view: NDArray[Any]) -> Floats:
        """Likeness (n,) of every row of `view` (n, d) to its row of the reference."""
        return self._of(self.reference, view)

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
