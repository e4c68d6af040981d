"""What signals have to be before an encoder sees them, and how recordings become that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from triptych import signals as arrays
from triptych.errors import InputError
from triptych.networks.require import require_above_zero, require_whole

Signals = Tensor | NDArray[np.floating[Any]]
PIECE = 16_384  # windows of a file that are held at a time


@dataclass(frozen=True)
class Preprocessing:
    """What windows are before the encoder.

    Parameters
    ----------
    rate
        Hz.
    channels
        Their names, in order.
    length
        Samples of a window.
    low, high
        Band in Hz of the whole recording, zero-phase, cut into windows afterwards; None = open.

    Raises
    ------
    InputError
        For anything else than names and numbers above 0.
    """

    rate: float
    channels: tuple[str, ...]
    length: int
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        band = {"low": self.low, "high": self.high}
        known = {name: edge for name, edge in band.items() if edge is not None}
        require_above_zero("preprocessing", rate=self.rate, **known)
        require_whole("preprocessing", length=self.length)
        if not self.channels or not all(isinstance(name, str) for name in self.channels):
            raise InputError(f"preprocessing got channels={self.channels!r}, expected their names")

    @property
    def shape(self) -> tuple[int, int]:
        """``(channels, length)`` of a window."""
        return len(self.channels), self.length

    def windows(self, signals: Signals, rate: float | None = None) -> Float[Tensor, "n c t"]:
        """Check windows ``(n, channels, length)``, resampled from `rate` Hz if that differs.

        Raises
        ------
        InputError
            For another shape, NaN or infinities.
        """
        rate = self.rate if rate is None else rate
        arrays.validate(signals, rate, name="signals", channels=self.channels, allow_constant=True)
        x = arrays.as_tensor(signals)
        if rate != self.rate:
            values = x.detach().cpu().double().numpy()
            x = torch.as_tensor(arrays.resample(values, rate, self.rate))
        if x.ndim != 3 or x.shape[1:] != self.shape:
            resampled = f" at {self.rate:g} Hz" if rate != self.rate else ""
            raise InputError(
                f"signals have shape {tuple(x.shape)}{resampled}, but this model needs windows "
                f"(n, {len(self.channels)}, {self.length}) of {', '.join(self.channels)} at "
                f"{self.rate:g} Hz; cut recordings with prepare(signal, rate)"
            )
        single = x.float()
        if x.dtype == torch.float64 and not torch.isfinite(single).all():
            raise InputError(
                f"signals hold values up to {float(x.abs().max()):g}, which single precision "
                "cannot; convert them to another unit"
            )
        return single

    def pieces(self, signals: Any, rate: float | None = None) -> Iterator[Float[Tensor, "n c t"]]:
        """Check windows as `windows` does; those in a file or store some thousand at a time."""
        if isinstance(signals, Tensor | np.ndarray) and not isinstance(signals, np.memmap):
            yield self.windows(cast(Signals, signals), rate)
            return
        source = cast(Any, signals)
        for start in range(0, len(source), PIECE):
            piece: Any = source[start : start + PIECE]
            held: Signals = piece if isinstance(piece, Tensor) else np.array(piece)
            try:
                yield self.windows(held, rate)
            except InputError as error:
                raise InputError(f"{error} (windows are counted from {start} on)") from error

    def prepare(
        self, signal: NDArray[np.floating[Any]], rate: float, step_s: float | None = None
    ) -> Float[Tensor, "n c t"]:
        """Resample, filter and cut one recording ``(channels, time)`` of `rate` Hz into windows.

        Windows start every `step_s` s (None: end to end).

        Raises
        ------
        InputError
            For other channels, NaN or infinities, or a recording shorter than one window.
        """
        arrays.validate(
            signal, rate, name="the recording", channels=self.channels, allow_constant=True
        )
        if signal.ndim != 2 or len(signal) != len(self.channels):
            raise InputError(
                f"the recording has shape {signal.shape}, but this model needs "
                f"({len(self.channels)}, time) with the channels {', '.join(self.channels)}"
            )
        signal = arrays.resample(np.asarray(signal, dtype=np.float32), rate, self.rate)
        step = self.length if step_s is None else round(step_s * self.rate)
        starts = arrays.regular_starts(signal.shape[-1], self.length, step)
        if not len(starts):
            raise InputError(
                f"the recording lasts {signal.shape[-1] / self.rate:g} s, but a window of this "
                f"model {self.length / self.rate:g} s; give a longer one"
            )
        filtered = arrays.bandpass(signal, self.rate, self.low, self.high)
        return torch.as_tensor(arrays.cut_windows(filtered, starts, self.length))
