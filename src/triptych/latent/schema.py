"""The schema of a latent vector: ordered named blocks and what each declares to transforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor

from triptych.errors import InputError
from triptych.latent.block import RELATIONS, Block, Relation, names_of


class LatentSchema:
    """The ordered blocks of a latent vector: plain data, serialisable, readable aloud.

    Parameters
    ----------
    *blocks
        Blocks in the order in which they lie in the latent vector.

    Raises
    ------
    InputError
        Without blocks, or with two blocks of one name.

    Examples
    --------
    >>> schema = LatentSchema(
    ...     Block("morphology", 64, invariant_to="phase_shift"),
    ...     Block("timing", 16, variant_to="phase_shift"),
    ...     Block("detail", 48),
    ... )
    >>> schema.size, [block.name for block in schema.invariant("phase_shift")]
    (128, ['morphology'])
    """

    def __init__(self, *blocks: Block) -> None:
        if not blocks:
            raise InputError("a schema needs at least one block, e.g. Block('detail', 32)")
        names = [block.name for block in blocks]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"two blocks are named {name!r}; block names must be unique")
        self.blocks = blocks

    @property
    def size(self) -> int:
        """Dimensions of the whole latent vector."""
        return sum(block.size for block in self.blocks)

    @property
    def names(self) -> tuple[str, ...]:
        """Block names in order."""
        return tuple(block.name for block in self.blocks)

    @property
    def slices(self) -> dict[str, slice]:
        """Block name → its slice of the latent vector."""
        slices: dict[str, slice] = {}
        start = 0
        for block in self.blocks:
            slices[block.name] = slice(start, start + block.size)
            start += block.size
        return slices

    @property
    def transforms(self) -> tuple[str, ...]:
        """Names of all transforms that a block declares a relation to, in order of mention."""
        return tuple(dict.fromkeys(name for block in self.blocks for name in block.relations))

    @property
    def common(self) -> tuple[Block, ...]:
        """Blocks of what background and target samples share."""
        return tuple(block for block in self.blocks if block.role == "common")

    @property
    def salient(self) -> tuple[Block, ...]:
        """Blocks of what only target samples have."""
        return tuple(block for block in self.blocks if block.role == "salient")

    def __getitem__(self, name: str) -> Block:
        for block in self.blocks:
            if block.name == name:
                return block
        raise InputError(f"the schema has no block {name!r}; it has {', '.join(self.names)}")

    def split(self, z: Tensor) -> dict[str, Tensor]:
        """Cut latents ``(..., size)`` into ``{block name: (..., block size)}`` (views, no copies).

        Raises
        ------
        InputError
            If the last dimension is not `size`.
        """
        self.check(z)
        return {name: z[..., part] for name, part in self.slices.items()}

    def check(self, z: Tensor, *, source: str = "latents") -> None:
        """Raise InputError unless the last dimension of `z` is `size`."""
        if z.ndim == 0 or z.shape[-1] != self.size:
            parts = " + ".join(f"{block.name} {block.size}" for block in self.blocks)
            raise InputError(
                f"{source} have shape {tuple(z.shape)}, but the schema needs {self.size} in the "
                f"last dimension ({parts}); change the encoder's output or the blocks' sizes"
            )

    def related(self, relation: Relation, transform: str) -> tuple[Block, ...]:
        """Blocks that declare `relation` to `transform`."""
        return tuple(b for b in self.blocks if b.relations.get(transform) == relation)

    def invariant(self, transform: str) -> tuple[Block, ...]:
        """Blocks invariant to `transform`."""
        return self.related("invariant", transform)

    def variant(self, transform: str) -> tuple[Block, ...]:
        """Blocks variant to `transform`."""
        return self.related("variant", transform)

    def equivariant(self, transform: str) -> tuple[Block, ...]:
        """Blocks equivariant to `transform`."""
        return self.related("equivariant", transform)

    @property
    def invariant_to_all(self) -> tuple[str, ...]:
        """Names of the blocks that are invariant to every transform of the schema."""
        return tuple(
            block.name
            for block in self.blocks
            if self.transforms
            and all(block.relations.get(name) == "invariant" for name in self.transforms)
        )

    @property
    def trunks(self) -> dict[str, str]:
        """Block → "first", "second" or "both": which of `TwoEncoders` it reads.

        Common blocks read the first and salient ones the second; in a schema without roles, blocks
        that are invariant to every transform the first, and those that are variant or equivariant
        to one the second. What a block shall not know is then not learned in its trunk.
        """
        roles = {"common": "first", "salient": "second", None: "both"}
        if self.common or self.salient:
            return {block.name: roles[block.role] for block in self.blocks}
        exact = self.invariant_to_all
        carrying = {b.name for b in self.blocks if {*b.relations.values()} - {"invariant"}}
        return {
            name: "first" if name in exact else "second" if name in carrying else "both"
            for name in self.names
        }

    def select(self, z: Tensor, names: tuple[str, ...]) -> Tensor:
        """Join the named blocks of ``z (..., size)`` along the last dimension."""
        import torch

        parts = self.split(z)
        return torch.cat([parts[self[name].name] for name in names], dim=-1)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``{"blocks": [...]}``."""
        return {"blocks": [block.to_dict() for block in self.blocks]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LatentSchema:
        """Rebuild a schema from `to_dict`'s data.

        Raises
        ------
        InputError
            If the data is not a schema, naming the offending entry.
        """
        entries: Any = content.get("blocks")
        if not isinstance(entries, list):
            raise InputError("a schema needs a list 'blocks', one entry a block")
        blocks: list[Block] = []
        for entry in cast(list[Any], entries):
            if not isinstance(entry, Mapping):
                raise InputError(f"schema entry {entry!r} is not a mapping with name and size")
            settings = dict(cast(Mapping[str, Any], entry))
            for relation in RELATIONS:
                if f"{relation}_to" in settings:
                    settings[f"{relation}_to"] = names_of(settings[f"{relation}_to"])
            try:
                blocks.append(Block(**settings))
            except TypeError as error:
                raise InputError(
                    f"schema entry {settings!r} is not a block ({error}); allowed are name, "
                    "size, invariant_to, variant_to, equivariant_to, role, gate and null_radius"
                ) from error
        return cls(*blocks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LatentSchema) and self.blocks == other.blocks

    def __hash__(self) -> int:
        return hash(self.blocks)

    def __repr__(self) -> str:
        return f"LatentSchema({', '.join(map(repr, self.blocks))})"

    def __str__(self) -> str:
        return "\n".join(str(block) for block in self.blocks)
