"""A front-end of when things happen: the spectrum of a band's envelope."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.errors import InputError
from triptych.networks.encoder import FrontEnd, Standardize
from triptych.networks.fourier import fourier_bins, inverse_fourier
from triptych.networks.invariant import PowerSpectrum
from triptych.networks.require import ABOVE_ZERO, require
from triptych.precision import exact

TINY = 1e-12  # gives the envelope a gradient at 0


class EnvelopeSpectrum(FrontEnd):
    """Amplitudes of the frequencies at which a band's energy comes and goes.

    A band-pass, the size of its analytic signal, then `PowerSpectrum` of that, standardised. The
    defaults find QRS complexes: lines where beats are regular, and none where they are not, as in
    atrial fibrillation. What a beat looks like is gone.

    Parameters
    ----------
    rate
        Hz of the signals.
    low, high
        The band in Hz. Its edges are soft: half a cosine from `low` / 2 and to 1.5 · `high`.
    cutoff
        Highest frequency of the envelope that is kept, Hz.

    Notes
    -----
    Exactly invariant to circular shifts, gains and what lies outside of the band. The squared
    envelope spectrum is how faults of bearings are found (Randall and Antoni, Mechanical Systems
    and Signal Processing 25(2):485-520, 2011); the band is that of Pan and Tompkins, IEEE Trans.
    Biomed. Eng. 32(3):230-236, 1985.
    """

    def __init__(
        self, rate: float, *, low: float = 5.0, high: float = 15.0, cutoff: float = 6.0
    ) -> None:
        super().__init__(rate=rate, low=low, high=high, cutoff=cutoff)
        require("envelope_spectrum", ABOVE_ZERO, rate=rate, low=low, high=high, cutoff=cutoff)
        if not low < high <= rate / 2:
            raise InputError(
                f"envelope_spectrum got low={low!r} and high={high!r} Hz at rate={rate!r} Hz, "
                "expected low < high, and high at most half of the rate"
            )
        self.rate, self.low, self.high = rate, low, high
        self.standardize, self.spectrum = Standardize(), PowerSpectrum(rate, cutoff=cutoff)

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """Channels, and the number of frequencies, one each ``rate / length`` Hz.

        Raises
        ------
        InputError
            If there are none.
        """
        return self.spectrum.shape(channels, length)

    def envelope(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c t"]:
        """Size of the band's analytic signal, in the unit of the signals."""
        time = x.shape[-1]
        bins = min((time + 1) // 2, int(1.5 * self.high * time / self.rate) + 1)
        frequency = torch.arange(bins, device=x.device, dtype=x.dtype) * (self.rate / time)
        rise = (2 * frequency / self.low - 1).clamp(0, 1)
        fall = (3 - 2 * frequency / self.high).clamp(0, 1)
        weight = (0.5 * torch.pi * rise).sin().square() * (0.5 * torch.pi * fall).sin().square()
        real, imaginary = (weight * part for part in fourier_bins(x, 0, bins))
        signal = inverse_fourier(real, imaginary, time)
        quarter_later = inverse_fourier(imaginary, -real, time)
        return (signal.square() + quarter_later.square() + TINY).sqrt()

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c k"]:
        """Log amplitudes, at least 0, of standardised signals."""
        return self.spectrum(self.standardize(self.envelope(exact(x)))).to(x.dtype)
