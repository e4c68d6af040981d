"""SepCLR: common blocks hold what two populations share, salient blocks what targets alone have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self, get_args

import torch
from torch import Generator, Tensor

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import separation_terms, terms
from triptych.objectives.base import (
    Kind,
    LossTerms,
    Objective,
    require_known,
    require_rows,
    require_sizes,
)
from triptych.objectives.gather import gather
from triptych.objectives.populations import Known, blended, clusters_of, known_of
from triptych.objectives.views import Views, two_views
from triptych.transforms import Transform

Independence = Literal["joint_entropy", "cross_covariance", "canonical_correlation", "hsic"]
WEIGHTS = {"common": 1.0, "salient": 1.0, "background": 1.0, "independence": 10.0}
ESTIMATORS = {
    "cross_covariance": terms.cross_covariance,
    "hsic": terms.hsic,
}


class Separation(Objective):
    """SepCLR on the common and salient blocks of a schema (Louiset et al., ICLR 2024).

    For two views of background and target samples: *common* (alignment and uniformity on the
    sphere, all samples), *salient* (alignment of targets; uniformity with background rows at the
    null vector s' = 0), *background* (their salient latents drawn to s'), *independence* of common
    and salient latents. The formulas are in `separation_terms`.

    Parameters
    ----------
    schema
        At least one block with ``role="common"`` and one with ``role="salient"``; others get
        nothing. A block variant or equivariant to a transform is not aligned across it.
    transforms
        What the views differ in and neither population is told by; all drawn anew for both views.
    attributes
        Salient block → ``"discrete"`` or ``"continuous"``: it is supervised by an attribute of
        the targets, best with one dimension a block. Other salient blocks are learned without.
    weights
        Of ``common`` (1 in the paper), ``salient`` (β_s), ``background`` (β_r), ``independence``
        (λ); those left out keep their default.
    uniformity
        Weight of uniformity beside alignment, in the common and the salient term.
    independence
        ``"joint_entropy"`` (the paper's k-JEM), ``"cross_covariance"``, ``"hsic"``,
        ``"canonical_correlation"`` (less that of shuffled rows; at least 0) or None.
    bandwidth
        τ of all kernels.
    null_pairs
        Whether the salient uniformity is the paper's, with pairs of two background rows; without
        them the targets spread sooner (see `separation_terms.salient_term`). With `sharing` or
        `grouped` targets spread among themselves, without any background.
    spread_targets
        Whether the common uniformity is over all samples, as in the paper, or over the background
        alone (see `separation_terms.common_term`).
    mix
        Above 0: the salient latents are aligned with those of a third view, in which every target
        is blended with a background sample of the batch, whose share is uniform from half of
        `mix` to `mix` (below 1). They then agree in nothing of the background. Not in the paper.
    sharing
        Above 0, with `mix`: that many targets (of one group) are blended with the same background
        sample, there are two blended views, each with other ones, and the salient latents are
        aligned between these and spread among the targets that share one. The background then
        neither helps to find a target nor to tell it from others. Not in the paper.
    grouped
        Whether samples come in groups (subjects, records) that differ by more than what is salient:
        the last column of the labels is then the group's number. Salient latents spread within
        each group, so that they gain nothing by telling groups apart; common latents are aligned
        with those of a background sample of the same group, so that they agree in nothing
        salient. Not in the paper.

    Raises
    ------
    InputError
        If the schema lacks a role, or an option is unknown.
    """

    learns_from = "populations"

    def __init__(
        self,
        schema: LatentSchema,
        transforms: Sequence[Transform],
        *,
        attributes: Mapping[str, Kind] | None = None,
        weights: Mapping[str, float] | None = None,
        uniformity: float = 2.0,
        independence: Independence | None = "joint_entropy",
        bandwidth: float = 0.5,
        null_pairs: bool = True,
        spread_targets: bool = True,
        mix: float = 0.0,
        sharing: int = 0,
        grouped: bool = False,
    ) -> None:
        super().__init__(transforms, acts_on=schema)
        self.schema = schema
        self.attributes = dict(attributes or {})
        self.weights = WEIGHTS | dict(weights or {})
        self.uniformity = uniformity
        self.independence: Independence | None = independence
        self.bandwidth = bandwidth
        self.mix, self.sharing, self.grouped = mix, sharing, grouped
        self.null_pairs, self.spread_targets = null_pairs, spread_targets
        self._check()

    @classmethod
    def of(cls, schema: LatentSchema, transforms: Sequence[Transform], **settings: Any) -> Self:
        """Make one for the blocks of `schema`."""
        return cls(schema, transforms, **settings)

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """Two views a sample of ``x (n, channels, ...)``, each under its own draw of everything.

        With `mix` there is a third one, with `sharing` a fourth, and the `labels` are needed here.
        """
        blends: list[Tensor] = []
        if self.mix:
            if labels is None:
                raise InputError(
                    f"mix {self.mix:g} blends targets: pass labels, above 0 for targets"
                )
            columns = labels.reshape(len(x), -1)
            target, clusters = columns[:, 0] > 0, None
            if self.sharing:
                groups = columns[:, -1] if self.grouped else None
                clusters = clusters_of(target, self.sharing, groups)
            blends = [
                blended(x, target, self.mix, generator, clusters)
                for _ in range(2 if self.sharing else 1)
            ]
        return replace(two_views(x, self.transforms, generator, *blends), labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Loss terms of latents ``z (v·n, size)`` of `views`, row by row.

        Parameters
        ----------
        z
            Latents of ``views.signals``.
        views
            From `views`, or those of `StructuredContrastive`, so that both objectives act on one
            batch: each transform's pair then counts alike. Their labels are ``(n,)``, above 0 for
            targets, or ``(n, 1 + a)``: then a float column for each of `attributes` in their
            order (class indices, or values scaled to about 0 to 1; NaN: not known; background
            rows are not read), and if `grouped` the group's number behind them.

        Raises
        ------
        InputError
            If shapes do not fit, or there are no labels.
        """
        self.schema.check(z, source="the encoder's latents")
        require_rows(z, views)
        known = known_of(views, self.attributes, self.grouped)
        known = known.everywhere(self.sharing if not views.pairs else 0)
        pairs = {(name,): views.sides(z, name) for name in views.pairs}
        if not pairs:
            pairs = {tuple(t.name for t in self.transforms): z.chunk(len(z) // views.n)}
        found: dict[str, Tensor] = {}
        with torch.autocast(z.device.type, enabled=False):
            for moved, sides in pairs.items():
                each = self._terms([gather(side) for side in sides], known, moved)
                for name, value in each.items():
                    found[name] = found.get(name, 0.0) + value / len(pairs)
        total = z.new_zeros((), dtype=torch.float32)
        for name, value in found.items():
            weight = self.weights[name.split("/")[0]]
            total = total + weight * value * (self.uniformity if "uniformity" in name else 1)
        return LossTerms(total, found)

    def _terms(
        self,
        views: Sequence[Tensor],
        known: Known,
        moved: tuple[str, ...],
    ) -> dict[str, Tensor]:
        target, attributes, groups = known.target > 0, known.attributes, known.groups
        # spread and aligned between the blended views, if there are two
        within, learners = (
            (groups, (0, -1)) if known.clusters is None else (known.clusters, (-2, -1))
        )

        def sides(blocks: Sequence[Block], of: tuple[int, int] = (0, -1)) -> tuple[Tensor, Tensor]:
            names = tuple(block.name for block in blocks)
            first, second = (self.schema.select(views[at], names) for at in of)
            return first, second

        found: dict[str, Tensor] = {}
        common, salient = sides(self.schema.common, (0, 1)), sides(self.schema.salient)
        still = _still(self.schema.common, moved, target)
        spreading = slice(None) if self.spread_targets else ~target
        partner = None if groups is None else separation_terms.partners(target, groups)
        found["common/alignment"], found["common/uniformity"] = separation_terms.common_term(
            *common, self.bandwidth, still, spreading, partner
        )
        learned = [b for b in self.schema.salient if b.name not in self.attributes]
        if learned:
            pair, still = sides(learned, learners), _still(learned, moved, target)
            found["salient/alignment"], found["salient/uniformity"] = separation_terms.salient_term(
                *pair, target, self.bandwidth, still, self.null_pairs, within
            )
            found["background"] = separation_terms.background_term(
                *sides(learned), target, self.bandwidth
            )
        for column, (name, kind) in enumerate(self.attributes.items()):
            assert attributes is not None  # known_of
            term = separation_terms.supervised_term(
                *sides([self.schema[name]]),
                target,
                attributes[:, column],
                discrete=kind == "discrete",
                bandwidth=self.bandwidth,
            )
            found[f"salient/{name}"] = term / len(self.attributes)
        if self.independence is not None:
            both = [self._dependence(c, s, target) for c, s in zip(common, salient, strict=True)]
            found["independence"] = (both[0] + both[1]) / 2
        return found

    def _dependence(self, common: Tensor, salient: Tensor, target: Tensor) -> Tensor:
        common = separation_terms.on_sphere(common)
        salient = separation_terms.without_background(salient, target).to(common.dtype)
        if self.independence == "canonical_correlation":
            # Of few rows it is above 0 even between independent latents, the more so the more
            # dimensions are used: what the same latents give in another order is taken off, or
            # the common ones would collapse.
            shuffled = terms.canonical_correlation(common, salient.roll(1, dims=0))
            return (terms.canonical_correlation(common, salient) - shuffled).clamp_min(0)
        if self.independence in ESTIMATORS:
            return ESTIMATORS[self.independence](common, salient)
        return separation_terms.joint_entropy(common, salient, self.bandwidth)

    def _check(self) -> None:
        if not (self.schema.common and self.schema.salient):
            raise InputError(
                "separation needs a block with role='common' and one with role='salient'; the "
                f"schema has {'; '.join(map(str, self.schema.blocks))}"
            )
        if not self.transforms:
            raise InputError("separation needs at least one transform, in which its views differ")
        salient = tuple(block.name for block in self.schema.salient)
        require_known("attributes", self.attributes, salient)
        require_known("attributes", self.attributes.values(), ("discrete", "continuous"))
        require_known("weights", self.weights, WEIGHTS)
        require_known("independence", (self.independence,), (None, *get_args(Independence)))
        require_sizes("weights", self.weights)
        if not 0 <= self.mix < 1:
            raise InputError(f"mix is {self.mix}; expected at least 0 and below 1")
        if self.sharing < 0 or self.sharing % 1 or (self.sharing and not self.mix):
            raise InputError(
                f"sharing is {self.sharing} with mix {self.mix:g}; expected 0, or with mix above 0 "
                "the whole number of targets that are blended with the same background sample"
            )
        if not self.bandwidth > 0:
            raise InputError(f"bandwidth is {self.bandwidth}; it must be above 0")


def _still(blocks: Sequence[Block], moved: Sequence[str], like: Tensor) -> Tensor:
    """Columns of `blocks` that shall not follow the transforms in which two views differ."""
    kept = [
        all(block.relations.get(name, "invariant") == "invariant" for name in moved)
        for block in blocks
        for _ in range(block.size)
    ]
    return torch.tensor(kept, device=like.device)
