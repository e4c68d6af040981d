"""Whether latents have collapsed: one point for every window, so that nothing is measured on them.

A constant block is perfectly invariant, has no length to compare, and holds nothing to be read or
confused: each of these would count as a success. So the metrics of this package that take all
latents of a block are NaN ("missing") where these have collapsed, NaN is null in JSON and left out
of a study's row. Functions of single rows or of scores (`cosine`, `between_groups`, `separation`,
`top_k`) cannot know it: of a constant they are 1, 1, 0.5 and whatever comes first.
"""

from __future__ import annotations

import numpy as np

from triptych.errors import InputError
from triptych.metrics.inputs import Rows, as_array

LIMIT = 1e-6
"""Of the RMS norm. Rounding leaves 1e-7 of a constant in float32; what an encoder with a weight
for each window has left is far above."""


def collapsed(*latents: Rows) -> bool:
    """Whether all rows of all these latents (n, d) are one point, up to rounding; a null vector is.

    True where the total standard deviation, √(Σ‖z − z̄‖²/n), is at most `LIMIT` times the RMS norm,
    √(Σ‖z‖²/n): a unit or a sign changes nothing. Several arrays, such as windows and their
    transformed views, have one mean: what a transform moves has not collapsed.

    Raises
    ------
    InputError
        No array, values that are not finite, or different numbers of columns.

    Examples
    --------
    >>> collapsed(np.ones((10, 4))), collapsed(np.eye(4))
    (True, False)
    """
    rows = [as_array(z, "the latents").astype(np.float64) for z in latents]
    if len({z.shape[1] for z in rows}) != 1:
        raise InputError(
            f"latents have {', '.join(str(z.shape[1]) for z in rows) or 'no'} columns: expected "
            "one number for all; give views of the same block"
        )
    largest = max(float(np.abs(z).max(initial=0)) for z in rows)
    if largest == 0:
        return True
    rows = [z / largest for z in rows]  # squares neither overflow nor vanish
    centre = sum(z.sum(axis=0) for z in rows) / sum(map(len, rows))
    spread = sum(float(np.square(z - centre).sum()) for z in rows)
    size = sum(float(np.square(z).sum()) for z in rows)
    return spread <= LIMIT**2 * size
