"""Block heads: a trunk with one last layer a block, so that gradients can be kept apart."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent.block import Block
from triptych.latent.gates import GateNetwork, non_negative
from triptych.latent.schema import LatentSchema
from triptych.latent.two_encoders import TwoEncoders
from triptych.precision import exact, without_silent


class Outputs(NamedTuple):
    """What `BlockHeads` makes of signals.

    Attributes
    ----------
    z
        Latents ``(n, schema.size)``.
    isolated
        The same latents cut off from the trunk, where they were asked for.
    probabilities
        Gated block → the probability α that each dimension is open, ``(n, block size)``.
    """

    z: Tensor
    isolated: Tensor | None
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
    With own last layers a loss term can train a block's head but not the trunk: `both` gives the
    same latents twice, once cut off from the trunk. A module with one output layer cannot.

    Of a trunk whose first ``trunk.guaranteed`` features are invariant by construction, blocks that
    are invariant to every transform of the schema read these alone. Of `TwoEncoders` the common
    blocks read one encoder's features and the salient blocks the other's.

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

    def _width(self, name: str, everything: int | None) -> int | None:
        """How many features a block reads; None: as many as come."""
        part = self.reads[name]
        return everything if part.stop is None else part.stop - (part.start or 0)

    def forward(self, x: Tensor) -> Tensor:
        """Latents ``(n, schema.size)`` of signals ``(n, channels, time)``."""
        return self.outputs(x).z

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latents twice, each ``(n, schema.size)``: ordinary, and isolated from the trunk."""
        z, isolated, _ = self.outputs(x, isolate=True)
        return z, cast(Tensor, isolated)

    def outputs(self, x: Tensor, *, isolate: bool = False) -> Outputs:
        """Latents of signals ``(n, channels, time)`` with all that the loss may need of them."""
        features = self._features(x)
        gates = {name: cast(GateNetwork, gate) for name, gate in self.gates.items()}
        noise = {name: gate.draw(features) for name, gate in gates.items()}
        z, probabilities = self._latents(features, noise)
        isolated = self._latents(features.detach(), noise)[0] if isolate else None
        return Outputs(z, isolated, probabilities)

    def _latents(
        self, features: Tensor, noise: dict[str, Tensor | None]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        parts: list[Tensor] = []
        probabilities: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            seen = features[:, self.reads[name]]
            part = head(seen)
            if name in noise:
                opened, probabilities[name] = self.gates[name](seen, noise[name])
                part = without_silent(non_negative(part) * opened)
            if radius := self.schema[name].null_radius:
                part = beyond(part, radius)
            parts.append(part)
        return torch.cat(parts, dim=1), probabilities

    def _features(self, x: Tensor) -> Tensor:
        features: object = self.trunk(x)
        if not isinstance(features, Tensor) or features.ndim != 2:
            found = tuple(features.shape) if isinstance(features, Tensor) else type(features)
            raise InputError(
                f"the trunk of BlockHeads gave {found}, expected features (n, f); flatten or pool "
                "its output"
            )
        return features


def beyond(z: Tensor, radius: float) -> Tensor:
    """Rows of ``z (n, d)`` made shorter by `radius`; shorter rows become 0, without gradient."""
    length = exact(z).square().sum(dim=1, keepdim=True).clamp_min(1e-24).sqrt()
    return z * (1 - radius / length).clamp_min(0).to(z.dtype)


def _reads(trunk: nn.Module, schema: LatentSchema, block: Block) -> slice:
    """Which of the trunk's features a block reads."""
    if isinstance(trunk, TwoEncoders) and block.role:
        common, salient = trunk.parts
        return slice(0, common) if block.role == "common" else slice(common, common + salient)
    exact: int | None = getattr(trunk, "guaranteed", None)
    return slice(0, exact) if block.name in schema.invariant_to_all else slice(None)
