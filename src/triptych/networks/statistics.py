"""Statistics of a channel over a window: level, spread, order and spectrum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from triptych.missing import bridge, masking, present
from triptych.networks.fourier import fourier_bins
from triptych.networks.require import WHOLE, Rule
from triptych.precision import exact

NUMBERS = 12
LEAST = Rule("a whole number of at least 8", lambda n: WHOLE.fits(n) and n >= 8)
TINY = 1e-20  # gives roots a gradient at 0
ROUNDING = 1e-5  # of a channel's root mean square: less is no crossing and no spectrum
FINE = 10.0  # below 1 / FINE of a channel's unit, numbers are taken as they are


def statistics(x: Tensor) -> Tensor:
    """Twelve numbers per channel of ``x (n, c, time)``, ``(n, c, 12)``.

    Mean, deviation, least, largest and median value, interquartile range, mean absolute deviation,
    root mean square, crossings of the mean, the strongest frequency (cycles per sample) and its
    share of the power, and the spectrum's entropy. As `HandCrafted` has them of every axis.
    """
    time = x.shape[2]
    mean = x.mean(dim=2, keepdim=True)
    centred = x - mean
    floor = ROUNDING**2 * x.square().mean(dim=2, keepdim=True) + TINY
    ordered = x.sort(dim=2).values
    quarter, half = time // 4, time // 2
    real, imaginary = fourier_bins(centred, 1, half + 1)
    spectrum = real.square() + imaginary.square()
    share = spectrum / (spectrum.sum(dim=2, keepdim=True) + time**2 * floor)
    strongest = share.max(dim=2)
    deviation, size = ((y.square().mean(dim=2) + TINY).sqrt() for y in (centred, x))
    found = [
        mean[..., 0], deviation, ordered[..., 0], ordered[..., -1],
        ordered[..., half], ordered[..., -1 - quarter] - ordered[..., quarter],
        centred.abs().mean(dim=2), size,
        (centred[..., 1:] * centred[..., :-1] < -floor).to(x).mean(dim=2),
        (strongest.indices + 1).to(x) / time, strongest.values,
        -(share * (share + TINY).log()).sum(dim=2),
    ]  # fmt: skip
    return torch.stack(found, dim=2)


class StatisticsTrunk(nn.Module):
    """Features that two layers make of the `statistics` of every channel, on a logarithmic scale.

    A convolution that is pooled by mean and maximum has to learn what a deviation, a median or a
    dominant frequency is; here they are given. Missing samples (NaN) are bridged first.

    Parameters
    ----------
    channels
        Channels of the signals.
    outputs
        How many features.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.features = outputs
        self.layers = nn.Sequential(
            nn.Linear(NUMBERS * channels, outputs), nn.GELU(), nn.Linear(outputs, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(n, outputs)`` of ``x (n, channels, time)``."""
        bridged = masking(x) and not torch.compiler.is_compiling()
        numbers = statistics(exact(bridge(x) if bridged else present(x))).flatten(1)
        return self.layers((numbers.sign() * (FINE * numbers.abs()).log1p()).to(x.dtype))
