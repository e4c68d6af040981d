"""Front-ends that remove a circular shift exactly, or the way a practitioner would.

Each stands between `Standardize` and an encoder: signals ``(n, channels, time)`` in and out.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.networks.encoder import FrontEnd
from triptych.networks.fourier import fourier_bins, inverse_fourier
from triptych.networks.require import ABOVE_ZERO, COUNT, WHOLE, require
from triptych.precision import exact

NEGLIGIBLE = 1e-4


class CanonicalPhase(FrontEnd):
    """Shift each window on its ring until its leading harmonic peaks at the window's centre.

    The shift is exact and fractional (by rFFT) and the same for all channels, so every circular
    shift of a window gives one and the same output: an invariance by construction. Differentiable
    in the signals, through the shift as well. The Nyquist bin, whose phase is unknown, is dropped.

    Parameters
    ----------
    harmonics
        The strongest of the first `harmonics` bins leads; 1 is the published form, whose phase is
        noise where the first harmonic is near 0. A window with nothing in these bins (below 1e-4
        of its largest amplitude) is returned as it came: raise `harmonics` for such signals.
    lead
        Channel that leads; None takes the sum of all.

    Notes
    -----
    Harmonic m leaves m possible shifts, one a peak. Taken is the peak at which the leading signal
    itself is largest: that moves with the signal, so the choice does too. Where amplitudes or
    peaks tie, a slight change of the signal can change the choice: no continuous choice exists.
    Harmonics are counted in cycles per window, so of windows of another length other frequencies
    lead: a model with it takes windows of its own length only.

    Source: Demirel and Holz, "Shifting the Paradigm" (ICLR 2025), with the fixed angle 0, here
    counted from the centre, so that the cycle is not cut in two. The choice of harmonic and peak
    is ours.
    """

    def __init__(self, *, harmonics: int = 8, lead: int | None = 0) -> None:
        super().__init__(harmonics=harmonics, lead=lead)
        require("canonical_phase", WHOLE, harmonics=harmonics)
        if lead is not None:
            require("canonical_phase", COUNT, lead=lead)
        self.harmonics, self.lead = harmonics, lead

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """As they go in; raises InputError if they have no such lead, or are below 3 samples."""
        _require_lead("canonical_phase", self.lead or 0, channels)
        if length < 3:
            raise InputError(
                f"canonical_phase got windows of {length} samples, expected at least 3: shorter "
                "ones have no phase"
            )
        return channels, length

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c t"]:
        """Signals of any scale in their canonical phase, shape kept."""
        time = self.shape(*x.shape[1:])[1]
        # A fault in the phase of harmonic 1 counts k times in harmonic k: float32 is not enough.
        precise = x.double() if x.device.type != "mps" else x.float()
        real, imaginary = fourier_bins(precise, 0, (time + 1) // 2)
        if self.lead is None:
            leader = real.sum(dim=1), imaginary.sum(dim=1)
        else:
            leader = real[:, self.lead], imaginary[:, self.lead]
        bins = torch.arange(real.shape[-1], device=x.device, dtype=real.dtype)
        angle = 2 * math.pi / time * bins * self._shift(*leader, time)[:, None]
        cosine, sine = angle.cos()[:, None], angle.sin()[:, None]
        turned = real * cosine - imaginary * sine, real * sine + imaginary * cosine
        return inverse_fourier(*turned, time).to(x.dtype)

    def _shift(
        self, real: Float[Tensor, "n k"], imaginary: Float[Tensor, "n k"], time: int
    ) -> Float[Tensor, " n"]:
        """Find by how many samples each window has to start later."""
        power = (real.square() + imaginary.square())[:, 1:]
        largest, place = power[:, : self.harmonics].max(dim=1)
        silent = largest <= NEGLIGIBLE**2 * power.amax(dim=1)
        leading = place[:, None] + 1
        # The angle of (0, 0) has no gradient: silent windows take that of (1, 0).
        phase = _angle(
            imaginary.gather(1, leading).masked_fill(silent[:, None], 0.0),
            real.gather(1, leading).masked_fill(silent[:, None], 1.0),
        )
        # Where the leading harmonic peaks, in samples; the first `order` columns count.
        order = leading.to(real.dtype)
        turns = torch.arange(self.harmonics, device=real.device, dtype=real.dtype)
        peaks = (turns - phase / (2 * math.pi)) * time / order
        bins = torch.arange(real.shape[1], device=real.device, dtype=real.dtype)
        angle = 2 * math.pi / time * peaks[:, :, None] * bins
        height = (angle.cos() * real[:, None] - angle.sin() * imaginary[:, None]).sum(dim=2)
        best = height.masked_fill(turns >= order, -math.inf).argmax(dim=1, keepdim=True)
        return (peaks.gather(1, best)[:, 0] - time / 2).masked_fill(silent, 0.0)


class PowerSpectrum(FrontEnd):
    """Amplitude of each frequency from the first bin to a cutoff; blind to circular shifts.

    Parameters
    ----------
    rate
        Hz of the signals.
    cutoff
        Highest frequency kept, Hz; the mean and the Nyquist bin are always left out.
    scale
        Output is ``log(1 + scale · amplitude)``; a standardised sinusoid has amplitude √2.

    Notes
    -----
    Exactly invariant to every circular shift. It also forgets more: signals with one spectrum but
    other phases (a window played backwards, to begin with) become equal.
    """

    def __init__(self, rate: float, *, cutoff: float = 40.0, scale: float = 10.0) -> None:
        super().__init__(rate=rate, cutoff=cutoff, scale=scale)
        require("power_spectrum", ABOVE_ZERO, rate=rate, cutoff=cutoff, scale=scale)
        self.rate, self.cutoff, self.scale = rate, cutoff, scale

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """Channels, and the number of frequencies, one each ``rate / length`` Hz.

        Raises
        ------
        InputError
            If there are none.
        """
        bins = min(int(self.cutoff * length / self.rate + 1e-6), (length - 1) // 2)
        if bins < 1:
            raise InputError(
                f"windows of {length} samples at {self.rate} Hz have no frequency up to cutoff="
                f"{self.cutoff} Hz; use longer windows or a higher cutoff"
            )
        return channels, bins

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c k"]:
        """Log amplitudes, at least 0, of standardised signals."""
        bins = self.shape(1, x.shape[-1])[1]
        real, imaginary = fourier_bins(exact(x), 1, bins + 1)
        # The square root has no gradient at 0.
        amplitude = (real.square() + imaginary.square() + 1e-12).sqrt() * (2 / x.shape[-1])
        return torch.log1p(self.scale * amplitude).to(x.dtype)


class AlignedPeak(FrontEnd):
    """Move the detected R peak nearest the centre to the centre, inside the same window.

    The practitioner's way: a detector, no annotations, and nothing from outside of the window,
    which is closed to a ring and rolled by whole samples (all channels together). So it is exact
    under circular shifts of whole samples only up to the detector's edge effects, and what enters
    by a crop at one side leaves at the other.

    Parameters
    ----------
    rate
        Hz of the signals (ECG, any scale and polarity), above 80.
    lead
        Channel in which peaks are sought.

    Notes
    -----
    After Pan and Tompkins, IEEE Trans. Biomed. Eng. 32(3):230-236, 1985: band-pass 5 to 30 Hz,
    derivative, square, 150 ms window; here with a threshold of 0.3 of the window's largest energy
    and 100 ms between peaks. The R peak is the band-passed signal's largest size within 60 ms of
    the energy's.
    """

    any_length = True

    def __init__(self, rate: float, *, lead: int = 0) -> None:
        super().__init__(rate=rate, lead=lead)
        require("aligned_peak", ABOVE_ZERO, rate=rate)
        require("aligned_peak", COUNT, lead=lead)
        if not rate > 80:
            raise InputError(f"aligned_peak got rate={rate!r} Hz, expected more than 80 Hz")
        self.lead = lead
        self.apart, self.near = round(0.1 * rate), round(0.06 * rate)
        half = round(0.1 * rate)
        time = torch.arange(-half, half + 1) / rate
        low_passes = [2 * edge / rate * torch.sinc(2 * edge * time) for edge in (5.0, 30.0)]
        taps = (low_passes[1] - low_passes[0]) * _hann(2 * half + 1)
        smooth = _hann(2 * round(0.075 * rate) + 1)
        self.register_buffer("taps", taps[None, None], persistent=False)
        self.register_buffer("smooth", (smooth / smooth.sum())[None, None], persistent=False)

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """As they go in; raises InputError if they have no such lead."""
        _require_lead("aligned_peak", self.lead, channels)
        return channels, length

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c t"]:
        """Roll signals, shape kept; differentiable in their values, not in the detection."""
        time = self.shape(*x.shape[1:])[1]
        steps = torch.arange(time, device=x.device) - time // 2
        index = (steps + self.detect(x)[:, None]).remainder(time)
        return x.gather(2, index[:, None].expand(-1, x.shape[1], -1))

    def detect(self, x: Float[Tensor, "n c t"]) -> Int[Tensor, " n"]:
        """Sample of the R peak nearest the centre of each window."""
        with torch.no_grad():
            time = x.shape[-1]
            signal = x[:, self.lead : self.lead + 1]
            taps, smooth = cast(Tensor, self.taps), cast(Tensor, self.smooth)
            half, around = taps.shape[-1] // 2, smooth.shape[-1] // 2
            # Repeated edge values: zeros would make a step, and a step is a beat to the filter.
            padded = functional.pad(signal, (half, half), mode="replicate")
            band = functional.conv1d(padded, taps.to(x.dtype))
            slope = functional.pad(band[..., 2:] - band[..., :-2], (1, 1))
            energy = functional.conv1d(slope.square(), smooth.to(x.dtype), padding=around)[:, 0]
            top = functional.max_pool1d(
                energy[:, None], 2 * self.apart + 1, stride=1, padding=self.apart
            )[:, 0]
            beat = (energy >= top) & (energy >= 0.3 * energy.amax(dim=1, keepdim=True))
            position = torch.arange(time, device=x.device)
            off_centre = (position - time // 2).abs()
            found = off_centre.masked_fill(~beat, time).argmin(dim=1, keepdim=True)
            close = (position - found).abs() <= self.near
            return band[:, 0].abs().masked_fill(~close, -1.0).argmax(dim=1)


def _require_lead(name: str, lead: int, channels: int) -> None:
    if not 0 <= lead < channels:
        raise InputError(
            f"{name} got lead={lead} for signals of {channels} channels, expected 0 to "
            f"{channels - 1}"
        )


def _angle(y: Tensor, x: Tensor) -> Tensor:
    if torch.compiler.is_compiling():  # an export: onnxruntime has no arctangent in float64
        return torch.atan2(y.float(), x.float()).to(x.dtype)
    return torch.atan2(y, x)


def _hann(length: int) -> Tensor:
    return torch.hann_window(length + 2, periodic=False)[1:-1]
