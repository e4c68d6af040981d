"""Missing samples: NaN in a signal is its mask, and here is the arithmetic beside it.

What is missing stays NaN through windows and transforms; a front-end standardises over what is
present, and an encoder takes 0 for the rest and leaves it out of its pooling.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

F = TypeVar("F", bound=Callable[[Any, Tensor], Tensor])


def masking(x: Tensor) -> bool:
    """Whether code has to mind missing samples: some are NaN, or a graph is made for any signal."""
    return torch.compiler.is_compiling() or bool(x.isnan().any())


def present(x: Tensor) -> Tensor:
    """`x` with 0 for missing samples."""
    return x.masked_fill(x.isnan(), 0) if masking(x) else x


def bridge(x: Tensor) -> Tensor:
    """Missing samples of ``x (..., time)`` by linear interpolation; at the ends the nearest value.

    A channel without any value becomes zeros. Differentiable in what is present.
    """
    gone, time = x.isnan(), x.shape[-1]
    at = torch.arange(time, device=x.device).expand(x.shape)
    before = at.masked_fill(gone, -1).cummax(dim=-1).values
    after = at.masked_fill(gone, time).flip(-1).cummin(dim=-1).values.flip(-1)
    left = torch.where(before < 0, after, before).clamp(max=time - 1)
    right = torch.where(after == time, before, after).clamp(min=0)
    share = ((at - left) / (right - left).clamp(min=1)).to(x.dtype)
    known = x.masked_fill(gone, 0)
    first, last = known.gather(-1, left), known.gather(-1, right)
    return torch.where(gone, first + share * (last - first), x)


def across(forward: F) -> F:
    """Let a front-end's `forward` see bridged signals; its output is missing where they were.

    A sample is missing in all channels if it is in one: sensors are seen together. In an exported
    graph there is no bridge, and NaN stays NaN.
    """

    @wraps(forward)
    def bridged(self: Any, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling() or not bool((gone := x.isnan()).any()):
            return forward(self, x)
        gone = gone.any(dim=1, keepdim=True)
        return forward(self, bridge(x.masked_fill(gone, torch.nan))).masked_fill(gone, torch.nan)

    return cast(F, bridged)


def mean(x: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    """Mean over the present samples, dimensions kept; 0 where there are none.

    To the last bit `Tensor.mean` where nothing is missing.
    """
    return mean_of(x, ~x.isnan(), dims) if masking(x) else x.mean(dim=dims, keepdim=True)


def mean_of(x: Tensor, known: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    """Mean over the samples that are `known`, a mask, dimensions kept; 0 where there are none."""
    count = known.sum(dim=dims, keepdim=True).clamp(min=1)
    return x.masked_fill(~known, 0).sum(dim=dims, keepdim=True) / count
