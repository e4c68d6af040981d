"""Batch statistics over all processes: rows gathered with their gradients."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, distributed

from triptych.precision import precise


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())  # pyright: ignore[reportUnknownMemberType]
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        distributed.all_reduce(total)  # pyright: ignore[reportUnknownMemberType]
        n = len(total) // distributed.get_world_size()
        start = distributed.get_rank() * n
        return total[start : start + n]


def gather(rows: Tensor) -> Tensor:
    """Rows of every process, ``(n, d)`` → ``(processes · n, d)``, with gradients.

    Each process must hold the same number of rows. A loss computed on gathered rows in every
    process gives, after DistributedDataParallel's averaging, the single process's gradients.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return rows
    if distributed.get_world_size() == 1:
        return rows
    return cast(Tensor, _GatherRows.apply(rows))  # pyright: ignore[reportUnknownMemberType]


@precise
def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Give this process's share of the weighted mean of ``values (n,)`` over all processes.

    Averaged over the processes the shares are that mean, so DistributedDataParallel's gradients
    are the single process's, however unevenly the weights are spread. Where the weights sum to
    less than 1 the mean is over 1.
    """
    everywhere = gather(weight)
    share = len(everywhere) / len(weight)
    return share * (values * weight).sum() / everywhere.sum().clamp_min(1.0)
