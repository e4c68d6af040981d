"""Leave-one-out contrast (LooC): one space invariant to all transforms, one per transform but it.

Xiao, Wang, Efros and Darrell, "What Should Not Be Contrastive in Contrastive Learning" (ICLR 2021,
arXiv 2008.05659). With blocks: Z₀ is invariant to every transform, Z_T variant to T and invariant
to all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.objectives import terms
from triptych.objectives.base import LossTerms, Objective, require_rows, require_temperature
from triptych.objectives.gather import gather
from triptych.objectives.views import Views
from triptych.transforms import Transform


class LooC(Objective):
    """InfoNCE in each space, whose own augmentation is one that negatives differ in.

    Of n transforms there are n + 2 views: the query, a key under new draws of all, and per
    transform T a key that repeats the query's θ of T and draws the others anew. In Z₀ the first
    key is the query's positive; in Z_T it is T's, and the query's own other keys, which differ in
    T, are negatives. Other samples' keys of that view are negatives in both; the paper takes these
    from a queue. Blocks without a relation get nothing.

    Parameters
    ----------
    schema
        For every transform one block that is variant to it and invariant to all others, and at
        least one block that is invariant to all.
    transforms
        A crop first.
    temperature
        τ, above 0.

    Raises
    ------
    InputError
        If a block is missing or has other relations.
    """

    def __init__(
        self, schema: LatentSchema, transforms: Sequence[Transform], *, temperature: float = 0.2
    ) -> None:
        super().__init__(transforms, acts_on=schema)
        require_temperature(temperature)
        self.schema, self.temperature = schema, temperature
        names = {each.name for each in self.transforms}
        spaces = [schema.invariant_to_all]
        for name in names:
            others = dict.fromkeys(names - {name}, "invariant")
            wanted = {**others, name: "variant"}
            spaces.append(tuple(b.name for b in schema.blocks if dict(b.relations) == wanted))
        used = {name for space in spaces for name in space}
        left = [b.name for b in schema.blocks if not b.free and b.name not in used]
        if not names or not all(spaces) or left or set(schema.transforms) != names:
            raise InputError(
                "looc needs a block that is invariant to every transform, and per transform one "
                "that is variant to it and invariant to all others; the transforms are "
                f"{', '.join(sorted(names)) or 'none'} and the schema has:\n{schema}"
            )

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """N + 2 views a sample: the query, the key of Z₀, and that of each transform in order."""
        n = len(x)
        query = {each.name: each.sample(n, generator) for each in self.transforms}
        drawn = [query]
        for kept in (None, *(each.name for each in self.transforms)):
            drawn.append(
                {
                    t.name: query[t.name] if t.name == kept else t.sample(n, generator)
                    for t in self.transforms
                }
            )
        signals: list[Tensor] = []
        for thetas in drawn:
            view = x
            for each in self.transforms:
                view = each.apply(view, thetas[each.name].to(x.device))
            signals.append(view)
        params = {name: torch.stack([each[name] for each in drawn]).to(x.device) for name in query}
        return replace(Views(torch.cat(signals), params, {}), labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Mean over the spaces of InfoNCE of latents ``((n + 2)·samples, size)``, and each."""
        self.schema.check(z, source="the encoder's latents")
        require_rows(z, views)
        query, *keys = z.chunk(2 + len(self.transforms))
        found: dict[str, Tensor] = {}
        for place, kept in enumerate((None, *(each.name for each in self.transforms))):
            blocks = self.schema.invariant_to_all
            if kept is not None:
                blocks = tuple(block.name for block in self.schema.variant(kept))
            own = [self.schema.select(each, blocks) for each in keys]
            key = own.pop(place)
            found[f"contrast/{kept or 'all'}"] = terms.info_nce_in_batch(
                gather(self.schema.select(query, blocks)),
                gather(key),
                [gather(each) for each in own] if kept is not None else [],
                self.temperature,
            )
        return LossTerms(torch.stack([*found.values()]).mean(), found)
