"""An encoder of tempo: where the peak of a spectrum along log frequency lies, as phases."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from triptych.networks.encoder import require_windows
from triptych.networks.require import ABOVE_ZERO, COUNT, ODD, WHOLE, require


class TempoEncoder(nn.Module):
    """Soft peaks of spectra along log frequency, each as pairs that turn with the tempo.

    Behind the front-end `LogFrequency`. The mean over the channels, plus what a small convolution
    along log frequency adds for each head (nothing, at first), is sharpened into a distribution
    over frequencies; features are the means of cos(2π·k·u) and sin(2π·k·u) under it, k = 1 …
    `orders`, with u the place of a frequency, 0 to 1. A spectrum that is shifted (a faster window)
    turns pair k by 2π·k times the shift, and the length of a pair says how clear the peak is.
    Linear functions of the pairs read the tempo; untrained it is that of the strongest frequency.

    Parameters
    ----------
    channels, length
        Shape of a spectrum: ``(n, channels, length)``.
    width, kernel
        Channels and length of the convolutions; width 0 goes without, and has no weights.
    heads
        How many distributions; without convolutions one is enough.
    sharpness
        What logarithms of amplitude are multiplied by.
    orders
        Pairs of each head.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, if a spectrum has another shape.

    Notes
    -----
    A pitch from the shift along log frequency that a change of tempo makes: SPICE (Gfeller et al.
    2020, arXiv 1910.11664) and PESTO (Riou et al. 2023, arXiv 2309.02265), there of audio; the
    mean on the ring is ours, in place of one regressed number or of classes.
    """

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        width: int = 16,
        kernel: int = 9,
        heads: int = 4,
        sharpness: float = 25.0,
        orders: int = 6,
    ) -> None:
        super().__init__()
        require("tempo", WHOLE, channels=channels, length=length, heads=heads, orders=orders)
        require("tempo", COUNT, width=width)
        require("tempo", ODD, kernel=kernel)
        require("tempo", ABOVE_ZERO, sharpness=sharpness)
        self.settings: dict[str, Any] = {
            "channels": channels, "length": length, "width": width, "kernel": kernel,
            "heads": heads, "sharpness": sharpness, "orders": orders,
        }  # fmt: skip
        self.channels, self.length = channels, length
        self.heads, self.sharpness = heads, sharpness
        turn = 2 * math.pi / length * torch.arange(length)[:, None] * torch.arange(1, orders + 1)
        self.register_buffer("ring", torch.cat([turn.cos(), turn.sin()], dim=1), persistent=False)
        self.features = heads * 2 * orders
        self.stack: nn.Sequential | None = None
        if width:
            sizes = (channels, width, width, heads)
            layers: list[nn.Module] = []
            for inputs, outputs in zip(sizes, sizes[1:], strict=False):
                layers += [nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2), nn.GELU()]
            self.stack = nn.Sequential(*layers[:-1])
            for weight in layers[-2].parameters():
                nn.init.zeros_(weight)

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(n, features)``, head by head, of spectra ``x (n, channels, length)``."""
        require_windows(x, self.channels, self.length)
        height = x.mean(dim=1, keepdim=True).expand(-1, self.heads, -1)
        if self.stack is not None:
            height = height + self.stack(x)
        chance = (self.sharpness * height).softmax(dim=2)
        return (chance @ cast(Tensor, self.ring).to(chance)).flatten(1)
