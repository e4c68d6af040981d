"""Structured contrastive learning (SCL): invariant, variant and free blocks of one latent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast, get_args

import torch
from torch import Generator, Tensor, nn

from triptych.latent import Block, LatentSchema
from triptych.objectives import redundancy, terms
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
from triptych.objectives.settings import (
    INDEPENDENCE,
    WEIGHTS,
    Base,
    Independence,
    Variation,
    require_contrast,
    require_related,
)
from triptych.objectives.simclr import supervised_contrast
from triptych.objectives.variation import Equivariant, Mechanism, Predict, Repel
from triptych.objectives.views import Reference, Views, check_changes, make_views
from triptych.transforms import Transform


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
        require_related(schema, self.transforms, one_sided=one_sided, independence=independence)
        require_known("variation", chosen, get_args(Variation))
        require_known("base", (base,), get_args(Base))
        require_known("reference", (reference,), get_args(Reference))
        require_known("weights", self.weights, WEIGHTS)
        require_known("limits", self.limits, {each.name for each in self.transforms})
        require_known("independence", (independence,), (None, *INDEPENDENCE))
        require_sizes("weights", self.weights)
        require_sizes("limits", self.limits)
        require_contrast(temperature, sharpness, supervised, base, self.vicreg)
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
        found = self.terms_of(z, views)
        if self.independence is not None:
            found["independence"] = self._independence(z)
        total = z.new_zeros(())
        for name, value in found.items():
            total = total + self.weights[name.split("/")[0]] * value
        return LossTerms(total, found)

    def diagnose(self, z: Tensor, views: Views) -> Diagnosis:
        """Say whether each block has learned its relations: `diagnosis.diagnose`."""
        return diagnose(self.schema, self.transforms, z, views)

    def terms_of(self, z: Tensor, views: Views) -> dict[str, Tensor]:
        """Every term of the blocks' relations, by name."""
        found: dict[str, Tensor] = {}
        for name in (each.name for each in self.transforms):
            if inside := tuple(block.name for block in self.schema.invariant(name)):
                found |= self.invariance_terms(inside, name, z, views)
            found |= self.variation_terms(name, z, views)
        return found

    def invariance_terms(
        self, inside: tuple[str, ...], pair: str, z: Tensor, views: Views
    ) -> dict[str, Tensor]:
        """Invariance, alignment and centring of the blocks `inside` on a pair."""

        def sides() -> tuple[Tensor, Tensor]:
            # anew for every term: shared ones would add up gradients in another order
            return views.sides(self.schema.select(z, inside), pair)

        first, second = (self.compared(side, pair) for side in sides())
        found = {f"invariance/{pair}": self._invariance(first, second, pair, views)}
        found[f"alignment/{pair}"] = terms.alignment(*sides())
        if self.weights["centring"]:
            found[f"centring/{pair}"] = terms.centring(gather(torch.cat(sides())))
        return found

    def compared(self, z: Tensor, pair: str) -> Tensor:
        """What invariance compares of invariant latents of a pair: by default themselves."""
        del pair
        return z

    def variation_terms(self, name: str, z: Tensor, views: Views) -> dict[str, Tensor]:
        """Variation of every block that carries this transform, by each of its mechanisms."""
        related = self.schema.variant(name) + self.schema.equivariant(name)
        if not related:
            return {}
        inside = tuple(block.name for block in self.schema.invariant(name))
        invariant = z.new_zeros(views.n, 0)
        if inside:
            invariant = torch.stack(views.sides(self.schema.select(z, inside), name)).mean(dim=0)
        change = views.change(name)
        weight = z.new_ones(len(change.delta))
        if name in self.limits:
            weight = (change.distance <= self.limits[name]).to(z.dtype)
        found: dict[str, Tensor] = {}
        for block in related:
            both = views.sides(self.schema.select(z, (block.name,)), name)
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
