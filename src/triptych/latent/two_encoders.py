"""Two encoders side by side, for blocks that shall share no weights."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class TwoEncoders(nn.Module):
    """What both encoders give, joined: one for the common blocks, one for the salient ones.

    As an encoder of latents the schema lists the common blocks first. As the trunk of `BlockHeads`
    the common blocks read the first one's features alone, the salient blocks the second one's, and
    all others both. For weights shared up to the last layers take one trunk in `BlockHeads`.

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
    def features(self) -> int:
        """Features of both."""
        return sum(self.parts)

    def forward(self, x: Tensor) -> Tensor:
        """Latents or features ``(n, common + salient)`` of ``x``."""
        return torch.cat([self.common(x), self.salient(x)], dim=1)
