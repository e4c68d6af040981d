"""Unit quaternions `(n, 4)` in the order x, y, z, w; results have w ≥ 0."""

from __future__ import annotations

import functools
import itertools
from typing import Any, cast

import torch
from torch import Tensor

from triptych.precision import full_precision, unit
from triptych.transforms.base import norm


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


def _roma() -> Any:
    # imported where it is used, so that `import triptych` does not load it
    import roma  # pyright: ignore[reportMissingTypeStubs]

    return roma
