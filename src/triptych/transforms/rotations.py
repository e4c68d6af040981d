"""Turning tri-axial sensors: quaternions and matrices, which channels they are, where up is.

Unit quaternions `(n, 4)` are in the order x, y, z, w; results have w ≥ 0.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, cast

import torch
from torch import Tensor

from triptych import missing
from triptych.errors import InputError
from triptych.precision import full_precision, unit, working_dtype
from triptych.transforms.checks import norm
from triptych.transforms.units import shown, signed

Triads = tuple[tuple[int, int, int], ...]
"""The channels x, y, z of each sensor."""

AXES = ("x", "y", "z", "−x", "−y", "−z")


def canonical(q: Tensor) -> Tensor:
    """Normalise, and choose of q and −q (the same rotation) the one with w ≥ 0."""
    q = q / norm(q, keepdim=True)
    return torch.where(q[:, 3:] < 0, -q, q)


def product(q: Tensor, p: Tensor) -> Tensor:
    """Return q·p: first p, then q."""
    return cast(Tensor, _roma().quat_product(q, p))


def conjugate(q: Tensor) -> Tensor:
    """Return the inverse of a unit quaternion."""
    return torch.cat([-q[:, :3], q[:, 3:]], dim=1)


def to_matrices(q: Tensor) -> Tensor:
    """Return rotation matrices `(n, 3, 3)`: their entries are sums of products of two of x..w."""
    products = (q[:, :, None] * q[:, None]).flatten(1)
    with full_precision(q):
        return (products @ _entries().to(q)).view(-1, 3, 3)


def gram_schmidt(six: Tensor) -> Tensor:
    """Return rotation matrices `(n, 3, 3)` whose first columns are nearest to `six` `(n, 6)`."""
    x = unit(six[:, :3])
    y = unit(six[:, 3:] - (x * six[:, 3:]).sum(1, keepdim=True) * x)
    return torch.stack([x, y, torch.cross(x, y, dim=1)], dim=-1)


@functools.cache
@torch.inference_mode(False)  # what is kept serves trainings as well
def _entries() -> Tensor:
    """Signs and factors of the products of x, y, z, w in each entry of the matrix, `(16, 9)`.

    One product with it is some five times faster on small batches than entry by entry.
    """
    w = 3
    table = torch.zeros(4, 4, 3, 3)
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        table[a, a, a, a] = table[w, w, a, a] = 1
        table[b, b, a, a] = table[c, c, a, a] = -1
        table[a, b, a, b] = table[a, b, b, a] = table[c, w, b, a] = 2
        table[c, w, a, b] = -2
    return table.view(16, 9)


@functools.cache
@torch.inference_mode(False)
def cube() -> Tensor:
    """Return the 24 proper rotations that map the axes to the axes, float32 `(24, 4)`."""
    signed = [
        torch.eye(3)[list(order)] * torch.tensor(signs)
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
    proper = torch.stack([matrix for matrix in signed if matrix.det() > 0])
    return canonical(cast(Tensor, _roma().rotmat_to_unitquat(proper)))


def about(angle: float, axes: int) -> Tensor:
    """Return quaternions `(axes, 4)` of an angle in degrees about each of the first axes."""
    half = torch.tensor(math.radians(angle) / 2, dtype=torch.float64)
    return torch.cat([torch.eye(3)[:axes] * half.sin(), half.cos().expand(axes, 1)], 1).float()


def in_words(x: float, y: float, z: float, real: float) -> str:
    """Return "90 degrees about x" for a quaternion; half a turn about −x is one about x."""
    length = math.hypot(x, y, z)
    angle = math.degrees(2 * math.atan2(length, abs(real)))
    if angle < 1e-4:
        return shown(0.0, "degrees")
    axis = [each / length * (-1 if real < 0 else 1) for each in (x, y, z)]
    if angle > 180 - 1e-3 and next(each for each in axis if abs(each) > 1e-3) < 0:
        axis = [-each for each in axis]
    near = [k for k, each in enumerate([*axis, *(-each for each in axis)]) if each > 1 - 1e-5]
    numbers = ", ".join(signed(round(each, 2), "") for each in axis)
    return f"{shown(angle, 'degrees')} about {AXES[near[0]] if near else f'({numbers})'}"


def vectors(q: Tensor) -> Tensor:
    """Return rotation vectors `(n, 3)` in degrees: along the axis, as long as the angle."""
    return torch.rad2deg(cast(Tensor, _roma().unitquat_to_rotvec(q)))


def _roma() -> Any:
    # imported where it is used, so that `import triptych` does not load it
    import roma  # pyright: ignore[reportMissingTypeStubs]

    return roma


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
    mean = missing.mean(triad, 2)[..., 0]
    scale = missing.mean(triad.detach().square().sum(dim=1), 1)[..., 0].sqrt()
    upright = (norm(mean.detach()) > 1e-3 * scale)[:, None]
    vertical = torch.where(upright, mean, mean.new_tensor([0.0, 0.0, 1.0]))
    x, y, z = (vertical / norm(vertical, keepdim=True)).unbind(dim=1)
    sign = torch.where(z < 0, -1.0, 1.0).to(z)
    a = -1 / (sign + z)
    b = x * y * a
    first = torch.stack([1 + sign * x * x * a, sign * b, -sign * x], dim=1)
    second = torch.stack([b, sign + y * y * a, -y], dim=1)
    return torch.stack([first, second, torch.stack([x, y, z], dim=1)], dim=2)
