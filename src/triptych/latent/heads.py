"""Block heads: a trunk with one last layer a block, so that gradients can be kept apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent.schema import LatentSchema


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
        width = features if features is not None else getattr(trunk, "features", None)
        heads: dict[str, nn.Module] = {}
        for block in schema.blocks:
            if hidden:
                first = nn.LazyLinear(hidden) if width is None else nn.Linear(width, hidden)
                heads[block.name] = nn.Sequential(first, nn.GELU(), nn.Linear(hidden, block.size))
            elif width is None:
                heads[block.name] = nn.LazyLinear(block.size)
            else:
                heads[block.name] = nn.Linear(width, block.size)
        self.heads = nn.ModuleDict(heads)

    def forward(self, x: Tensor) -> Tensor:
        """Latents ``(n, schema.size)`` of signals ``(n, channels, time)``."""
        return self._latents(self._features(x))

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latents twice, each ``(n, schema.size)``: ordinary, and isolated from the trunk."""
        features = self._features(x)
        return self._latents(features), self._latents(features.detach())

    def _latents(self, features: Tensor) -> Tensor:
        return torch.cat([head(features) for head in self.heads.values()], dim=1)

    def _features(self, x: Tensor) -> Tensor:
        features: object = self.trunk(x)
        if not isinstance(features, Tensor) or features.ndim != 2:
            found = tuple(features.shape) if isinstance(features, Tensor) else type(features)
            raise InputError(
                f"the trunk of BlockHeads gave {found}, expected features (n, f); flatten or pool "
                "its output"
            )
        return features
