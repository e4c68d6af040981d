"""Residual convolutional encoder; GroupNorm throughout."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from triptych.networks.encoder import WhatAndWhere, convolution, receptive, require_windows
from triptych.networks.require import COUNT, ODD, WHOLE, WIDTHS, require


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut on maps ``(n, channels, 1, time)``."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, kernel, stride)
        self.first_norm = nn.GroupNorm(8, outputs)
        self.second = convolution(outputs, outputs, kernel)
        self.second_norm = nn.GroupNorm(8, outputs)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else convolution(inputs, outputs, 1, stride)
        # The block starts as its shortcut (Goyal et al. 2017, arXiv 1706.02677).
        nn.init.zeros_(self.second_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply to maps: `outputs` channels, time divided by the stride (rounded up)."""
        y = functional.gelu(self.first_norm(self.first(x)))
        return functional.gelu(self.second_norm(self.second(y)) + self.shortcut(x))


class ResNetEncoder(WhatAndWhere):
    """A residual stack with the features of `ConvEncoder`: pooled mean and maximum, flattened map.

    Parameters
    ----------
    channels, length
        Shape of a signal window: ``(n, channels, length)``.
    outputs
        Latent dimensions of a last linear layer; 0 leaves the features as they are (a trunk for
        `BlockHeads`).
    widths
        Channels of each stage, multiples of 8; every stage but the first halves the time axis.
    blocks
        Residual blocks a stage.
    kernel
        Kernel length of the blocks, odd.
    where
        Channels of the flattened map; 0 goes without, and takes windows of any length.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, if a signal's shape is not ``(n, channels,
        length)``.

    Notes
    -----
    He et al. 2016 (arXiv 1512.03385), along time, with GroupNorm for BatchNorm.
    """

    takes_gaps = True

    def __init__(
        self,
        channels: int,
        length: int,
        outputs: int = 0,
        *,
        widths: tuple[int, ...] = (32, 64, 96),
        blocks: int = 1,
        kernel: int = 7,
        where: int = 8,
    ) -> None:
        require("resnet", WHOLE, channels=channels, length=length, blocks=blocks)
        require("resnet", COUNT, outputs=outputs, where=where)
        require("resnet", WIDTHS, widths=widths)
        require("resnet", ODD, kernel=kernel)
        before, steps = widths[0], -(-length // 4)
        kernels, strides = [15], [4]
        layers: list[nn.Module] = [
            convolution(channels, before, 15, 4), nn.GroupNorm(8, before), nn.GELU()
        ]  # fmt: skip
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(ResidualBlock(before, width, kernel, stride))
                before, steps = width, -(-steps // stride)
                kernels, strides = [*kernels, kernel, kernel], [*strides, stride, 1]
        super().__init__(
            nn.Sequential(*layers), before, steps, where, outputs,
            stride=4 * 2 ** (len(widths) - 1),
        )  # fmt: skip
        self.channels, self.length = channels, length
        self.shortest = None if where else min(length, receptive(kernels, strides))
        self.settings = {
            "channels": channels, "length": length, "outputs": outputs, "widths": list(widths),
            "blocks": blocks, "kernel": kernel, "where": where,
        }  # fmt: skip

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n f"]:
        """Features, or latents if `outputs` is set: ``(n, features)`` either way."""
        require_windows(x, self.channels, self.length, self.shortest)
        return self.read(x)
