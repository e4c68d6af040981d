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


def statistics(x: Tensor, *, counted: bool = False) -> Tensor:
    """Twelve numbers per channel of ``x (n, c, time)``, ``(n, c, 12)``.

    Mean, deviation, least, largest and median value, interquartile range, mean absolute deviation,
    root mean square, pace, leading frequency (cycles per sample), the largest share of the power
    in one frequency, and the spectrum's entropy. Pace is the deviation of the change from sample
    to sample over twice that of the channel, sin(ω/2) of a sinusoid; the leading frequency is the
    mean weighted by squared power. Both are smooth, so that rounding changes them little; if they
    are `counted`, they are crossings of the mean per sample and the strongest frequency.
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
    largest = share.max(dim=2)
    variance = centred.square().mean(dim=2)
    if counted:
        pace = (centred[..., 1:] * centred[..., :-1] < -floor).to(x).mean(dim=2)
        leading = (largest.indices + 1).to(x)
    else:
        change = (x[..., 1:] - x[..., :-1]).square().mean(dim=2)
        pace = (change / (4 * (variance + floor[..., 0])) + TINY).sqrt()
        weight, order = share.square(), torch.arange(1, half + 1, device=x.device, dtype=x.dtype)
        leading = (weight * order).sum(dim=2) / (weight.sum(dim=2) + TINY)
    found = [
        mean[..., 0], (variance + TINY).sqrt(), ordered[..., 0], ordered[..., -1],
        ordered[..., half], ordered[..., -1 - quarter] - ordered[..., quarter],
        centred.abs().mean(dim=2), (x.square().mean(dim=2) + TINY).sqrt(),
        pace, leading / time, largest.values, -(share * (share + TINY).log()).sum(dim=2),
    ]  # fmt: skip
    return torch.stack(found, dim=2)


def centre_and_scale(numbers: Tensor, smallest: float) -> tuple[Tensor, Tensor]:
    """Mean and 1 / deviation of ``numbers (n, k)`` over the rows, float64 ``(k,)`` each.

    The scale is 0 where the deviation is below `smallest`, or rounding beside the numbers' size.
    """
    found = numbers.double()
    spread = found.std(dim=0, correction=0)
    least = 1e-6 * found.abs().amax(dim=0) + smallest
    return found.mean(dim=0), (1 / spread).masked_fill(spread <= least, 0.0)


class StatisticsTrunk(nn.Module):
    """Features that two layers make of the `statistics` of every channel, on a logarithmic scale.

    A convolution that is pooled by mean and maximum has to learn what a deviation, a median or a
    dominant frequency is; here they are given, less the training windows' mean and in units of
    their deviation; `fit_statistics` takes both. Missing samples (NaN) are bridged first.

    Parameters
    ----------
    channels
        Channels of the signals.
    outputs
        How many features.
    dropout
        Share of the numbers that a training step leaves out.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, channels: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.features, numbers = outputs, NUMBERS * channels
        self.register_buffer("centre", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(numbers, outputs),
            nn.GELU(),
            nn.Linear(outputs, outputs),
        )

    def numbers(self, x: Tensor) -> Tensor:
        """Statistics of ``x (n, channels, time)`` as they are compressed, ``(n, 12 channels)``."""
        bridged = masking(x) and not torch.compiler.is_compiling()
        found = statistics(exact(bridge(x) if bridged else present(x))).flatten(1)
        return found.sign() * (FINE * found.abs()).log1p()

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(n, outputs)`` of ``x (n, channels, time)``."""
        return self.layers(((self.numbers(x) - self.centre) * self.scale).to(x.dtype))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Take mean and deviation from training windows; a number that never changes stays 0."""
        centre, scale = centre_and_scale(self.numbers(x), ROUNDING)
        self.centre.copy_(centre)
        self.scale.copy_(scale)


@torch.no_grad()
def fit_statistics(network: nn.Module, x: Tensor, most: int = 4096) -> None:
    """Let every `StatisticsTrunk` in a network see what it will be given of training windows `x`.

    At most `most` of them, evenly spaced. Nothing happens, and no random number is drawn, where
    the network has none.
    """
    trunks = [part for part in network.modules() if isinstance(part, StatisticsTrunk)]
    if not trunks or not len(x):
        return
    hooks = [each.register_forward_pre_hook(_fit_first) for each in trunks]
    training = network.training
    try:
        network.eval()(x[:: -(-len(x) // most)])
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()


def _fit_first(trunk: nn.Module, given: tuple[Tensor, ...]) -> None:
    if isinstance(trunk, StatisticsTrunk):
        trunk.fit(*given)
