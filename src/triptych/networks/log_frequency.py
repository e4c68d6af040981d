"""A front-end along log frequency: a window that runs faster is the same spectrum, shifted."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.errors import InputError
from triptych.networks.encoder import FrontEnd, Standardize
from triptych.networks.motion_removed import MotionRemoved
from triptych.networks.require import ABOVE_ZERO, COUNT, require
from triptych.precision import exact, full_precision

OCTAVE = 32  # frequencies per octave: 2.2 % from one to the next
SCALE = 10.0  # output is log(1 + 10 · amplitude), as of `PowerSpectrum`
TINY = 1e-12  # gives the amplitude a gradient at 0


class LogFrequency(FrontEnd):
    """Amplitudes at frequencies that are evenly spaced in their logarithm, 32 per octave.

    `TimeScale` by s moves a periodic window's peaks by 32 · log2(s) places, so what looks for
    tempo can be a convolution. All frequencies are seen through the same Hann window, as long as
    the signals: the place of a peak moves exactly, its width in octaves does not stay.

    Parameters
    ----------
    rate
        Hz of the signals.
    low, high
        Lowest frequency, and where they end, in Hz: the range of the tempo that is looked for. The
        defaults are 54 to 204 per minute, pulses at rest and in exercise.
    motion
        Channel of acceleration x, y and z behind it, whose effect on all other channels is removed
        first (`MotionRemoved`); these other channels alone come out. None: nothing is removed.

    Notes
    -----
    Positive gains and offsets of a channel change nothing, nor, with `motion`, does any rotation of
    the accelerometer: by construction. A crop that starts elsewhere changes amplitudes only as far
    as the window's content changes, and by what leaks from one frequency to another.
    """

    raw = True

    def __init__(
        self, rate: float, *, low: float = 0.9, high: float = 3.4, motion: int | None = None
    ) -> None:
        super().__init__(rate=rate, low=low, high=high, motion=motion)
        require("log_frequency", ABOVE_ZERO, rate=rate, low=low, high=high)
        if motion is not None:
            require("log_frequency", COUNT, motion=motion)
        if not low * 2 ** (1 / OCTAVE) < high <= rate / 2:
            raise InputError(
                f"log_frequency got low={low!r} and high={high!r} Hz at rate={rate!r} Hz, expected "
                "low < high, and high at most half of the rate"
            )
        self.rate, self.low, self.high = rate, low, high
        self.bins = int(OCTAVE * math.log2(high / low))
        self.first = Standardize() if motion is None else MotionRemoved(rate, first=motion)

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """Channels that stay, and the number of frequencies; raises InputError as `motion` does."""
        return self.first.shape(channels, length)[0], self.bins

    @property
    def frequencies(self) -> Tensor:
        """The frequencies in Hz, float64 ``(k,)``."""
        return self.low * 2 ** (torch.arange(self.bins, dtype=torch.float64) / OCTAVE)

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c k"]:
        """Log amplitudes, at least 0, of signals in physical units."""
        given, seen = x.dtype, self.first(exact(x))
        length = seen.shape[2]
        time = torch.arange(length, dtype=torch.float64) - (length - 1) / 2
        angle = 2 * math.pi / self.rate * time[:, None] * self.frequencies
        window = torch.hann_window(length + 2, periodic=False, dtype=torch.float64)[1:-1, None]
        window = window * (2 / window.sum())
        with full_precision(x):
            real = seen @ (window * angle.cos()).to(seen)
            imaginary = seen @ (window * angle.sin()).to(seen)
        amplitude = (real.square() + imaginary.square() + TINY).sqrt()
        return torch.log1p(SCALE * amplitude).to(given)
