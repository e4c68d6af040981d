"""Coloured noise, shared by the synthesisers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def band_noise(
    rng: np.random.Generator, n: int, rate: float, low: float, high: float, slope: float = 0.0
) -> Array:
    """Gaussian noise (n,) of unit variance between two frequencies in Hz.

    `slope` s makes the amplitude fall as 1 / f**s. A recording too short to hold any frequency
    of the band gets zeros.
    """
    if n > 1000 and rate > 40 * high:  # slow noise: made coarsely, then interpolated
        step = int(rate / (20 * high))
        coarse = band_noise(rng, n // step + 2, rate / step, low, high, slope)
        return np.interp(np.arange(n) / step, np.arange(len(coarse)), coarse)
    frequency = np.fft.rfftfreq(n, 1 / rate)
    inside = (frequency >= low) & (frequency <= high)
    spectrum = np.zeros(len(frequency), dtype=np.complex128)
    draws = rng.standard_normal((2, int(inside.sum())))
    spectrum[inside] = (draws[0] + 1j * draws[1]) * frequency[inside] ** -slope
    noise = np.fft.irfft(spectrum, n)
    deviation = float(noise.std())
    return noise / deviation if deviation > 0 else noise
