"""Linear heads: classes read from named blocks of the latent vector."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent.schema import LatentSchema


class LinearHead(nn.Module):
    """One linear layer from named blocks to classes.

    Parameters
    ----------
    schema
        The latent vector's blocks.
    blocks
        Names of those that are read, e.g. the invariant ones.
    classes
        Names of the classes, at least two.

    Raises
    ------
    InputError
        For a block that the schema lacks, no block, or fewer than two different classes.
    """

    def __init__(self, schema: LatentSchema, blocks: Sequence[str], classes: Sequence[str]) -> None:
        super().__init__()
        self.schema, self.blocks, self.classes = schema, tuple(blocks), tuple(classes)
        if not self.blocks:
            raise InputError(f"a head needs a block to read; choose from {', '.join(schema.names)}")
        if len(set(self.classes)) < max(2, len(self.classes)):
            raise InputError(f"a head needs two or more different classes, got {self.classes}")
        self.settings = {"blocks": list(self.blocks), "classes": list(self.classes)}
        self.linear = nn.Linear(sum(schema[name].size for name in self.blocks), len(self.classes))

    def forward(self, z: Float[Tensor, "n size"]) -> Float[Tensor, "n classes"]:
        """Logits of latents ``(n, schema.size)``."""
        return self.linear(self.schema.select(z, self.blocks))
