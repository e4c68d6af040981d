"""Sub-series of windows, in their place: what T-Loss and TS2Vec compare."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

NAME = "sub_series"  # under which views keep start and end, as shares of the window


def whole(low: Tensor, high: Tensor, generator: Generator | None) -> Tensor:
    """Whole numbers from `low` to `high`, both included, drawn evenly row by row."""
    drawn = torch.rand(low.shape, generator=generator, dtype=torch.float64)
    return low + (drawn * (high - low + 1)).long()


def sub_series(x: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """``x (n, channels, time)`` with nothing but the samples from `start` to before `end` of a row.

    Every other sample is the mean of those, so that an encoder of windows of one length can read
    it, and standardising it makes them 0.
    """
    start, end = (each.to(x.device).view(-1, 1, 1) for each in (start, end))
    time = torch.arange(x.shape[-1], device=x.device)
    inside = (time >= start) & (time < end)
    mean = (x * inside).sum(dim=-1, keepdim=True) / (end - start)
    return torch.where(inside, x, mean)
