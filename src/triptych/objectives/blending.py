"""Targets blended with background: views of a sample that agree in nothing of the background."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Generator, Tensor


def blended(
    x: Tensor,
    target: Tensor,
    mix: float,
    generator: Generator | None = None,
    clusters: Tensor | None = None,
) -> Tensor:
    """``x (n, channels, ...)`` with every target blended with a background sample of the batch.

    Parameters
    ----------
    x, target
        Samples, and which of them are targets ``(n,)``; the background stays as it is.
    mix
        The background sample's share is uniform from half of `mix` to `mix`.
    generator
        Source of randomness on the CPU.
    clusters
        ``(n,)`` numbers below n: targets of one cluster get the same background sample and share,
        so that within it they differ in nothing but themselves. Left out, each has its own.
    """
    found, others = x.clone(), x[~target]
    if len(others) and bool(target.any()):
        draws = int(target.sum()) if clusters is None else len(x)
        of = torch.arange(draws) if clusters is None else clusters[target].cpu()
        partner = torch.randint(len(others), (draws,), generator=generator)[of]
        share = (mix * (1 + torch.rand(draws, generator=generator)) / 2)[of]
        share = share.to(x.device, x.dtype).view(-1, *[1] * (x.ndim - 1))
        found[target] = torch.lerp(x[target], others[partner], share)
    return found


def clusters_of(target: Tensor, size: int, groups: Tensor | None = None) -> Tensor:
    """Clusters of at most `size` consecutive targets of the same group ``(n,)``, numbers below n.

    In batches of random order they are random ones. Background samples have clusters too; nothing
    is made of them. ``target (n,)`` bool, ``groups (n,)``.
    """
    n = len(target)
    key = target.float() if groups is None else torch.where(target, groups.float(), -torch.inf)
    _, number, count = cast(Any, key).unique(return_inverse=True, return_counts=True)
    first: Tensor = count.cumsum(0) - count
    order = number.argsort(stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(n, device=target.device) - first[number[order]]
    # the first row of a cluster, in the order of the groups, is its number
    return first[number] + place // size * size
