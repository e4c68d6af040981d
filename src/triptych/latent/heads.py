"""Block heads: a trunk with one last layer a block, so that gradients can be kept apart."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent.gates import GateNetwork, non_negative, without_silent
from triptych.latent.schema import LatentSchema


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
        f; read from ``trunk.features`` or, at the first forward pass, from its output if absent.

    Notes
    -----
    With own last layers a loss term can train a block's head but not the trunk: `both` gives the
    same latents twice, once cut off from the trunk. A module with one output layer cannot.

    Of a trunk whose first ``trunk.guaranteed`` features are invariant by construction, blocks that
    are invariant to every transform of the schema read these alone.

    A block with a gate is the ReLU of its last layer times the gates; its head and its gate read
    the same features. A sample can open dimensions that are 0 anyway; if the whole block is 0, it
    gives no gradient for that sample.
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
        everything = features if features is not None else getattr(trunk, "features", None)
        exact: int | None = getattr(trunk, "guaranteed", None)
        self.reads = {
            block.name: exact if block.name in schema.invariant_to_all else None
            for block in schema.blocks
        }
        heads: dict[str, nn.Module] = {}
        for block in schema.blocks:
            width = self.reads[block.name] or everything
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
                block.name: GateNetwork(
                    block.gate, block.size, self.reads[block.name] or everything
                )
                for block in schema.blocks
                if block.gate
            }
        )

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
            seen = features[:, : self.reads[name]]
            part = head(seen)
            if name in noise:
                opened, probabilities[name] = self.gates[name](seen, noise[name])
                part = without_silent(non_negative(part) * opened)
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
