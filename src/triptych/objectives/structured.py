"""Structured contrastive learning (SCL): invariant, variant and free blocks of one latent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self, cast, get_args

import torch
from torch import Generator, Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import redundancy, separation_terms, terms
from triptych.objectives.base import (
    LossTerms,
    Objective,
    require_known,
    require_rows,
    require_sizes,
)
from triptych.objectives.diagnosis import Diagnosis, diagnose
from triptych.objectives.gather import gather
from triptych.objectives.hypernetwork import Hypernetwork
from triptych.objectives.orbit import orbit_similarity
from triptych.objectives.pseudo_negative import PseudoNegative
from triptych.objectives.simclr import supervised_contrast
from triptych.objectives.variation import Equivariant, Mechanism, Predict, Repel
from triptych.objectives.views import Reference, Views, check_changes, make_views
from triptych.transforms import Transform

Variation = Literal["repel", "predict", "equivariant", "hypernetwork", "pseudo_negative"]
Base = Literal["nt_xent", "vicreg"]
Independence = Literal["cross_covariance", "canonical_correlation", "hsic", "joint_entropy"]
WEIGHTS = {
    "invariance": 1.0,
    "alignment": 1.0,
    "centring": 0.0,
    "variation": 1.0,
    "independence": 1.0,
}
INDEPENDENCE = {
    "cross_covariance": terms.cross_covariance,
    "canonical_correlation": terms.canonical_correlation,
    "hsic": terms.hsic,
    "joint_entropy": separation_terms.joint_entropy,
}


class StructuredContrastive(Objective):
    """SCL on the blocks of a schema (arXiv 2511.14920; DESIGN's precise form).

    For each transform's pair: *invariance* (NT-Xent with other samples as negatives, or VICReg) and
    *alignment* (1 − cos) on the blocks invariant to it, *variation* on those variant or
    equivariant to it, *independence* between related blocks; free blocks get nothing. Ours beside
    the paper's: soft targets (`sharpness`) and *centring* (mean cosine of the batch towards 0).

    Parameters
    ----------
    schema
        The latent vector's blocks.
    transforms
        The transforms that the blocks name; a crop first.
    temperature
        τ of NT-Xent, above 0.
    sharpness
        0 = NT-Xent as published. Above 0, its targets are spread over the samples that the
        transform makes alike: softmax of the orbit similarity / sharpness (`terms.soft_nt_xent`),
        so that two beats of one shape are not pushed apart. About 0.02 to 0.1.
    variation
        Mechanism of variant blocks, or several whose terms are summed. Equivariant blocks always
        use ``"equivariant"``.
    weights
        Weight of each of ``invariance, alignment, centring, variation, independence``; those left
        out are 1, but centring 0.
    independence
        Estimator between each pair of related blocks, or None for no such term.
    limits
        Transform name → largest distance (in its unit) at which a pair counts in variation.
    reference
        ``"original"`` keeps the first side of each pair as it is.
    supervised
        Whether invariance is SupCon (`terms.supcon`) instead of NT-Xent: samples of one class are
        positives of each other, too. Needs ``views.labels``.
    base
        What invariance is: ``"nt_xent"``, or ``"vicreg"``, which needs no negatives: λ·similarity
        + μ·variance + ν·covariance of the blocks' latents (`redundancy.vicreg`), not normalised.
    vicreg
        λ, μ and ν of that base.
    one_sided
        Whether independence moves only blocks that are invariant to every transform: to the term
        the others' latents are constants, and a block that carries the transform is not emptied.

    Raises
    ------
    InputError
        If schema and transforms do not name each other, or an option is unknown.
    """

    def __init__(
        self,
        schema: LatentSchema,
        transforms: Sequence[Transform],
        *,
        temperature: float = 0.1,
        sharpness: float = 0.0,
        variation: Variation | Sequence[Variation] = "predict",
        weights: Mapping[str, float] | None = None,
        independence: Independence | None = None,
        limits: Mapping[str, float] | None = None,
        reference: Reference = "transformed",
        supervised: bool = False,
        base: Base = "nt_xent",
        vicreg: Sequence[float] = (25.0, 25.0, 1.0),
        one_sided: bool = False,
    ) -> None:
        super().__init__(transforms, acts_on=schema)
        self.schema = schema
        self.temperature = temperature
        self.sharpness = sharpness
        self.weights = WEIGHTS | dict(weights or {})
        self.independence = independence
        self.limits = dict(limits or {})
        self.reference: Reference = reference
        self.supervised = supervised
        self.learns_from = "classes" if supervised else "nothing"
        self.base: Base = base
        self.vicreg = tuple(vicreg)
        self.one_sided = one_sided
        chosen = (variation,) if isinstance(variation, str) else tuple(variation)
        self._check(chosen)
        self.carried = tuple(
            each.name
            for each in self.transforms
            if schema.variant(each.name) + schema.equivariant(each.name)
        )
        check_changes(self.transforms, self.carried, reference)
        mechanisms: dict[str, nn.ModuleDict] = {}
        for transform in self.transforms:
            related = schema.variant(transform.name) + schema.equivariant(transform.name)
            for block in related:
                equivariant = block in schema.equivariant(transform.name)
                names = ("equivariant",) if equivariant else chosen
                mechanisms[f"{transform.name}__{block.name}"] = nn.ModuleDict(
                    {name: self._mechanism(name, transform, block) for name in names}
                )
        self.mechanisms = nn.ModuleDict(mechanisms)

    @classmethod
    def of(cls, schema: LatentSchema, transforms: Sequence[Transform], **settings: Any) -> Self:
        """Make one for the blocks of `schema`."""
        return cls(schema, transforms, **settings)

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """One pair of views a transform of signals ``x (n, channels, time + 2·context)``."""
        views = make_views(
            x,
            self.transforms,
            reference=self.reference,
            changes=self.carried,
            generator=generator,
        )
        similar = [t for t in self.transforms if self.sharpness and self.schema.invariant(t.name)]
        similarity = {each.name: orbit_similarity(gather(x), each) for each in similar}
        return replace(views, similarity=similarity, labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Loss terms of latents ``z (v·n, size)`` of `views`, row by row.

        Raises
        ------
        InputError
            If shapes do not fit.
        """
        self.schema.check(z, source="the encoder's latents")
        require_rows(z, views)
        found: dict[str, Tensor] = {}
        for transform in self.transforms:
            found |= self._pair_terms(transform.name, z, views)
        if self.independence is not None:
            found["independence"] = self._independence(z)
        total = z.new_zeros(())
        for name, value in found.items():
            total = total + self.weights[name.split("/")[0]] * value
        return LossTerms(total, found)

    def diagnose(self, z: Tensor, views: Views) -> Diagnosis:
        """Say whether each block has learned its relations: `diagnosis.diagnose`."""
        return diagnose(self.schema, self.transforms, z, views)

    def _pair_terms(self, name: str, z: Tensor, views: Views) -> dict[str, Tensor]:
        def sides(blocks: tuple[str, ...]) -> tuple[Tensor, Tensor]:
            # anew for every term: shared ones would add up gradients in another order
            return views.sides(self.schema.select(z, blocks), name)

        found: dict[str, Tensor] = {}
        inside = tuple(block.name for block in self.schema.invariant(name))
        invariant = z.new_zeros(views.n, 0)
        if inside:
            found[f"invariance/{name}"] = self._invariance(*sides(inside), name, views)
            found[f"alignment/{name}"] = terms.alignment(*sides(inside))
            if self.weights["centring"]:
                found[f"centring/{name}"] = terms.centring(gather(torch.cat(sides(inside))))
            invariant = torch.stack(sides(inside)).mean(dim=0)
        related = self.schema.variant(name) + self.schema.equivariant(name)
        if not related:
            return found
        change = views.change(name)
        weight = z.new_ones(len(change.delta))
        if name in self.limits:
            weight = (change.distance <= self.limits[name]).to(z.dtype)
        for block in related:
            both = sides((block.name,))
            mechanisms = cast(nn.ModuleDict, self.mechanisms[f"{name}__{block.name}"])
            for kind, mechanism in mechanisms.items():
                key = f"variation/{name}/{block.name}/{kind}"
                found[key] = mechanism(*both, change, weight, invariant.detach())
        return found

    def _invariance(self, first: Tensor, second: Tensor, name: str, views: Views) -> Tensor:
        if self.supervised:
            return supervised_contrast(first, second, views, self.temperature)
        first, second = gather(first), gather(second)
        if self.base == "vicreg":
            parts = redundancy.vicreg(first, second).values()
            return torch.stack([w * x for w, x in zip(self.vicreg, parts, strict=True)]).sum()
        if self.sharpness:
            soft = (views.similarity[name], self.temperature, self.sharpness)
            return terms.soft_nt_xent(first, second, *soft)
        return terms.nt_xent(first, second, self.temperature)

    def _independence(self, z: Tensor) -> Tensor:
        parts = self.schema.split(z)
        fixed = set(self.schema.names) - set(self.schema.invariant_to_all) if self.one_sided else ()
        related = [
            gather(parts[block.name].detach() if block.name in fixed else parts[block.name])
            for block in self.schema.blocks
            if not block.free
        ]
        estimate = INDEPENDENCE[self.independence or "hsic"]
        pairs = [(a, b) for i, a in enumerate(related) for b in related[i + 1 :]]
        return torch.stack([estimate(a, b) for a, b in pairs]).mean()

    def _mechanism(self, name: str, transform: Transform, block: Block) -> Mechanism:
        if name == "repel":
            return Repel(transform, self.reference)
        if name == "predict":
            return Predict(transform, block.size, self.reference)
        if name == "hypernetwork":
            return Hypernetwork(transform, block.size)
        if name == "pseudo_negative":
            return PseudoNegative(transform, block.size)
        inside = sum(other.size for other in self.schema.invariant(transform.name))
        return Equivariant(transform, block.size, inside)

    def _check(self, chosen: tuple[str, ...]) -> None:
        given = {transform.name for transform in self.transforms}
        named = set(self.schema.transforms)
        if given != named:
            raise InputError(
                f"the schema's blocks name {sorted(named) or 'no transform'}, but the transforms "
                f"given are {sorted(given) or 'none'}; they must be the same"
            )
        require_known("variation", chosen, get_args(Variation))
        require_known("base", (self.base,), get_args(Base))
        require_known("reference", (self.reference,), get_args(Reference))
        require_known("weights", self.weights, WEIGHTS)
        require_known("limits", self.limits, given)
        require_known("independence", (self.independence,), (None, *INDEPENDENCE))
        require_sizes("weights", self.weights)
        require_sizes("limits", self.limits)
        if not (self.temperature > 0 and self.sharpness >= 0):
            raise InputError(
                f"temperature is {self.temperature} and sharpness {self.sharpness}; the first must "
                "be above 0, the second at least 0"
            )
        if self.supervised and self.sharpness:
            raise InputError("supervised and sharpness both choose invariance's positives; use one")
        if self.base == "vicreg" and (self.supervised or self.sharpness):
            raise InputError(
                "base 'vicreg' has no negatives, so supervised and sharpness have nothing to "
                "choose; leave them out, or use base 'nt_xent'"
            )
        if len(self.vicreg) != 3 or not all(weight >= 0 for weight in self.vicreg):
            raise InputError(
                f"vicreg is {list(self.vicreg)}, expected the three weights of similarity, "
                "variance and covariance, each at least 0"
            )
        if self.one_sided and not self.schema.invariant_to_all:
            raise InputError(
                "one_sided moves only blocks that are invariant to every transform, and the schema "
                "has none; declare one or leave one_sided out"
            )
        related = [block for block in self.schema.blocks if not block.free]
        if self.independence is not None and len(related) < 2:
            raise InputError("independence needs at least two blocks that declare a relation")
