"""Variational autoencoder around any encoder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.networks.require import FREE_WIDTHS, WHOLE, require
from triptych.precision import precise


class ConvDecoder(nn.Module):
    """Latents ``(n, size)`` → signals ``(n, channels, length)``: the mirror of `ConvEncoder`.

    Parameters
    ----------
    size
        Latent dimensions.
    channels, length
        Shape of the signal window.
    widths
        Channels of each layer; every layer but the first doubles the time axis.
    samples
        Samples that each step of the last layer gives (sub-pixel convolution, Shi et al. 2016).

    Raises
    ------
    InputError
        For sizes below 1, and `widths` that are not multiples of 8 (but the first may be any).
    """

    def __init__(
        self,
        size: int,
        channels: int,
        length: int,
        *,
        widths: tuple[int, ...] = (64, 48, 32),
        samples: int = 4,
    ) -> None:
        super().__init__()
        sizes = {"size": size, "channels": channels, "length": length, "samples": samples}
        require("conv_decoder", WHOLE, **sizes)
        require("conv_decoder", FREE_WIDTHS, widths=widths)
        self.settings: dict[str, Any] = {
            "size": size, "channels": channels, "length": length, "widths": list(widths),
            "samples": samples,
        }  # fmt: skip
        self.channels, self.length, self.width = channels, length, widths[0]
        self.steps = -(-length // (samples * 2 ** (len(widths) - 1)))
        self.first = nn.Linear(size, self.width * self.steps)
        layers: list[nn.Module] = []
        for before, width in pairwise(widths):
            layers += [
                nn.ConvTranspose1d(before, width, 4, stride=2, padding=1, bias=False),
                nn.GroupNorm(8, width),
                nn.GELU(),
            ]
        self.stack = nn.Sequential(*layers)
        self.last = nn.Conv1d(widths[-1], channels * samples, 7, padding=3)

    def forward(self, z: Tensor) -> Tensor:
        """Reconstructed signals ``(n, channels, length)``."""
        maps = self.stack(functional.gelu(self.first(z)).unflatten(1, (self.width, self.steps)))
        fine = self.last(maps).unflatten(1, (self.channels, -1)).transpose(2, 3).flatten(2)
        return fine[..., : self.length]


@dataclass(frozen=True)
class Reconstruction:
    """What a `SignalVAE` gives: means ``z``, log-variances and the reconstruction."""

    z: Tensor
    log_variance: Tensor
    signals: Tensor


class SignalVAE(nn.Module):
    """A variational autoencoder around any encoder; it adds its own log-variance head.

    Parameters
    ----------
    encoder
        Maps signals ``(n, channels, time)`` to latent means ``(n, size)``.
    decoder
        Maps latents ``(n, size)`` to signals.
    size
        Latent dimensions.

    Notes
    -----
    Kingma & Welling 2014 (arXiv 1312.6114). All other loss terms act on the mean.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, size: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.log_variance = nn.Linear(size, size)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -3.0)

    def forward(self, x: Tensor) -> Reconstruction:
        """Encode, draw (only in training mode) and decode ``x (n, channels, time)``."""
        return self.decode(self.encoder(x))

    def decode(self, z: Tensor) -> Reconstruction:
        """Draw around the means ``z (n, size)`` (only in training mode) and decode."""
        log_variance = self.log_variance(z.detach()).clamp(-10, 4)
        drawn = z
        if self.training:
            drawn = z + torch.randn_like(z) * (0.5 * log_variance).exp()
        return Reconstruction(z, log_variance, self.decoder(drawn))


@precise
def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(mean, exp(log_variance)) to N(0, 1), summed over dimensions, mean over the batch.

    Kingma & Welling 2014, appendix B. Both inputs ``(n, size)``; scalar, at least 0.
    """
    terms = mean.square() + log_variance.exp() - 1 - log_variance
    return 0.5 * terms.sum(dim=1).mean()
