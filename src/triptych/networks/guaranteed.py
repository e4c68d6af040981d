"""An encoder some of whose features are invariant by construction."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.networks.encoder import ConvEncoder
from triptych.networks.require import COUNT, WHOLE, require, require_stack
from triptych.networks.statistics import LEAST, StatisticsTrunk


class GuaranteedEncoder(nn.Module):
    """Two convolutional trunks: one over what a front-end made invariant, one over the rest.

    The first one's features come first and are `guaranteed` many. `BlockHeads` lets the blocks
    that are invariant to every transform read these alone, so their invariance is exact; the other
    blocks read everything.

    Parameters
    ----------
    channels, length
        Shape of what comes in: invariant channels first.
    raw
        How many channels at the end are not invariant: of `InvariantsBeside` its `raw_channels`.
    statistics
        Features that `StatisticsTrunk` makes of every invariant channel's statistics; 0: none.
        Blocks that carry a transform do not read these: they learned it late, or not at all.
    **settings
        Of both trunks, as `ConvEncoder` takes them.

    Raises
    ------
    InputError
        Unless 0 < raw < channels, and for settings that `ConvEncoder` refuses; from `forward`, if
        a signal's shape is not ``(n, channels, length)``.
    """

    takes_gaps = True

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        raw: int,
        widths: tuple[int, ...] = (32, 48, 64, 96),
        kernels: tuple[int, ...] = (15, 7, 5, 5),
        strides: tuple[int, ...] = (4, 2, 2, 1),
        where: int = 8,
        dropout: float = 0.0,
        statistics: int = 0,
    ) -> None:
        super().__init__()
        require("guaranteed", WHOLE, channels=channels, length=length)
        require("guaranteed", COUNT, statistics=statistics)
        require_stack("guaranteed", widths, kernels, strides, where, dropout)
        if raw not in range(1, channels):
            raise InputError(
                f"guaranteed got raw={raw!r} for {channels} channels, expected 1 to "
                f"{channels - 1}: it needs channels that are invariant, and others beside them"
            )
        require("guaranteed", WHOLE, raw=raw)
        shared: dict[str, Any] = {
            "widths": widths, "kernels": kernels, "strides": strides, "where": where,
            "dropout": dropout,
        }  # fmt: skip
        self.settings: dict[str, Any] = {
            "channels": channels, "length": length, "raw": raw,
            "widths": list(widths), "kernels": list(kernels), "strides": list(strides),
            "where": where, "dropout": dropout, "statistics": statistics,
        }  # fmt: skip
        self.exact = channels - raw
        self.described = None
        if statistics:
            require("guaranteed", LEAST, length=length)
            self.described = StatisticsTrunk(self.exact, statistics, dropout)
        self.first = ConvEncoder(self.exact, length, **shared)
        self.second = ConvEncoder(raw, length, **shared)
        self.reserved, self.shortest = statistics, self.first.shortest
        self.guaranteed = self.reserved + self.first.features
        self.features = self.guaranteed + self.second.features

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(n, features)`` of ``x (n, channels, length)``."""
        exact = x[:, : self.exact]
        parts = [self.first(exact), self.second(x[:, self.exact :])]
        return torch.cat(
            parts if self.described is None else [self.described(exact), *parts], dim=1
        )
