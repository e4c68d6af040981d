"""Two encoders side by side, for blocks that shall share no weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TwoEncoders(nn.Module):
    """Latents of both encoders, joined: one for the common blocks, one for the salient ones.

    The schema lists the common blocks first. For weights shared up to the last layers take
    `BlockHeads` instead.

    Parameters
    ----------
    common, salient
        Each maps the same input to latents ``(n, ...)``.
    """

    def __init__(self, common: nn.Module, salient: nn.Module) -> None:
        super().__init__()
        self.common = common
        self.salient = salient

    def forward(self, x: Tensor) -> Tensor:
        """Latents ``(n, common + salient)`` of ``x``."""
        return torch.cat([self.common(x), self.salient(x)], dim=1)
