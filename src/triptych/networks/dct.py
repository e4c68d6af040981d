"""A convolutional encoder whose activations are learned: truncated cosine series."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.networks.encoder import ConvEncoder, convolution

TERMS = 8  # coefficients of a channel
REACH = 3.0  # half a period: where normalised maps seldom go


class DCTActivation(nn.Module):
    """σ(u) = Σ_q F_q cos(π q (u/r + 1)/2), q from 0, with coefficients F of each channel, learned.

    On maps ``(n, channels, 1, time)`` that are normalised, r = 3. The coefficients begin as those
    of GELU, of which eight leave a mean error of 0.05; beyond ±r the series is mirrored, so that no
    gradient dies.

    Parameters
    ----------
    channels
        Channels of the maps.
    terms
        Coefficients of each.
    """

    def __init__(self, channels: int, terms: int = TERMS) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(series_of_gelu(terms).repeat(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Activated maps, shape kept; by Clenshaw's recurrence, one cosine for all terms."""
        cosine = ((x / REACH + 1) * (math.pi / 2)).cos()
        first, second = torch.zeros_like(x), torch.zeros_like(x)
        of_term = self.coefficients.to(x.dtype)[:, :, None, None].unbind(dim=1)
        for each in of_term[:0:-1]:
            first, second = each + 2 * cosine * first - second, first
        return of_term[0] + cosine * first - second


def series_of_gelu(terms: int, points: int = 512) -> Tensor:
    """The first coefficients ``(terms,)`` of GELU's cosine series on ±r (DCT-II)."""
    place = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    waves = (math.pi * torch.arange(terms, dtype=torch.float64)[:, None] * place).cos()
    found = 2 * (waves @ functional.gelu((2 * place - 1) * REACH)) / points
    found[0] /= 2
    return found.float()


class DCTEncoder(ConvEncoder):
    """`ConvEncoder` with a `DCTActivation` of eight terms for each GELU.

    After ENN (Martinez-Gost, Pérez-Neira and Lagunas 2023, arXiv 2307.00673), whose networks are
    perceptrons of one hidden layer: an activation that is learned shall pay with fewer units.
    """

    @staticmethod
    def layer(before: int, width: int, kernel: int, stride: int) -> list[nn.Module]:
        """Convolution, norm and the learned activation."""
        norm, activation = nn.GroupNorm(8, width), DCTActivation(width)
        return [convolution(before, width, kernel, stride), norm, activation]
