"""A convolutional encoder that blurs before it drops samples, so that shifts matter less."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.networks.encoder import ConvEncoder, convolution


class BlurPool(nn.Module):
    """Every `stride`-th step of maps ``(n, channels, 1, time)`` after a binomial low-pass."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride
        order = 2 * stride
        taps = torch.tensor([float(math.comb(order, k)) for k in range(order + 1)])
        taps = (taps / taps.sum()).repeat(channels, 1, 1, 1)
        self.register_buffer("taps", taps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Blurred maps, time divided by the stride (rounded up); edges are repeated."""
        padded = functional.pad(x, (self.stride, self.stride, 0, 0), mode="replicate")
        taps = self.get_buffer("taps").to(x.dtype)
        return functional.conv2d(padded, taps, stride=(1, self.stride), groups=self.channels)


class BlurEncoder(ConvEncoder):
    """`ConvEncoder` whose strides are those of a `BlurPool` behind each layer.

    Zhang 2019, "Making convolutional networks shift-invariant again" (arXiv 1904.11486). It has the
    same weights, shapes and settings; layers run at the rate before their stride, so that it is
    about 2 to 4 times slower. What *where* it keeps is as sensitive to shifts as before.
    """

    @staticmethod
    def layer(before: int, width: int, kernel: int, stride: int) -> list[nn.Module]:
        """Convolution, norm and GELU at the full rate, then the blur."""
        blur = [BlurPool(width, stride)] if stride > 1 else []
        return [convolution(before, width, kernel), nn.GroupNorm(8, width), nn.GELU(), *blur]
