"""A block of a latent vector: its size, and what it declares."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Any, Literal, cast

from torch import nn

from triptych.errors import InputError
from triptych.latent.gates import BernoulliGate

Relation = Literal["invariant", "variant", "equivariant"]
RELATIONS: tuple[Relation, ...] = ("invariant", "variant", "equivariant")
Role = Literal["common", "salient"]
_MODULES = nn.ModuleDict()  # `BlockHeads` keeps a layer a block in one: its attributes are taken


def names_of(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """One name, several or none, as a tuple."""
    if value is None:
        return ()
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
        would still tell one background from another. 0: no threshold. Keep it well below the
        length that untrained latents have: a null vector has no gradient, so a block that is null
        everywhere stays so.

    Raises
    ------
    InputError
        For a name that is no identifier or an attribute of PyTorch's modules, a size below 1, two
        relations to one transform, an unknown role, a gate on an equivariant block, or a null
        radius that is negative or not a salient block's.
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
        name: object = self.name  # a recipe may say anything
        if not isinstance(name, str) or not name.isidentifier():
            raise InputError(
                f"block name {name!r} is not an identifier; use letters, digits and _ (and quotes, "
                "where YAML takes a word for something else)"
            )
        if hasattr(_MODULES, name):
            raise InputError(f"block name {name!r} is a word of PyTorch's modules; choose another")
        if not isinstance(cast(object, self.size), Integral) or self.size < 1:
            raise InputError(
                f"block {self.name!r} has size {self.size}, expected a whole number of at least 1"
            )
        object.__setattr__(self, "size", int(self.size))  # NumPy's are no plain data
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
            names = names_of(getattr(self, f"{relation}_to"))
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
