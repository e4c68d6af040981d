"""Beat intervals as features: what a cardiologist's algorithm has of a window of ECG or PPG."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.networks.features import FixedFeatures
from triptych.networks.require import ABOVE_ZERO, COUNT, WHOLE, require

Kind = Literal["ecg", "ppg"]
# Of each kind: the band (Hz) and the width of smoothing (s) after Pan and Tompkins 1985 for an ECG
# and Elgendi et al. 2013 for a PPG, and the least time between two beats (s).
DETECTORS: dict[str, tuple[float, float, float, float]] = {
    "ecg": (5.0, 30.0, 0.15, 0.25),
    "ppg": (0.5, 5.0, 0.11, 0.35),
}
BLOCK_S = 2.0  # a beat has to be 0.15 of the median over such blocks of their largest peak
NAMES = (
    "beats per second", "mean RR", "median RR", "deviation of RR", "RMSSD", "pNN50", "least RR",
    "largest RR", "deviation of RR over its mean", "share of turning points",
)  # fmt: skip


class RhythmFeatures(FixedFeatures):
    """Ten numbers of the intervals between the beats of a window (`NAMES`), in seconds.

    RMSSD is the root mean square of successive differences, pNN50 the share of these above 50 ms
    (Task Force of the ESC and NASPE, Circulation 93:1043-1065, 1996), turning points are intervals
    that are longer or shorter than both their neighbours (2/3 at random: Dash et al., Annals of
    Biomedical Engineering 37:1701-1709, 2009). With fewer than two beats an interval is the
    window's length, and all differences are 0.

    Parameters
    ----------
    channels, length
        As in `FixedFeatures`.
    rate
        Hz of the signals: above 80 for an ECG, above 12 for a PPG.
    kind
        ``"ecg"``: R peaks by the energy of the slope; ``"ppg"``: pulses by their own height.
    lead
        Channel that is read.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, if a signal's shape is not ``(n, channels,
        length)``.
    """

    def __init__(
        self, channels: int, length: int, *, rate: float, kind: Kind = "ecg", lead: int = 0
    ) -> None:
        require("rr", WHOLE, channels=channels, length=length)
        require("rr", COUNT, lead=lead)
        require("rr", ABOVE_ZERO, rate=rate)
        if kind not in get_args(Kind):
            raise InputError(f"rr got kind={kind!r}, expected 'ecg' or 'ppg'")
        if lead >= channels:
            raise InputError(f"rr got lead={lead!r}, expected 0 to {channels - 1}")
        low, high, smooth, apart = DETECTORS[kind]
        least = 80.0 if kind == "ecg" else 12.0
        if not rate > least:
            raise InputError(f"rr got rate={rate!r} Hz, expected more than {least:g} Hz for {kind}")
        super().__init__(channels, length, len(NAMES), rate=rate, kind=kind, lead=lead)
        self.rate, self.kind, self.lead = rate, kind, lead
        self.apart = max(1, round(apart * rate))
        half = min(round(rate * 0.5 / low), (length - 1) // 2)
        time = torch.arange(-half, half + 1) / rate
        passes = [2 * edge / rate * torch.sinc(2 * edge * time) for edge in (low, high)]
        taps = (passes[1] - passes[0]) * torch.hann_window(2 * half + 3, periodic=False)[1:-1]
        # the window's edges make neither band exact: what is constant must give nothing
        self.register_buffer("taps", (taps - taps.mean())[None, None], persistent=False)
        around = 2 * max(1, round(smooth * rate / 2)) + 1
        self.register_buffer("smooth", torch.full((1, 1, around), 1 / around), persistent=False)

    def beats(self, x: Tensor) -> Tensor:
        """Where beats are: ``(n, length)``, true at each."""
        taps, smooth = (cast(Tensor, b).to(x) for b in (self.taps, self.smooth))
        half, around = taps.shape[-1] // 2, smooth.shape[-1] // 2
        # Repeated edge values: zeros would make a step, and a step is a beat to the filter.
        padded = functional.pad(x[:, self.lead : self.lead + 1], (half, half), mode="replicate")
        band = functional.conv1d(padded, taps)
        if self.kind == "ecg":
            band = functional.pad(band[..., 2:] - band[..., :-2], (1, 1)).square()
        energy = functional.conv1d(band, smooth, padding=around)
        window = 2 * self.apart + 1
        top = functional.max_pool1d(energy, window, stride=1, padding=self.apart)[:, 0]
        block = min(round(BLOCK_S * self.rate), self.length)
        usual = functional.max_pool1d(energy, block, stride=block)[:, 0].median(dim=1).values
        energy, time = energy[:, 0], torch.arange(self.length, device=x.device)
        inside = (time > 0) & (time < self.length - 1)
        return (energy >= top) & (energy > 0.15 * usual[:, None].clamp_min(1e-12)) & inside

    def describe(self, x: Tensor) -> Tensor:
        """The numbers of `NAMES`, ``(n, 10)``."""
        found = [self._of_window(each.nonzero()[:, 0].to(x) / self.rate) for each in self.beats(x)]
        return torch.stack(found) if found else x.new_zeros(0, len(NAMES))

    def _of_window(self, seconds: Tensor) -> Tensor:
        whole = self.length / self.rate
        intervals = seconds.diff() if len(seconds) > 1 else seconds.new_full((1,), whole)
        change = intervals.diff() if len(intervals) > 1 else seconds.new_zeros(1)
        turns = (change[1:] * change[:-1] < 0).to(seconds) if len(change) > 1 else change * 0
        mean, spread = intervals.mean(), intervals.std(correction=0)
        values: list[Any] = [
            seconds.new_tensor(len(seconds) / whole), mean, intervals.median(), spread,
            change.square().mean().sqrt(), (change.abs() > 0.05).to(seconds).mean(),
            intervals.min(), intervals.max(), spread / mean, turns.mean(),
        ]  # fmt: skip
        return torch.stack(values)
