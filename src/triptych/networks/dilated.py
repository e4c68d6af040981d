"""TS2Vec's encoder: dilated convolutions at the full rate, pooled over time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.networks.encoder import as_map, require_windows
from triptych.networks.require import ODD, SHARE, WHOLE, require


class DilatedBlock(nn.Module):
    """GELU and a dilated convolution, twice, and a shortcut, on maps ``(n, channels, 1, time)``."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(given, outputs, (1, kernel), padding="same", dilation=(1, dilation))
            for given in (inputs, outputs)
        )
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to maps, time kept."""
        y = self.second(functional.gelu(self.first(functional.gelu(x))))
        return y + self.shortcut(x)


class DilatedEncoder(nn.Module):
    """Residual blocks whose dilation doubles from one to the next; the maximum over time.

    Yue et al. 2022 (arXiv 2106.10466); T-Loss's causal network (Franceschi et al. 2019, arXiv
    1901.10738) is of the same kind. It keeps the rate, so it is 10 to 50 times slower than `conv`.

    Parameters
    ----------
    channels, length
        Shape of a signal window: ``(n, channels, length)``.
    hidden, width
        Channels of the blocks, and of the last one, whose maxima are the features.
    depth
        Blocks of `hidden` channels; the last has dilation 2^depth.
    kernel
        Kernel length, odd.
    mask
        Share of the time steps that a training step leaves out before the first block (TS2Vec's
        timestamp masking: 0.5).

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, if a signal's shape is not ``(n, channels,
        length)``.
    """

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        hidden: int = 64,
        width: int = 320,
        depth: int = 10,
        kernel: int = 3,
        mask: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = {"hidden": hidden, "width": width, "depth": depth}
        require("dilated", WHOLE, channels=channels, length=length, **sizes)
        require("dilated", ODD, kernel=kernel)
        require("dilated", SHARE, mask=mask)
        self.settings: dict[str, Any] = {
            "channels": channels, "length": length, **sizes, "kernel": kernel, "mask": mask,
        }  # fmt: skip
        self.channels, self.length, self.mask, self.features = channels, length, mask, width
        self.first = nn.Conv2d(channels, hidden, 1)
        widths = [hidden] * depth + [width]
        self.stack = nn.Sequential(
            *(DilatedBlock(hidden, each, kernel, 2**k) for k, each in enumerate(widths))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(n, width)`` of ``x (n, channels, length)``."""
        require_windows(x, self.channels, self.length)
        maps = self.first(as_map(x))
        if self.training and self.mask:
            kept = torch.rand(len(x), 1, 1, self.length, device=x.device) >= self.mask
            maps = maps * kept
        return self.stack(maps).amax(dim=(2, 3))
