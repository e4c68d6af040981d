"""Exact features of several channels under a time shift that they share, and a gain of each."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.networks.fourier import fourier_bins
from triptych.networks.invariant import PowerSpectrum
from triptych.precision import exact


class CrossSpectrum(PowerSpectrum):
    """Amplitudes of each channel, and the cross-spectra of each two: what a shared shift keeps.

    A circular shift turns all channels' bin f by one angle, which cancels in X_i(f) X_j(f)*; behind
    `Standardize` gain and offset of every channel are gone as well. So this is exactly invariant to
    the product of the three, as the category-equivariant features of Maruyama 2025 (arXiv
    2511.01139) are, and keeps how the channels move relative to each other, which `PowerSpectrum`
    forgets.

    Of each pair come the real and the imaginary part of the product's direction, times the log
    amplitude of √|X_i X_j|, scaled as in `PowerSpectrum`.

    Parameters
    ----------
    rate, cutoff, scale
        As in `PowerSpectrum`.
    """

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """Channels² and the number of frequencies; raises InputError like `PowerSpectrum`."""
        return channels * channels, super().shape(channels, length)[1]

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n d k"]:
        """Amplitudes first, then real and imaginary parts of all pairs."""
        channels, bins = x.shape[1], self.shape(1, x.shape[-1])[1]
        real, imaginary = fourier_bins(exact(x), 1, bins + 1)
        size = (real.square() + imaginary.square() + 1e-12).sqrt()
        cosine, sine = real / size, imaginary / size
        i, j = torch.triu_indices(channels, channels, offset=1, device=x.device)
        along = cosine[:, i] * cosine[:, j] + sine[:, i] * sine[:, j]
        across = sine[:, i] * cosine[:, j] - cosine[:, i] * sine[:, j]
        amplitude = size * (2 / x.shape[-1])
        both = torch.log1p(self.scale * (amplitude[:, i] * amplitude[:, j]).sqrt())
        own = torch.log1p(self.scale * amplitude)
        return torch.cat([own, along * both, across * both], dim=1).to(x.dtype)
