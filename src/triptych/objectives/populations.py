"""Two populations in a batch: who is a target, and targets blended with background."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple, cast

import torch
from torch import Generator, Tensor

from triptych.errors import InputError
from triptych.objectives.gather import gather
from triptych.objectives.views import Views


class Known(NamedTuple):
    """Of n samples: `target` ``(n,)``, 1 or 0 (not every backend gathers bool); others or None.

    `clusters` are the targets that share the background blended into them (`clusters_of`).
    """

    target: Tensor
    attributes: Tensor | None
    groups: Tensor | None
    clusters: Tensor | None = None

    def everywhere(self, sharing: int) -> Known:
        """Of the samples of every process; with clusters of `sharing` targets, if above 0."""
        target, attributes, groups = (
            None if each is None else gather(each)
            for each in (self.target, self.attributes, self.groups)
        )
        clusters = None
        if sharing:
            clusters = gather(clusters_of(self.target > 0, sharing, self.groups))
            # no cluster reaches over processes: each counts on from the one before
            n, rows = len(self.target), torch.arange(len(clusters), device=clusters.device)
            clusters = clusters + rows // n * n
        assert target is not None
        return Known(target, attributes, groups, clusters)


def known_of(views: Views, attributes: Collection[str], grouped: bool) -> Known:
    """What ``views.labels`` say: target, one column for each attribute, and if `grouped` the group.

    Raises
    ------
    InputError
        Without labels, or with others.
    """
    if views.labels is None:
        raise InputError(
            "separation has to know the targets from the background: pass labels, above 0 for "
            "targets, objective.views(x, labels=target)"
        )
    labels = views.labels if views.labels.ndim == 2 else views.labels[:, None]
    columns = ("population", *attributes, *["group"] * grouped)
    if labels.shape != (views.n, len(columns)):
        raise InputError(
            f"labels have shape {tuple(views.labels.shape)}, expected ({views.n}, {len(columns)}): "
            f"one column each for {', '.join(columns)}"
        )
    return Known(
        (labels[:, 0] > 0).float(),
        labels[:, 1 : 1 + len(attributes)] if attributes else None,
        labels[:, -1] if grouped else None,
    )


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
