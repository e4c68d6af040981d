"""Orbit similarity: how alike two samples are once the transform is allowed to line them up.

The invariant block ought to be an embedding of signals *up to* the transform, so what is near in
it should be what some θ makes near: s(x, y) = max over θ of the correlation of x with T_θ y.
"""

from __future__ import annotations

import torch
from torch import Tensor

from triptych.missing import bridge, masking
from triptych.precision import precise
from triptych.transforms import Transform
from triptych.transforms.base import method_of


@torch.no_grad()
@precise
def orbit_similarity(x: Tensor, transform: Transform) -> Tensor:
    """Symmetric ``(n, n)`` orbit similarities of signals ``x (n, channels, time + 2·context)``.

    Phase shifts: largest correlation coefficient over all shifts within ``max_shift``, with the
    real neighbours of a crop, on a grid of about 10 ms. Rotations: largest normalised inner
    product over all rotations of the triads (orthogonal Procrustes, Kabsch 1976), signed.

    Returns
    -------
    Tensor
        In −1 to 1, 1 where two samples are equal up to the transform and a positive gain.

    Raises
    ------
    InputError
        For transforms without a known orbit.
    """
    x = bridge(x) if masking(x) else x  # missing samples are interpolated
    similarity: Tensor = method_of(transform, "orbit")(x)
    return torch.maximum(similarity, similarity.T)
