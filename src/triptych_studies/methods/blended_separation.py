"""SepCLR with what its paper does not have: blended views, and samples that come in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Generator, Tensor, distributed

from triptych import InputError
from triptych.latent import LatentSchema
from triptych.objectives import Membership, Separation, Views, register, single_view
from triptych.precision import precise
from triptych.transforms import Transform


class BlendedSeparation(Separation):
    """`Separation`, and targets blended with background, and groups of samples.

    Parameters
    ----------
    schema, transforms, **published
        See `Separation`.
    mix
        Above 0: the salient latents are aligned with those of a third view, in which every target
        is blended with a background sample of the batch, whose share is uniform from half of
        `mix` to `mix` (below 1). They then agree in nothing of the background.
    sharing
        Above 0, with `mix`: that many targets (of one group) are blended with the same background
        sample, there are two blended views, each with other ones, and the salient latents are
        aligned between these and spread among the targets that share one. The background then
        neither helps to find a target nor to tell it from others. No cluster reaches over
        processes.
    grouped
        Whether samples come in groups (subjects, records) that differ by more than what is salient:
        the last column of the labels is then the group's number. Salient latents spread within
        each group, so that they gain nothing by telling groups apart; common latents are aligned
        with those of a background sample of the same group, so that they agree in nothing
        salient.

    Raises
    ------
    InputError
        For values outside these.
    """

    def __init__(
        self,
        schema: LatentSchema,
        transforms: Sequence[Transform],
        *,
        mix: float = 0.0,
        sharing: int = 0,
        grouped: bool = False,
        **published: Any,
    ) -> None:
        super().__init__(schema, transforms, **published)
        self.mix, self.sharing, self.grouped = mix, sharing, grouped
        if not 0 <= mix < 1:
            raise InputError(f"mix is {mix}; expected at least 0 and below 1")
        if sharing < 0 or sharing % 1 or (sharing and not mix):
            raise InputError(
                f"sharing is {sharing} with mix {mix:g}; expected 0, or with mix above 0 the whole "
                "number of targets that are blended with the same background sample"
            )

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """Two views a sample of ``x (n, channels, ...)``; the blended ones, which need `labels`."""
        blends: list[Tensor] = []
        if self.mix:
            if labels is None:
                raise InputError(
                    f"mix {self.mix:g} blends targets: pass labels, above 0 for targets"
                )
            columns = labels.reshape(len(x), -1)
            target, groups = columns[:, 0] > 0, columns[:, -1] if self.grouped else None
            clusters = clusters_of(target, self.sharing, groups) if self.sharing else None
            blends = [
                blended(x, target, self.mix, generator, clusters)
                for _ in range(2 if self.sharing else 1)
            ]
        views = super().views(x, generator, labels)
        more = [
            single_view(each, self.transforms, identity=False, generator=generator)
            for each in blends
        ]
        return replace(
            views,
            signals=torch.cat([views.signals, *(each.signals for each in more)]),
            params={
                name: torch.cat([theta, *(each.params[name] for each in more)])
                for name, theta in views.params.items()
            },
        )

    def _common(
        self, common: Sequence[Tensor], still: Tensor, known: Membership
    ) -> tuple[Tensor, Tensor]:
        found = super()._common(common, still, known)
        if known.groups is None:
            return found
        partner = partners(known.target, known.groups)
        alignment, _ = super()._common([common[0], common[1][partner]], still, known)
        return alignment, found[1]

    def _salient(
        self, salient: Sequence[Tensor], still: Tensor, known: Membership
    ) -> tuple[Tensor, Tensor]:
        target, within, blends = known.target, known.groups, self.sharing and len(salient) > 2
        if blends:
            several = distributed.is_available() and distributed.is_initialized()
            processes = distributed.get_world_size() if several else 1
            within = clusters_of(target, self.sharing, known.groups, processes)
            salient = salient[-2:]
        alignment, even = super()._salient(salient, still, known)
        if within is not None:
            sides = (salient[0], salient[-1])
            spread = [spread_within(z[target], within[target], self.bandwidth) for z in sides]
            even = (spread[0] + spread[1]) / 2
        return alignment, even


register("blended_separation", BlendedSeparation)  # for recipes, once this file is imported


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


def clusters_of(
    target: Tensor, size: int, groups: Tensor | None = None, processes: int = 1
) -> Tensor:
    """Clusters of at most `size` consecutive targets of the same group ``(n,)``, numbers below n.

    In batches of random order they are random ones. Background samples have clusters too; nothing
    is made of them. ``target (n,)`` bool, ``groups (n,)``; the rows of each process, which blends
    its own, come one after another.
    """
    n, rows = len(target), torch.arange(len(target), device=target.device)
    group = torch.zeros_like(target, dtype=torch.float32) if groups is None else groups.float()
    key = torch.stack([rows // (n // processes), target.float(), target * group], dim=1)
    _, number, count = cast(Any, key).unique(dim=0, return_inverse=True, return_counts=True)
    first: Tensor = count.cumsum(0) - count
    order = number.argsort(stable=True)
    place = torch.empty_like(order)
    place[order] = rows - first[number[order]]
    # the first row of a cluster, in the order of the groups, is its number
    return first[number] + place // size * size


def partners(target: Tensor, groups: Tensor) -> Tensor:
    """For every row a background row of its own group, ``(n,)`` indices; itself without one.

    The targets of a group take its background rows in turn, background rows the one behind them:
    in batches of random order random ones, and the same on every process.
    """
    found = torch.arange(len(target), device=target.device)
    each: Tensor = cast(Any, groups).unique()  # torch has no types for it
    for group in each:
        own = groups == group
        background = (own & ~target).nonzero()[:, 0]
        if len(background):
            for population, offset in ((own & ~target, 1), (own & target, 0)):
                rows = population.nonzero()[:, 0]
                turn = torch.arange(len(rows), device=target.device) + offset
                found[rows] = background[turn % len(background)]
    return found


@precise
def spread_within(z: Tensor, groups: Tensor, bandwidth: float) -> Tensor:
    """meanᵢ log meanⱼ k(zᵢ, zⱼ) over the rows j of i's own group, i included; at most 0.

    `separation_terms.spread` given the group: nothing is gained by telling one group from another.
    ``z (n, d)``, ``groups (n,)``.
    """
    if not len(z):
        return (z * 0).sum()
    z = z - z.detach().mean(dim=0)  # distances stay, rounding of large offsets goes
    squares, same = z.square().sum(dim=1), groups[:, None] == groups
    distances = (squares[:, None] + squares - 2 * z @ z.T).clamp_min(0)
    logs = (distances / (-2 * bandwidth)).masked_fill(~same, -torch.inf)
    return (torch.logsumexp(logs, dim=1) - same.sum(dim=1).log()).mean()
