"""Transforms of amplitudes: gain, noise and baseline wander."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from triptych import missing
from triptych.precision import full_precision
from triptych.precision import working_dtype as working
from triptych.transforms.base import Additive
from triptych.transforms.checks import fit_params, norm, uniform, within
from triptych.transforms.seeded import Seeded, normals, uniforms
from triptych.transforms.units import signed


@dataclass(frozen=True)
class Gain(Additive):
    """Multiply by 10^(θ/20), θ in dB, all channels alike. A group: gains in dB add up.

    Parameters
    ----------
    max_gain
        `sample` is uniform in ±max_gain, in dB.
    """

    max_gain: float = 6.0

    name = "gain"
    unit = "dB"
    limited_by = "max_gain"
    acts_on = "values"

    def __post_init__(self) -> None:
        within(self.name, "max_gain", self.max_gain, 0, math.inf)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform in ±max_gain, `(n, 1)` in dB."""
        return uniform(n, -self.max_gain, self.max_gain, generator)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Scale each signal of `x` `(n, c, time)` by its θ of `params` `(n, 1)`."""
        params = fit_params(self.name, x, params, 1).to(x.device, working(x))
        return (x * 10 ** (params[:, :, None] / 20)).to(x.dtype)


@dataclass(frozen=True)
class NoiseSNR(Seeded):
    """Add white Gaussian noise at a signal-to-noise ratio; θ = (dB, seed).

    The ratio is that of the variances over the window, channel by channel, so that offsets such as
    gravity do not count as signal; a constant channel stays as it is. The identity is +∞ dB.
    `distance` and `relative` are on the amplitude of the noise, 10^(−dB/20) standard deviations of
    the signal, since a difference of dB is infinite at the identity.

    Parameters
    ----------
    low, high
        `sample` is uniform in [low, high], in dB.
    """

    low: float = 5.0
    high: float = 30.0

    name = "noise_snr"
    unit = "noise/signal"

    def __post_init__(self) -> None:
        within(self.name, "low", self.low, -math.inf, self.high)
        within(self.name, "high", self.high, self.low, math.inf)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform in [low, high] dB and any seed, `(n, 2)`."""
        return self._with_seeds(uniform(n, self.low, self.high, generator), generator)

    def grid(self, n: int) -> Tensor:
        """Return the identity, and n ratios from below `high` down to `low`, in equal steps."""
        found = [self.theta(self.high - k / n * (self.high - self.low)) for k in range(1, n + 1)]
        return torch.cat([self.identity(1), *found])

    def at(self, value: float) -> Tensor:
        """Return noise of `value` standard deviations of the signal, `(1, 2)`."""
        return self.theta(-20 * math.log10(value) if value else math.inf)

    def theta(self, number: float) -> Tensor:
        """Return noise at `number` dB, `(1, 2)`."""
        return super().at(number)

    def words(self, magnitude: float) -> str:
        """Return "10 dB"."""
        return "no noise" if magnitude == math.inf else signed(magnitude, "dB")

    def identity(self, n: int) -> Tensor:
        """+∞ dB and seed 0, `(n, 2)`."""
        return torch.tensor([[math.inf, 0.0]]).repeat(n, 1)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Add noise to each signal of `x` `(n, c, time)` as its θ of `params` `(n, 2)` says."""
        lowest = torch.finfo(torch.float32).min
        decibels, seed = self._unpack(x, params, lowest, math.inf)
        noise = normals(seed.to(x.device), x.shape[1] * x.shape[2], stream=0).view(x.shape)
        level = 10 ** (-decibels.to(x.device, working(x)) / 20)
        return (x + level[:, None, None] * _spread(x) * noise).to(x.dtype)

    def _magnitude(self, params: Tensor) -> Tensor:
        return 10 ** (-params[:, 0] / 20)


@dataclass(frozen=True)
class BaselineWander(Seeded):
    """Add a slow drift; θ = (amplitude, seed).

    The drift is a sum of five sinusoids with frequencies uniform in [low, high], shared by the
    channels of a window, with weights and phases of each channel's own. Its root mean square over
    a long time is `amplitude` standard deviations of the channel in that window.

    Parameters
    ----------
    max_amplitude
        `sample` is uniform in [0, max_amplitude], in standard deviations.
    rate
        Sampling rate, in Hz.
    low, high
        Band of the drift, in Hz; respiration and motion lie in 0.05 to 0.5 Hz.
    """

    max_amplitude: float = 1.0
    rate: float = 400.0
    low: float = 0.05
    high: float = 0.5

    name = "baseline_wander"
    unit = "sd"
    limited_by = "max_amplitude"

    def __post_init__(self) -> None:
        within(self.name, "max_amplitude", self.max_amplitude, 0, math.inf)
        within(self.name, "rate", self.rate, 1e-9, math.inf)
        within(self.name, "low", self.low, 0, self.high)
        within(self.name, "high", self.high, self.low, self.rate / 2)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform in [0, max_amplitude] and any seed, `(n, 2)`."""
        return self._with_seeds(uniform(n, 0, self.max_amplitude, generator), generator)

    def identity(self, n: int) -> Tensor:
        """Amplitude 0 and seed 0, `(n, 2)`."""
        return torch.zeros(n, 2)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Add a drift to each signal of `x` `(n, c, time)` as its θ of `params` `(n, 2)` says."""
        amplitude, seed = self._unpack(x, params, 0, torch.finfo(torch.float32).max)
        n, channels, time = x.shape
        seed, waves = seed.to(x.device), 5
        turns = uniforms(seed, waves + channels * waves, stream=1) * (2 * math.pi)
        radians = self.low * 2 * math.pi + (self.high - self.low) * turns[:, :waves]
        phase = turns[:, waves:].reshape(n, channels, waves)
        weight = normals(seed, channels * waves, stream=2).view(n, channels, waves)
        weight = weight * (2**0.5 / norm(weight, keepdim=True))
        clock = torch.arange(time, device=x.device, dtype=torch.float32) / self.rate
        # sin(ωt + φ) by the sine and cosine of ωt, which the channels share
        angle = radians[:, :, None] * clock
        with full_precision(x):
            drift = (weight * phase.cos()) @ angle.sin() + (weight * phase.sin()) @ angle.cos()
        level = amplitude.to(x.device, working(x))
        return (x + level[:, None, None] * _spread(x) * drift).to(x.dtype)


def _spread(x: Tensor) -> Tensor:
    """Return the standard deviation over what is present, `(n, c, 1)`, in working precision."""
    x = x.to(working(x))
    mean = missing.mean(x, 2)
    variance = missing.mean((x - mean).square(), 2)
    # rounding gives a constant channel a variance too; and the root has no gradient at 0
    constant = variance <= (2 * torch.finfo(x.dtype).eps * mean).square()
    return variance.masked_fill(constant, 1).sqrt().masked_fill(constant, 0)
