"""Tri-axial sensors among the channels of a signal: which they are, where up is, turning them."""

from __future__ import annotations

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.precision import full_precision, working_dtype
from triptych.transforms.base import norm

Triads = tuple[tuple[int, int, int], ...]
"""The channels x, y, z of each sensor."""


def check_triads(name: str, triads: Triads | None) -> None:
    """Refuse triads that are empty, not of three channels, or share a channel."""
    if triads is None:
        return
    channels = [channel for triad in triads for channel in triad]
    distinct = len(set(channels)) == len(channels) and min(channels, default=-1) >= 0
    if not distinct or any(len(triad) != 3 for triad in triads):
        raise InputError(
            f"{name} got triads={triads}, expected groups of three different channel numbers, "
            f"such as ((0, 1, 2), (3, 4, 5))."
        )


def same(a: Triads | None, b: Triads | None) -> bool:
    """Whether both name the same sensors, in any order."""
    return a == b or (a is not None and b is not None and set(a) == set(b))


def apart(a: Triads | None, b: Triads | None) -> bool:
    """Whether both name sensors, and share no channel."""
    if a is None or b is None:
        return False
    return not {each for triad in a for each in triad} & {each for triad in b for each in triad}


def resolve_triads(name: str, x: Tensor, triads: Triads | None) -> Triads:
    """Return the triads of `x` `(n, c, time)`: those named, or channels 0 to 2, 3 to 5, ..."""
    if x.ndim != 3 or not x.is_floating_point():
        raise InputError(
            f"{name} got {x.dtype} signals of shape {tuple(x.shape)}, expected a float tensor "
            f"(batch, channel, time)."
        )
    count = x.shape[1]
    if triads is None:
        if count == 0 or count % 3:
            raise InputError(
                f"{name} got signals of shape {tuple(x.shape)}: {count} channels are no whole "
                f"number of tri-axial sensors; name them with triads=((0, 1, 2), ...)."
            )
        return tuple((i, i + 1, i + 2) for i in range(0, count, 3))
    if max(max(triad) for triad in triads) >= count:
        raise InputError(
            f"{name} got signals of shape {tuple(x.shape)}: triads={triads} name a channel beyond "
            f"the last, {count - 1}."
        )
    return triads


def turn(x: Tensor, matrices: Tensor, triads: Triads) -> Tensor:
    """Multiply every triad of `x` `(n, c, time)` by the window's matrix of `(n, 3, 3)`."""
    n, channels, time = x.shape
    flat = [channel for triad in triads for channel in triad]
    everything = flat == list(range(channels))
    index = torch.tensor(flat, device=x.device)
    vectors = (x if everything else x.index_select(1, index)).to(matrices.dtype)
    vectors = vectors.reshape(n, len(triads), 3, time)
    with full_precision(x):
        turned = (matrices[:, None] @ vectors).reshape(n, len(flat), time).to(x.dtype)
    return turned if everything else x.index_copy(1, index, turned)


def gravity_frames(triad: Tensor) -> Tensor:
    """Return right-handed frames `(n, 3, 3)`, axes in columns, the last along the mean over time.

    The horizontal axes are those of Duff et al., "Building an orthonormal basis, revisited" (JCGT
    2017). Where the mean of `triad` `(n, 3, time)` is below a thousandth of its root mean square,
    the frame is the sensor's own.
    """
    triad = triad.to(working_dtype(triad))
    mean = triad.mean(dim=2)
    scale = triad.detach().square().sum(dim=1).mean(dim=1).sqrt()
    upright = (norm(mean.detach()) > 1e-3 * scale)[:, None]
    vertical = torch.where(upright, mean, mean.new_tensor([0.0, 0.0, 1.0]))
    x, y, z = (vertical / norm(vertical, keepdim=True)).unbind(dim=1)
    sign = torch.where(z < 0, -1.0, 1.0).to(z)
    a = -1 / (sign + z)
    b = x * y * a
    first = torch.stack([1 + sign * x * x * a, sign * b, -sign * x], dim=1)
    second = torch.stack([b, sign + y * y * a, -y], dim=1)
    return torch.stack([first, second, torch.stack([x, y, z], dim=1)], dim=2)
