"""Heads: one last layer per block, on one trunk or two; and classes read from blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent.block import Block
from triptych.latent.gates import GateNetwork, non_negative
from triptych.latent.one_label import OneLabel
from triptych.latent.schema import LatentSchema
from triptych.latent.target import Target
from triptych.latent.targets import target_of
from triptych.precision import exact, without_silent


class TwoEncoders(nn.Module):
    """What both encoders give, joined: one for the common blocks, one for the salient ones.

    As an encoder of latents the schema lists the common blocks first. As the trunk of `BlockHeads`
    the common blocks read the first one's features alone, the salient blocks the second one's, and
    all others both; without roles, invariant blocks and those that carry a transform are apart in
    the same way (`LatentSchema.trunks`). For weights shared up to the last layers take one trunk in
    `BlockHeads`.

    Parameters
    ----------
    common, salient
        Each maps the same input to latents or features ``(n, ...)``.

    Raises
    ------
    AttributeError
        From `parts` and `features`, if an encoder does not say how many features it gives.
    """

    def __init__(self, common: nn.Module, salient: nn.Module) -> None:
        super().__init__()
        self.common = common
        self.salient = salient

    @property
    def parts(self) -> tuple[int, int]:
        """Features of either encoder, as `BlockHeads` divides them."""
        return cast(int, self.common.features), cast(int, self.salient.features)

    @property
    def takes_gaps(self) -> bool:
        """Whether both know missing samples (NaN)."""
        return all(getattr(each, "takes_gaps", False) for each in (self.common, self.salient))

    @property
    def shortest(self) -> int | None:
        """Samples of the shortest window that both take; None where either's length is fixed."""
        both = [getattr(each, "shortest", None) for each in (self.common, self.salient)]
        known = [each for each in both if isinstance(each, int)]
        return max(known) if len(known) == 2 else None

    @property
    def features(self) -> int:
        """Features of both."""
        return sum(self.parts)

    def forward(self, x: Tensor) -> Tensor:
        """Latents or features ``(n, common + salient)`` of ``x``."""
        return torch.cat([self.common(x), self.salient(x)], dim=1)


class Outputs(NamedTuple):
    """What `BlockHeads` makes of signals.

    Attributes
    ----------
    z
        Latents ``(n, schema.size)``.
    probabilities
        Gated block → the probability α that each dimension is open, ``(n, block size)``.
    """

    z: Tensor
    probabilities: dict[str, Tensor]


