"""The schema of a latent vector: ordered named blocks and what each declares to transforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from torch import Tensor

from triptych.errors import InputError
from triptych.latent.gates import BernoulliGate

Relation = Literal["invariant", "variant", "equivariant"]
RELATIONS: tuple[Relation, ...] = ("invariant", "variant", "equivariant")
Role = Literal["common", "salient"]


def _names(value: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True)
class Block:
    """A named contiguous slice of the latent vector: its relations to transforms, role and gate.

    Parameters
    ----------
    name
        An identifier, e.g. ``"morphology"``.
    size
        Number of latent dimensions, at least 1.
    invariant_to, variant_to, equivariant_to
        Names of transforms (one or several).
    role
        ``"common"``: what background and target samples share; ``"salient"``: what only the
        targets have. A block without relation and role is *free*: it gets only the task's
        gradient.
    gate
        Makes the block non-negative and lets each sample open some of its dimensions only; the
        gate or its settings as plain data.
    null_radius
        Of a salient block: latents shorter than this *are* the null vector s' = 0, all others are
        as much shorter (a soft threshold on the length). What is a little off the null vector
        would still tell one background from another. 0: no threshold.

    Raises
    ------
    InputError
        For a name that is no identifier, a size below 1, two relations to one transform, an
        unknown role, a gate on an equivariant block, or a null radius that is negative or not a
        salient block's.
    """

    name: str
    size: int
    invariant_to: str | tuple[str, ...] = ()
    variant_to: str | tuple[str, ...] = ()
    equivariant_to: str | tuple[str, ...] = ()
    role: Role | None = None
    gate: BernoulliGate | None = None
    null_radius: float = 0.0

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InputError(
                f"block name {self.name!r} is not an identifier; use letters, digits and _"
            )
        if self.size < 1:
            raise InputError(f"block {self.name!r} has size {self.size}; it needs at least 1")
        if self.role not in (None, "common", "salient"):
            raise InputError(
                f"block {self.name!r} has role {self.role!r}, expected 'common' or 'salient' "
                "(or leave it out)"
            )
        if self.gate is not None:
            object.__setattr__(self, "gate", BernoulliGate.of(self.gate))
        if not 0 <= self.null_radius < float("inf"):
            raise InputError(
                f"block {self.name!r} has null_radius {self.null_radius}, expected at least 0"
            )
        if self.null_radius and (self.role != "salient" or self.gate is not None):
            raise InputError(
                f"block {self.name!r} has a null radius, which is for a block with role='salient' "
                "and without a gate; leave it out"
            )
        declared: list[str] = []
        for relation in RELATIONS:
            names = _names(getattr(self, f"{relation}_to"))
            object.__setattr__(self, f"{relation}_to", names)
            declared += names
        for transform in set(declared):
            if declared.count(transform) > 1:
                raise InputError(
                    f"block {self.name!r} declares more than one relation to {transform!r}; "
                    "keep one of them"
                )
        if self.gate is not None and self.equivariant_to:
            raise InputError(
                f"block {self.name!r} is equivariant, so it must turn through negative values, but "
                "a gate keeps it non-negative; leave one of them out"
            )

    @property
    def relations(self) -> dict[str, Relation]:
        """Transform name → relation; empty for a free block."""
        return {
            transform: relation
            for relation in RELATIONS
            for transform in cast(tuple[str, ...], getattr(self, f"{relation}_to"))
        }

    @property
    def free(self) -> bool:
        """Whether the block declares neither relation nor role."""
        return not self.relations and self.role is None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON and recipes; what is empty is left out."""
        content: dict[str, Any] = {"name": self.name, "size": self.size}
        for relation in RELATIONS:
            names = cast(tuple[str, ...], getattr(self, f"{relation}_to"))
            if names:
                content[f"{relation}_to"] = list(names)
        if self.role:
            content["role"] = self.role
        if self.gate:
            content["gate"] = asdict(self.gate)
        if self.null_radius:
            content["null_radius"] = self.null_radius
        return content

    def __str__(self) -> str:
        words = [self.role] if self.role else []
        words += [f"{relation} to {name}" for name, relation in self.relations.items()]
        words = words or ["free"]
        if self.gate:
            words.append(f"non-negative, gated (open with prior probability {self.gate.prior:g})")
        if self.null_radius:
            words.append(f"null below length {self.null_radius:g}")
        return f"{self.name}: {self.size} dimensions, {', '.join(words)}"


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
                    settings[f"{relation}_to"] = _names(settings[f"{relation}_to"])
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
