"""SCL whose pairs differ in everything at once that a block names: two views, however many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Generator, Tensor, nn

from triptych.latent import Block, LatentSchema
from triptych.objectives.settings import Base, Independence, Variation
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.views import Views, joint_views, key_of
from triptych.transforms import Transform


class JointContrastive(StructuredContrastive):
    """SCL with one pair of views per set of transforms that a block names.

    In a pair of `StructuredContrastive` one transform differs and the others are shared, so with
    five nuisances it makes ten views, and noise or gain that both sides share tells a window from
    its negatives. Here all transforms that a block names differ in its pair (as in SimCLR, Chen et
    al. 2020, arXiv 2002.05709); blocks that name the same ones share a pair. What no block of a
    pair names is shared in it. Mechanisms, weights and free blocks as in `StructuredContrastive`;
    a block that carries a transform learns that relation alone, under all else that it names.

    Parameters
    ----------
    schema, transforms
        As in `StructuredContrastive`. A transform is carried in the largest set that has it.
    projection
        Output dimensions of a projector (linear, GELU, linear) of each set's invariant blocks,
        which invariance acts on; dropped after training. 0: invariance acts on the latents.
        Alignment and centring act on the latents always.
    temperature, variation, weights, independence, limits, base, vicreg, one_sided
        As in `StructuredContrastive`.

    Raises
    ------
    InputError
        As there.
    """

    def __init__(
        self,
        schema: LatentSchema,
        transforms: Sequence[Transform],
        *,
        projection: int = 0,
        temperature: float = 0.5,
        variation: Variation | Sequence[Variation] = "predict",
        weights: Mapping[str, float] | None = None,
        independence: Independence | None = None,
        limits: Mapping[str, float] | None = None,
        base: Base = "nt_xent",
        vicreg: Sequence[float] = (25.0, 25.0, 1.0),
        one_sided: bool = False,
    ) -> None:
        super().__init__(
            schema,
            transforms,
            temperature=temperature,
            variation=variation,
            weights=weights,
            independence=independence,
            limits=limits,
            base=base,
            vicreg=vicreg,
            one_sided=one_sided,
        )
        sets = dict.fromkeys(self._named(block) for block in schema.blocks if not block.free)
        self.sets = sorted(sets, key=len, reverse=True)
        self.projectors = nn.ModuleDict()
        for names in self.sets:
            size = sum(schema[each].size for each in self._inside(names))
            if size and projection:
                layers = (nn.Linear(size, size), nn.GELU(), nn.Linear(size, projection))
                self.projectors[key_of(names, self.sets)] = nn.Sequential(*layers)

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """One pair of views a set, of signals ``x (n, channels, time + 2·context)``."""
        views = joint_views(
            x, self.transforms, self.sets, changes=self.carried, generator=generator
        )
        return replace(views, labels=labels)

    def terms_of(self, z: Tensor, views: Views) -> dict[str, Tensor]:
        """Invariance of each set, and variation of each transform that a block carries."""
        found: dict[str, Tensor] = {}
        for names in self.sets:
            if inside := self._inside(names):
                found |= self.invariance_terms(inside, key_of(names, self.sets), z, views)
        for name in self.carried:
            found |= self.variation_terms(name, z, views)
        return found

    def compared(self, z: Tensor, pair: str) -> Tensor:
        """Invariant latents of a pair after its projector, if it has one."""
        return self.projectors[pair](z) if pair in self.projectors else z

    def _named(self, block: Block) -> tuple[str, ...]:
        return tuple(each.name for each in self.transforms if each.name in block.relations)

    def _inside(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Blocks that are invariant to exactly these transforms."""
        return tuple(
            block.name
            for block in self.schema.blocks
            if not block.free
            and self._named(block) == names
            and set(block.relations.values()) == {"invariant"}
        )
