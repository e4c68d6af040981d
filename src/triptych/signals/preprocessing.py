"""What signals have to be before an encoder sees them, and how recordings become that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from numbers import Integral, Real
from typing import Any, Literal, Self, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from triptych import signals as arrays
from triptych.errors import InputError
from triptych.missing import bridge

Signals = Tensor | NDArray[np.floating[Any]]
PIECE = 16_384  # windows of a file that are held at a time
GRAVITY_HZ = 0.3  # of an acceleration, what is slower than this is gravity


@dataclass(frozen=True)
class Preprocessing:
    """What becomes of recordings, and what windows of them are before the encoder.

    Parameters
    ----------
    rate
        Hz.
    channels, length
        Names of the channels, in order, and samples of a window; left out, any will do (a model
        needs both).
    low, high
        Band in Hz of the whole recording, cut into windows afterwards; None = open.
    phase
        Whether filters are ``"zero"``-phase (forwards and backwards, for whole recordings) or
        ``"causal"`` (what a stream can do).
    gravity
        False: the first three channels are accelerations, and what is slower than 0.3 Hz in them
        is taken out, before they are resampled.

    Raises
    ------
    InputError
        For anything else than names and numbers above 0.
    """

    rate: float
    channels: tuple[str, ...] = ()
    length: int = 0
    low: float | None = None
    high: float | None = None
    phase: Literal["zero", "causal"] = "zero"
    gravity: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        band = {"low": self.low, "high": self.high}
        known = {name: edge for name, edge in band.items() if edge is not None}
        for name, value in {"rate": self.rate, **known}.items():
            real = isinstance(value, Real) and not isinstance(value, bool)
            if not (real and 0 < value < math.inf):
                raise _refused(name, value, "a number above 0")
        whole = isinstance(self.length, Integral) and not isinstance(self.length, bool)
        if not (whole and self.length >= 0):
            raise _refused("length", self.length, "a whole number of samples")
        if not all(isinstance(name, str) for name in self.channels):
            raise _refused("channels", self.channels, "their names")
        if self.phase not in ("zero", "causal"):
            raise _refused("phase", self.phase, "'zero' or 'causal'")

    @property
    def shape(self) -> tuple[int, int]:
        """``(channels, length)`` of a window."""
        return len(self.channels), self.length

    def filters(self) -> list[tuple[int, NDArray[np.floating[Any]]]] | None:
        """What a stream at `rate` runs forwards, in turn; None where filters are zero-phase.

        Each is ``(n, sections (k, 6))``, of the first n channels, or with 0 of all. It starts as
        if the first value had always been.
        """
        gravity = None if self.gravity else arrays.sections(self.rate, GRAVITY_HZ, None)
        band = arrays.sections(self.rate, self.low, self.high)
        found = [(n, each) for n, each in ((3, gravity), (0, band)) if each is not None]
        return None if found and self.phase == "zero" else found

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` takes back; what is as usual is left out."""
        usual = {"phase": "zero", "gravity": True}
        return {k: v for k, v in asdict(self).items() if k not in usual or v != usual[k]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it from what `to_dict` gave."""
        return cls(**content)

    def apply(
        self, signal: NDArray[np.floating[Any]], rate: float | None = None
    ) -> NDArray[np.floating[Any]]:
        """Resample one recording ``(channels, time)`` of `rate` Hz, and filter it.

        Missing samples (NaN) are bridged before and missing again afterwards.

        Raises
        ------
        InputError
            For a rate that cannot be resampled to this one, and a band that it cannot hold.
        """
        rate = self.rate if rate is None else rate
        gone = np.isnan(signal)
        if not gone.any():
            return self._applied(signal, rate)
        made = self._applied(bridge(arrays.as_tensor(signal)).numpy(), rate)
        at = np.arange(made.shape[-1], dtype=np.float64) * (rate / self.rate)
        nearest = np.rint(at).astype(np.int64).clip(max=gone.shape[-1] - 1)
        return np.where(gone[..., nearest], np.nan, made).astype(made.dtype, copy=False)

    def _applied(self, signal: NDArray[Any], rate: float) -> NDArray[Any]:
        if not self.gravity:
            signal = signal.astype(signal.dtype if signal.dtype.kind == "f" else np.float64)
            signal[:3] = arrays.bandpass(signal[:3], rate, GRAVITY_HZ, None, phase=self.phase)
        signal = arrays.resample(signal, rate, self.rate)
        return arrays.bandpass(signal, self.rate, self.low, self.high, phase=self.phase)

    def windows(
        self,
        signals: Signals,
        rate: float | None = None,
        missing: bool = False,
        shortest: int | None = None,
    ) -> Float[Tensor, "n c t"]:
        """Check windows ``(n, channels, length)``, resampled from `rate` Hz if that differs.

        With `shortest`, windows of any length from so many samples on will do.

        Raises
        ------
        InputError
            For another shape and infinities, for NaN unless `missing` samples are allowed, and for
            windows of which everything is missing.
        """
        rate = self.rate if rate is None else rate
        allowed = {"allow_constant": True, "allow_missing": missing}
        arrays.validate(signals, rate, name="signals", channels=self.channels, **allowed)
        x = arrays.as_tensor(signals)
        if rate != self.rate:
            values = x.detach().cpu().double().numpy()
            only_rate = replace(self, low=None, high=None, gravity=True)
            x = torch.as_tensor(only_rate.apply(values, rate))
        long = x.shape[-1] == self.length if shortest is None else x.shape[-1] >= shortest
        if x.ndim != 3 or x.shape[1] != len(self.channels) or not long:
            resampled = f" at {self.rate:g} Hz" if rate != self.rate else ""
            samples = f"{self.length}" if shortest is None else f"{shortest} or more"
            raise InputError(
                f"signals have shape {tuple(x.shape)}{resampled}, but this model needs windows "
                f"(n, {len(self.channels)}, {samples}) of {', '.join(self.channels)} at "
                f"{self.rate:g} Hz; cut recordings with prepare(signal, rate)"
            )
        single = x.float()
        if x.dtype == torch.float64 and bool(single.isinf().any()):
            raise InputError(
                f"signals hold values up to {float(x.nan_to_num().abs().max()):g}, which single "
                "precision cannot; convert them to another unit"
            )
        if missing and bool((empty := single.isnan().flatten(1).all(dim=1)).any()):
            raise InputError(
                f"nothing is present in window {int(empty.long().argmax())} ({int(empty.sum())} "
                "such windows in all); leave them out, or cut at long gaps (--max-gap)"
            )
        return single

    def pieces(
        self,
        signals: Any,
        rate: float | None = None,
        missing: bool = False,
        shortest: int | None = None,
    ) -> Iterator[Float[Tensor, "n c t"]]:
        """Check windows as `windows` does; those in a file or store some thousand at a time."""
        if isinstance(signals, Tensor | np.ndarray) and not isinstance(signals, np.memmap):
            yield self.windows(cast(Signals, signals), rate, missing, shortest)
            return
        source = cast(Any, signals)
        for start in range(0, len(source), PIECE):
            piece: Any = source[start : start + PIECE]
            held: Signals = piece if isinstance(piece, Tensor) else np.array(piece)
            try:
                yield self.windows(held, rate, missing, shortest)
            except InputError as error:
                raise InputError(f"{error} (windows are counted from {start} on)") from error

    def prepare(
        self, signal: NDArray[np.floating[Any]], rate: float, step_s: float | None = None
    ) -> Float[Tensor, "n c t"]:
        """Resample, filter and cut one recording ``(channels, time)`` of `rate` Hz into windows.

        Windows start every `step_s` s (None: end to end); NaN stays where a sample is missing.

        Raises
        ------
        InputError
            For other channels, infinities, or a recording shorter than one window.
        """
        allowed = {"allow_constant": True, "allow_missing": True}
        arrays.validate(signal, rate, name="the recording", channels=self.channels, **allowed)
        if signal.ndim != 2 or len(signal) != len(self.channels):
            raise InputError(
                f"the recording has shape {signal.shape}, but this model needs "
                f"({len(self.channels)}, time) with the channels {', '.join(self.channels)}"
            )
        filtered = self.apply(np.asarray(signal, dtype=np.float32), rate)
        step = self.length if step_s is None else round(step_s * self.rate)
        starts = arrays.regular_starts(filtered.shape[-1], self.length, step)
        if not len(starts):
            raise InputError(
                f"the recording lasts {filtered.shape[-1] / self.rate:g} s, but a window of this "
                f"model {self.length / self.rate:g} s; give a longer one"
            )
        return torch.as_tensor(arrays.cut_windows(filtered, starts, self.length))


def _refused(name: str, value: object, expected: str) -> InputError:
    shown = list(cast(Any, value)) if isinstance(value, tuple) else value
    return InputError(f"preprocessing got {name}={shown!r}, expected {expected}")
