"""Structured contrast under several nuisances at once: one pair of views per block, not per T."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.objectives import terms
from triptych.objectives.base import LossTerms, require_rows
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.views import Change, Views
from triptych.transforms import Transform
from triptych.transforms.base import method_of


class JointContrastive(StructuredContrastive):
    """SCL in which a block's two views differ in every transform that it names, all at once.

    `StructuredContrastive` has a pair per transform, 2 views each. Here blocks that name the same
    transforms share one pair: view 0 is under one draw of everything, and the pair's other view has
    these transforms drawn anew and all others as in view 0. So three blocks need 3 views, however
    many nuisances there are, and a block learns to ignore them together, as SimCLR's does (Chen et
    al. 2020, arXiv 2002.05709, fig. 5: compositions teach more than single transforms).

    Parameters
    ----------
    schema, transforms, **settings
        As in `StructuredContrastive`. To the variation of T the other transforms of its pair are
        noise: Δ is T's own, which those behind T must leave as it is (gain, noise, wander do).

    Raises
    ------
    InputError
        As `StructuredContrastive`, and for `sharpness`, `independence` and weights of centring,
        which need pairs that differ in one transform.
    """

    def __init__(
        self, schema: LatentSchema, transforms: Sequence[Transform], **settings: Any
    ) -> None:
        super().__init__(schema, transforms, **settings)
        if self.sharpness or self.independence or self.weights["centring"]:
            raise InputError(
                "scl-joint has no sharpness, independence or centring, which need pairs that "
                "differ in one transform; leave them out, or take objective scl"
            )
        related = [block for block in schema.blocks if block.relations]
        moved = [tuple(t.name for t in self.transforms if t.name in b.relations) for b in related]
        self.groups = {
            names: tuple(b for b, own in zip(related, moved, strict=True) if own == names)
            for names in dict.fromkeys(moved)
        }

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """View 0 of signals ``x (n, channels, time + 2·context)``, and one per group of blocks."""
        n, rows = len(x), torch.arange(len(x))
        original = self.reference == "original"
        base = {
            t.name: t.identity(n) if original else t.sample(n, generator) for t in self.transforms
        }
        drawn = [base]
        for names in self.groups:
            new = {t.name: t.sample(n, generator) for t in self.transforms if t.name in names}
            drawn.append(base | new)
        before: dict[str, Tensor] = {}  # view 0 as each transform meets it
        signals: list[Tensor] = []
        for place, thetas in enumerate(drawn):
            view = x
            for t in self.transforms:
                if not place:
                    before[t.name] = view
                view = t.apply(view, thetas[t.name].to(x.device))
            signals.append(view)
        params = {name: torch.stack([each[name] for each in drawn]).to(x.device) for name in base}
        pairs: dict[str, Tensor] = {}
        for place, (names, blocks) in enumerate(self.groups.items(), start=1):
            both = torch.stack([rows, rows + place * n])
            pairs[_key(names)] = both
            carried = {t for b in blocks for t in names if b.relations[t] != "invariant"}
            pairs |= {t: both for t in names if t in carried or t not in pairs}
        views = Views(torch.cat(signals), params, pairs, labels=labels)
        changes: dict[str, Change] = {}
        for t in self.transforms:
            if t.name in self.carried:
                first, second = views.thetas(t.name)
                delta = method_of(t, "seen")(t.relative(first, second), before[t.name])
                changes[t.name] = Change(delta, t.distance(first, second))
        return replace(views, changes=changes)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Loss terms of latents ``z (v·n, size)`` of `views`; raises InputError as its base."""
        self.schema.check(z, source="the encoder's latents")
        require_rows(z, views)
        found: dict[str, Tensor] = {}
        for names, blocks in self.groups.items():
            still = tuple(b.name for b in blocks if set(b.relations.values()) == {"invariant"})
            if still:
                both = views.sides(self.schema.select(z, still), _key(names))
                found[f"invariance/{'+'.join(still)}"] = self._invariance(*both, "", views)
                found[f"alignment/{'+'.join(still)}"] = terms.alignment(*both)
        for name in self.carried:
            found |= self._carrying(name, z, views)
        total = z.new_zeros(())
        for name, value in found.items():
            total = total + self.weights[name.split("/")[0]] * value
        return LossTerms(total, found)

    def _carrying(self, name: str, z: Tensor, views: Views) -> dict[str, Tensor]:
        """Variation of the blocks that carry transform `name`."""
        change, inside = views.change(name), tuple(b.name for b in self.schema.invariant(name))
        ignoring = views.sides(self.schema.select(z, inside), name)
        shared = torch.stack(ignoring).mean(dim=0).detach()
        weight = (change.distance <= self.limits.get(name, torch.inf)).to(z.dtype)
        found: dict[str, Tensor] = {}
        for block in self.schema.variant(name) + self.schema.equivariant(name):
            both = views.sides(self.schema.select(z, (block.name,)), name)
            mechanisms = cast(nn.ModuleDict, self.mechanisms[f"{name}__{block.name}"])
            for kind, mechanism in mechanisms.items():
                key = f"variation/{name}/{block.name}/{kind}"
                found[key] = mechanism(*both, change, weight, shared)
        return found


def _key(names: Sequence[str]) -> str:
    return " and ".join(names)