class BlockHeads(nn.Module):
    """Turn any trunk into an encoder with one last layer a block.

    Parameters
    ----------
    trunk
        Any module that maps signals ``(n, channels, time)`` to features ``(n, f)``.
    schema
        The latent vector's blocks.
    hidden
        Width of one hidden layer a head; 0 = a single linear layer.
    features
        f; read from ``trunk.features`` if that is a number, else, at the first forward pass, from
        the trunk's output.

    Notes
    -----
    Of a trunk whose first ``trunk.guaranteed`` features are invariant by construction, blocks that
    are invariant to every transform of the schema read these alone; the first ``trunk.reserved``
    of them are for these and for free blocks. Of `TwoEncoders` each block reads what
    `LatentSchema.trunks` says.

    A block with a gate is the ReLU of its last layer times the gates; its head and its gate read
    the same features. A sample can open dimensions that are 0 anyway; if the whole block is 0, it
    gives no gradient for that sample.

    A salient block with a null radius is made shorter by it (`beyond`).
    """

    def __init__(
        self,
        trunk: nn.Module,
        schema: LatentSchema,
        *,
        hidden: int = 0,
        features: int | None = None,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.schema = schema
        of_trunk: object = getattr(trunk, "features", None)  # elsewhere often a module
        everything = features or (of_trunk if isinstance(of_trunk, int) else None)
        self.reads = {block.name: _reads(trunk, schema, block) for block in schema.blocks}
        heads: dict[str, nn.Module] = {}
        for block in schema.blocks:
            width = self._width(block.name, everything)
            if hidden:
                first = nn.LazyLinear(hidden) if width is None else nn.Linear(width, hidden)
                heads[block.name] = nn.Sequential(first, nn.GELU(), nn.Linear(hidden, block.size))
            elif width is None:
                heads[block.name] = nn.LazyLinear(block.size)
            else:
                heads[block.name] = nn.Linear(width, block.size)
        self.heads = nn.ModuleDict(heads)
        self.gates = nn.ModuleDict(
            {
                block.name: GateNetwork(block.gate, block.size, self._width(block.name, everything))
                for block in schema.blocks
                if block.gate
            }
        )

    @property
    def takes_gaps(self) -> bool:
        """Whether the trunk knows missing samples (NaN)."""
        return getattr(self.trunk, "takes_gaps", False) is True

    @property
    def shortest(self) -> int | None:
        """Samples of the shortest window that the trunk takes; None where its length is fixed."""
        found = getattr(self.trunk, "shortest", None)
        return found if isinstance(found, int) else None

    def _width(self, name: str, everything: int | None) -> int | None:
        """How many features a block reads; None: as many as come."""
        part = self.reads[name]
        stop = everything if part.stop is None else part.stop
        return None if stop is None else stop - (part.start or 0)

    def forward(self, x: Tensor) -> Tensor:
        """Latents ``(n, schema.size)`` of signals ``(n, channels, time)``."""
        return self.outputs(x).z

    def outputs(self, x: Tensor) -> Outputs:
        """Latents of signals ``(n, channels, time)`` with all that the loss may need of them."""
        features = self._features(x)
        gates = {name: cast(GateNetwork, gate) for name, gate in self.gates.items()}
        noise = {name: gate.draw(features) for name, gate in gates.items()}
        parts: list[Tensor] = []
        probabilities: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            seen = features[:, self.reads[name]]
            part = head(seen)
            if name in gates:
                opened, probabilities[name] = gates[name](seen, noise[name])
                part = without_silent(non_negative(part) * opened)
            if radius := self.schema[name].null_radius:
                part = beyond(part, radius)
            parts.append(part)
        return Outputs(torch.cat(parts, dim=1), probabilities)

    def _features(self, x: Tensor) -> Tensor:
        features: object = self.trunk(x)
        if not isinstance(features, Tensor) or features.ndim != 2:
            found = tuple(features.shape) if isinstance(features, Tensor) else type(features)
            raise InputError(
                f"the trunk of BlockHeads gave {found}, expected features (n, f); flatten or pool "
                "its output"
            )
        return features


class LinearHead(nn.Module):
    """One linear layer from named blocks to classes, or to another `Target`.

    Parameters
    ----------
    schema
        The latent vector's blocks.
    blocks
        Names of those that are read, e.g. the invariant ones.
    classes
        Names of the classes, at least two; or what else it says, a `Target`.
    target
        The same as plain data, as a saved model has it.

    Raises
    ------
    InputError
        For a block that the schema lacks, no block, or fewer than two different classes.
    """

    def __init__(
        self,
        schema: LatentSchema,
        blocks: Sequence[str],
        classes: Sequence[str] | Target | None = None,
        *,
        target: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.schema, self.blocks = schema, tuple(blocks)
        self.target = target_of((target or {}) if classes is None else classes)
        if not self.blocks:
            raise InputError(f"a head needs a block to read; choose from {', '.join(schema.names)}")
        single = isinstance(self.target, OneLabel)
        told = {"classes": list(self.classes)} if single else {"target": self.target.to_dict()}
        self.settings = {"blocks": list(self.blocks), **told}
        width = sum(schema[name].size for name in self.blocks)
        self.linear = nn.Linear(width, len(self.target.names))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what it tells apart: classes, or labels of a set; of a number its name."""
        return self.target.names

    def forward(self, z: Float[Tensor, "n size"]) -> Float[Tensor, "n classes"]:
        """Logits of latents ``(n, schema.size)``; of a number its standardised value."""
        return self.linear(self.schema.select(z, self.blocks))


def beyond(z: Tensor, radius: float) -> Tensor:
    """Rows of ``z (n, d)`` made shorter by `radius`; shorter rows become 0, without gradient."""
    length = exact(z).square().sum(dim=1, keepdim=True).clamp_min(1e-24).sqrt()
    return z * (1 - radius / length).clamp_min(0).to(z.dtype)


def _reads(trunk: nn.Module, schema: LatentSchema, block: Block) -> slice:
    """Which of the trunk's features a block reads."""
    if isinstance(trunk, TwoEncoders):
        first, second = trunk.parts
        sides = {"first": slice(0, first), "second": slice(first, first + second)}
        return sides.get(schema.trunks[block.name], slice(None))
    exact: int | None = getattr(trunk, "guaranteed", None)
    if block.name in schema.invariant_to_all:
        return slice(0, exact)
    return slice(None) if block.free else slice(getattr(trunk, "reserved", None), None)
