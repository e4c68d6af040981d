"""An encoder of tempo: where the peak of a spectrum along log frequency lies, as phases."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from triptych.networks.encoder import require_windows
from triptych.networks.log_frequency import OCTAVE
from triptych.networks.require import ABOVE_ZERO, WHOLE, require


class TempoEncoder(nn.Module):
    """The soft peak of a spectrum along log frequency, as pairs that turn with the tempo.

    Behind the front-end `LogFrequency`. The mean over the channels is sharpened into a distribution
    over frequencies; features are the means of cos(π·k·u) and then of sin(π·k·u) under it, k = 1 …
    `orders`, with u a frequency in octaves above the lowest. A spectrum that is shifted (a faster
    window) turns pair k by k half turns per octave, and the length of a pair says how clear the
    peak is. Linear functions of the features read the tempo. It has no weights: what is trained are
    the blocks that read it.

    Parameters
    ----------
    channels, length
        Shape of a spectrum: ``(n, channels, length)``.
    sharpness
        What logarithms of amplitude are multiplied by.
    orders
        How many pairs.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, if a spectrum has another shape.

    Notes
    -----
    That a change of tempo is a shift along log frequency is how SPICE (Gfeller et al. 2020, arXiv
    1910.11664) and PESTO (Riou et al. 2023, arXiv 2309.02265) learn the pitch of audio. Here a
    convolution along log frequency, trained by that relation, read heart rates no better than the
    peak itself (docs/lab-notes.md), and so there is none.
    """

    def __init__(
        self, channels: int, length: int, *, sharpness: float = 25.0, orders: int = 6
    ) -> None:
        super().__init__()
        require("tempo", WHOLE, channels=channels, length=length, orders=orders)
        require("tempo", ABOVE_ZERO, sharpness=sharpness)
        self.settings: dict[str, Any] = {
            "channels": channels, "length": length, "sharpness": sharpness, "orders": orders,
        }  # fmt: skip
        self.channels, self.length, self.sharpness = channels, length, sharpness
        turn = math.pi / OCTAVE * torch.arange(length)[:, None] * torch.arange(1, orders + 1)
        self.register_buffer("ring", torch.cat([turn.cos(), turn.sin()], dim=1), persistent=False)
        self.features = 2 * orders

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(n, features)`` of spectra ``x (n, channels, length)``."""
        require_windows(x, self.channels, self.length)
        chance = (self.sharpness * x.mean(dim=1)).softmax(dim=1)
        return chance @ cast(Tensor, self.ring).to(chance)
