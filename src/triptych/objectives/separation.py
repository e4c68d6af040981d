"""SepCLR: common blocks hold what two populations share, salient blocks what targets alone have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

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
from triptych.objectives.populations import Membership, known_of
from triptych.objectives.views import Views
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
        them the targets spread sooner (see `separation_terms.salient_term`).
    spread_targets
        Whether the common uniformity is over all samples, as in the paper, or over the background
        alone (see `separation_terms.common_term`).

    Raises
    ------
    InputError
        If the schema lacks a role, or an option is unknown.
    """

    learns_from = "populations"
    null_bandwidth = staticmethod(separation_terms.null_bandwidth)

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
    ) -> None:
        super().__init__(transforms, acts_on=schema)
        self.schema = schema
        self.attributes = dict(attributes or {})
        self.weights = WEIGHTS | dict(weights or {})
        self.uniformity = uniformity
        self.independence: Independence | None = independence
        self.bandwidth = bandwidth
        self.null_pairs, self.spread_targets = null_pairs, spread_targets
        self._check()

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
            rows are not read).

        Raises
        ------
        InputError
            If shapes do not fit, or there are no labels.
        """
        self.schema.check(z, source="the encoder's latents")
        require_rows(z, views)
        known = known_of(views, self.attributes, self.grouped)
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
        self, views: Sequence[Tensor], known: Membership, moved: tuple[str, ...]
    ) -> dict[str, Tensor]:
        """Terms of the first and the last view, which differ in the transforms `moved`."""

        def of(blocks: Sequence[Block]) -> list[Tensor]:
            names = tuple(block.name for block in blocks)
            return [self.schema.select(view, names) for view in views]

        target, schema = known.target, self.schema
        common, salient = of(schema.common), of(schema.salient)
        found: dict[str, Tensor] = {}
        still = _still(schema.common, moved, target)
        found["common/alignment"], found["common/uniformity"] = self._common(common, still, known)
        learned = [b for b in schema.salient if b.name not in self.attributes]
        if learned:
            own, still = of(learned), _still(learned, moved, target)
            found["salient/alignment"], found["salient/uniformity"] = self._salient(
                own, still, known
            )
            found["background"] = separation_terms.background_term(
                own[0], own[-1], target, self.bandwidth
            )
        for column, (name, kind) in enumerate(self.attributes.items()):
            assert known.attributes is not None  # known_of
            own = of([schema[name]])
            term = separation_terms.supervised_term(
                own[0],
                own[-1],
                target,
                known.attributes[:, column],
                discrete=kind == "discrete",
                bandwidth=self.bandwidth,
            )
            found[f"salient/{name}"] = term / len(self.attributes)
        if self.independence is not None:
            sides = ((common[0], salient[0]), (common[1], salient[-1]))
            both = [self._dependence(c, s, target) for c, s in sides]
            found["independence"] = (both[0] + both[1]) / 2
        return found

    def _common(
        self, common: Sequence[Tensor], still: Tensor, known: Membership
    ) -> tuple[Tensor, Tensor]:
        """Alignment and uniformity of every view's common latents; `still` columns are aligned."""
        spreading = slice(None) if self.spread_targets else ~known.target
        return separation_terms.common_term(common[0], common[1], self.bandwidth, still, spreading)

    def _salient(
        self, salient: Sequence[Tensor], still: Tensor, known: Membership
    ) -> tuple[Tensor, Tensor]:
        """The same of the salient latents that no attribute supervises."""
        return separation_terms.salient_term(
            salient[0], salient[-1], known.target, self.bandwidth, still, self.null_pairs
        )

    def _dependence(self, common: Tensor, salient: Tensor, target: Tensor) -> Tensor:
        common = separation_terms.on_sphere(common)
        salient = salient.masked_fill(~target[:, None], 0).to(common.dtype)
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
