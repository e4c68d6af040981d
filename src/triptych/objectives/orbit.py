"""Orbit similarity: how alike two samples are once the transform is allowed to line them up.

The invariant block ought to be an embedding of signals *up to* the transform, so what is near in
it should be what some θ makes near: s(x, y) = max over θ of the correlation of x with T_θ y.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.precision import precise, unit
from triptych.transforms import PhaseShift, Rotation, Transform
from triptych.transforms.triads import resolve_triads

ENOUGH_HZ = 100.0  # shifts are tried on this grid: 10 ms, a twentieth of a QRS-T complex


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
    if isinstance(transform, PhaseShift):
        similarity = _over_shifts(x, transform)
    elif isinstance(transform, Rotation):
        similarity = _over_rotations(x, transform)
    else:
        raise InputError(
            f"no orbit similarity is known for {transform.name}; it is for phase_shift and "
            "rotation, so set sharpness=0 for the others"
        )
    return torch.maximum(similarity, similarity.T)


def _over_shifts(x: Tensor, shift: PhaseShift) -> Tensor:
    factor = max(1, int(shift.rate // ENOUGH_HZ))
    steps = int(shift.max_shift * shift.rate) // factor
    if shift.mode == "circular":
        length = x.shape[-1]
        index = (torch.arange(-steps * factor, length + steps * factor)) % length
        x = x[..., index.to(x.device)]
    coarse = functional.avg_pool1d(x, factor)
    length = coarse.shape[-1] - 2 * steps
    centre = _unit(coarse[..., steps : steps + length]).T.contiguous()
    best = x.new_full((len(x), len(x)), -1.0)
    # one shift at a time: all shifts of all pairs at once are slower, and gigabytes at batch 4096
    for start in range(2 * steps + 1):
        torch.maximum(best, _unit(coarse[..., start : start + length]) @ centre, out=best)
    return best


def _unit(windows: Tensor) -> Tensor:
    """Rows ``(n, channels · time)`` of length 1, each channel without its mean."""
    centred = windows - windows.mean(dim=-1, keepdim=True)
    return unit(centred.flatten(1))


def _over_rotations(x: Tensor, rotation: Rotation) -> Tensor:
    n = len(x)
    triads = resolve_triads(rotation.name, x, rotation.triads)
    stacked = torch.stack([x[:, list(triad)] for triad in triads], dim=2)  # (n, 3, k, time)
    rows = unit(stacked.reshape(n, -1)).view(n, 3, -1)
    cross = torch.einsum("iat,jbt->ijab", rows, rows)  # (n, n, 3, 3)
    values = cast(Tensor, torch.linalg.svdvals(cross))  # pyright: ignore[reportUnknownMemberType]
    sign: Tensor = torch.sign(torch.det(cross))
    return values[..., 0] + values[..., 1] + sign * values[..., 2]
