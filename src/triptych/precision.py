"""In which precision numbers are computed, whatever that of the data: shared by every room.

Half precision holds neither a square of 300 nor an epsilon of 1e-8, and autocast brings it in
where nobody asked for it. So what squares, divides or takes logarithms works in float32 at least.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeGuard, TypeVar, cast

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "cosine",
    "exact",
    "full_precision",
    "precise",
    "unit",
    "without_silent",
    "working_dtype",
]

P = ParamSpec("P")
R = TypeVar("R")


def working_dtype(*x: Tensor) -> torch.dtype:
    """float64 stays (one is enough), float32 and everything shorter is computed in float32."""
    return torch.float64 if any(each.dtype == torch.float64 for each in x) else torch.float32


def exact(x: Tensor) -> Tensor:
    """`x` in its `working_dtype`."""
    return x.to(working_dtype(x))


def full_precision(x: Tensor) -> AbstractContextManager[Any]:
    """Within it products are not shortened by autocast: in bfloat16 a rotation is none.

    Autocast's own context takes as long as a small product, so it is entered only where needed.
    """
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def precise(formula: Callable[P, R]) -> Callable[P, R]:
    """Let a formula see its floating-point tensors in one `working_dtype`, outside of autocast."""

    @wraps(formula)
    def computed(*given: P.args, **named: P.kwargs) -> R:
        tensors = [x for x in (*given, *named.values()) if _is_real(x)]
        dtype = working_dtype(*tensors)
        wide = [x.to(dtype) if _is_real(x) else x for x in given]
        widened = {key: x.to(dtype) if _is_real(x) else x for key, x in named.items()}
        with full_precision(tensors[0]):
            return cast(Callable[..., R], formula)(*wide, **widened)

    return computed


def without_silent(z: Tensor) -> Tensor:
    """`z` itself, but rows that are all 0 get no gradient.

    Such a row has no direction: normalising it would multiply its gradient by 10¹².
    """
    if not (z.requires_grad and torch.is_grad_enabled()):
        return z  # as it would come out below, in a third of the time
    return torch.where((z != 0).any(dim=-1, keepdim=True), z, z.detach())


def unit(z: Tensor) -> Tensor:
    """Rows of ``z (..., d)`` at length 1, in at least float32; zeros stay, see `without_silent`."""
    return functional.normalize(without_silent(exact(z)), dim=-1)


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine similarity of the rows of ``a, b (..., d)``; 0, without gradient, for rows of 0."""
    a, b = (without_silent(exact(each)) for each in (a, b))
    return functional.cosine_similarity(a, b, dim=-1)


def _is_real(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.is_floating_point()
