"""Signals as arrays: checking, resampling, filtering and cutting into windows.

One recording is a NumPy array ``(channels, time)``. Times are in seconds, rates in Hz,
positions in samples. Errors that a user can cause are `InputError`.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from triptych.errors import InputError
from triptych.signals.cutting import cut_windows as cut_windows
from triptych.signals.cutting import random_starts as random_starts
from triptych.signals.cutting import regular_starts as regular_starts

Floats = NDArray[np.floating[Any]]
LONGEST = 10**9  # samples of a channel that resampling makes: 8 GB


def _scipy_signal() -> Any:
    # Imported here, because `import triptych` must not pay for it.
    return importlib.import_module("scipy.signal")


def _require_rate(rate: float | None, name: str) -> float:
    if rate is not None and math.isfinite(rate) and rate > 0:
        return rate
    raise InputError(
        f"{name} has sampling rate {rate!r}, expected a positive number of Hz; "
        "state the rate at which it was recorded"
    )


def as_tensor(values: NDArray[Any] | torch.Tensor) -> torch.Tensor:
    """Make a tensor of any array, reversed, in another byte order or read-only."""
    if isinstance(values, torch.Tensor):
        return values
    array = np.asarray(values)
    return torch.as_tensor(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")))


def validate(
    signals: Floats | torch.Tensor,
    rate: float | None,
    *,
    name: str,
    channels: Sequence[str] = (),
    allow_constant: bool = False,
    allow_missing: bool = False,
) -> None:
    """Refuse signals that no model can use, in one sentence that says where the fault is.

    Parameters
    ----------
    signals
        One recording ``(channels, time)`` or a batch ``(n, channels, time)``.
    rate, name, channels
        Hz (None is refused); what signals and channels are called in the message.
    allow_constant, allow_missing
        Accept channels that never change (dropped or unplugged sensors), and NaN.

    Raises
    ------
    InputError
        Wrong shape or type, NaN, infinity, a constant channel, no positive rate.
    """
    rate = _require_rate(rate, name)
    if isinstance(signals, torch.Tensor):
        whole = signals.detach().cpu()
        signals = whole.float().numpy() if whole.dtype == torch.bfloat16 else whole.numpy()
    values = np.asarray(signals)
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InputError(
            f"{name} has shape {values.shape}, expected (channels, time) or "
            "(batch, channels, time) with at least one of each"
        )
    if values.dtype.kind not in "fiu":
        raise InputError(f"{name} holds {values.dtype} values, expected real numbers")

    def place(index: NDArray[np.int64]) -> str:
        *window, channel = (int(i) for i in index)
        label = repr(channels[channel]) if channel < len(channels) else str(channel)
        return f"channel {label}" + (f" of window {window[0]}" if window else "")

    # One pass over the sum is much cheaper than isfinite where all is well.
    with np.errstate(all="ignore"):
        total = values.sum(dtype=np.float64)
    if not np.isfinite(total):
        faults = np.argwhere(np.isinf(values) if allow_missing else ~np.isfinite(values))
        if len(faults):
            first = faults[0]
            kind = "NaN" if np.isnan(values[tuple(first)]) else "infinity"
            raise InputError(
                f"{name} has {kind} in {place(first[:-1])} at {first[-1] / rate:.3f} s "
                f"({len(faults)} bad values in all); fill or cut these stretches first"
            )
    if not allow_constant and values.shape[-1] > 1:
        constant = np.argwhere(values.max(axis=-1) == values.min(axis=-1))
        if len(constant):
            value = values[tuple(constant[0])][0]
            raise InputError(
                f"{name} is constant ({value:g}) in {place(constant[0])} from 0 s to "
                f"{values.shape[-1] / rate:.3f} s; leave this channel out or check the sensor"
            )


def _real(signal: Floats) -> Floats:
    """Integers as float64: rounded to whole numbers a filtered signal would be another one."""
    return signal if signal.dtype.kind == "f" else signal.astype(np.float64)


def resample(signal: Floats, rate: float, new_rate: float) -> Floats:
    """Resample one recording by a polyphase filter, without edge transients.

    Parameters
    ----------
    signal
        ``(channels, time)`` (any leading axes), at `rate` Hz.
    rate, new_rate
        Hz above 0 (else InputError), their ratio a fraction with denominator to 10,000 or near;
        no more than 10⁹ samples may come out.

    Returns
    -------
    ndarray
        ``(channels, round(time * new_rate / rate))``, the input's float type (of integers
        float64). Sample k lies at k / new_rate s, so the first sample keeps its time.
    """
    _require_rate(rate, "the signal")
    _require_rate(new_rate, "the resampled signal")
    signal = _real(signal)
    if rate == new_rate:
        return signal.copy()
    ratio = Fraction(new_rate / rate).limit_denominator(10_000)
    if abs(float(ratio) * rate / new_rate - 1) > 1e-4:
        raise InputError(
            f"{rate:g} Hz cannot be resampled to {new_rate:g} Hz in one step; take rates that are "
            "nearer to each other, by a rate between them"
        )
    length = round(signal.shape[-1] * new_rate / rate)
    if length > LONGEST:
        raise InputError(
            f"{signal.shape[-1] / rate:g} s at {new_rate:g} Hz are {length:,} samples, expected at "
            f"most {LONGEST:,}; check the rates (the signal has {rate:g} Hz)"
        )
    # Polyphase branches differ slightly in gain at zero frequency: the mean must not pass
    # through them, or a large offset (gravity, electrode potential) would come out as ripple.
    mean = signal.mean(axis=-1, keepdims=True, dtype=np.float64)
    resampled = _scipy_signal().resample_poly(
        signal - mean, ratio.numerator, ratio.denominator, axis=-1, padtype="edge"
    )
    missing = length - resampled.shape[-1]
    if missing > 0:  # only where the fraction is an approximation of the ratio
        padding = [(0, 0)] * (signal.ndim - 1) + [(0, missing)]
        resampled = np.pad(resampled, padding, mode="edge")
    return cast(Floats, (resampled[..., :length] + mean).astype(signal.dtype, copy=False))


def resample_timestamps(
    times_s: ArrayLike, values: ArrayLike, rate: float, max_gap_s: float
) -> list[tuple[float, Floats]]:
    """Bring irregularly stamped samples onto a regular grid, piece by piece.

    Samples are sorted by time, repeated stamps dropped (the first one stays), and the
    recording is split where two neighbours are more than `max_gap_s` apart. Each piece is
    interpolated linearly; where the rate goes down by more than 1.5 times, onto a multiple of
    `rate` that is then decimated with an anti-alias filter.

    Returns ``[(start_s, signal)]`` of stamps ``(time,)`` in s and values ``(time, channels)``:
    `signal` is float64 ``(channels, time)``, its sample k lies at ``start_s + k / rate``; pieces
    of a single sample are dropped. Raises InputError for shapes that do not fit, values that are
    not finite, a rate or gap that is not positive.
    """
    _require_rate(rate, "the regular grid")
    times = np.asarray(times_s, dtype=np.float64)
    samples = np.asarray(values, dtype=np.float64)
    if times.ndim != 1 or samples.ndim != 2 or len(times) != len(samples):
        raise InputError(
            f"timestamps have shape {times.shape} and values {samples.shape}, "
            "expected (time,) and (time, channels)"
        )
    if not max_gap_s > 0:
        raise InputError(f"max_gap_s is {max_gap_s!r}, expected a positive number of s")
    bad = ~(np.isfinite(times) & np.isfinite(samples).all(axis=1))
    if bad.any():
        raise InputError(
            f"row {int(np.argmax(bad))} of the stamped samples is not finite "
            f"({int(bad.sum())} such rows in all); drop these rows first"
        )
    times, first = np.unique(times, return_index=True)
    samples = samples[first]
    splits = (np.flatnonzero(np.diff(times) > max_gap_s) + 1).tolist()
    pieces: list[tuple[float, Floats]] = []
    for begin, end in itertools.pairwise([0, *splits, len(times)]):
        moments, columns = times[begin:end], samples[begin:end].T
        if len(moments) < 2:
            continue
        own_rate = 1.0 / float(np.median(np.diff(moments)))
        finer = math.ceil(own_rate / rate) if own_rate > 1.5 * rate else 1
        start, duration = float(moments[0]), float(moments[-1] - moments[0])
        # The tolerance keeps the last sample where duration * rate is whole up to rounding.
        length = math.floor(duration * rate + 1e-6) + 1
        grid = start + np.arange((length - 1) * finer + 1) / (rate * finer)
        regular: Floats = np.empty((len(columns), len(grid)))
        for row, column in zip(regular, columns, strict=True):
            row[:] = np.interp(grid, moments, column)
        if finer > 1:
            padded = np.pad(regular, ((0, 0), (0, finer - 1)), mode="edge")
            regular = resample(padded, rate * finer, rate)
        pieces.append((start, regular))
    return pieces


def sections(rate: float, low: float | None, high: float | None, order: int = 3) -> Floats | None:
    """Butterworth filter as second-order sections ``(n, 6)``; None where both sides are open.

    Edges in Hz other than 0 < low < high < rate / 2 raise InputError.
    """
    _require_rate(rate, "the signal to filter")
    edges = [edge for edge in (low, high) if edge is not None]
    if not edges:
        return None
    if not all(0 < edge < rate / 2 for edge in edges) or edges != sorted(set(edges)):
        raise InputError(
            f"band-pass {low} to {high} Hz at a rate of {rate:g} Hz, "
            f"expected 0 < low < high < {rate / 2:g} Hz"
        )
    kind = "lowpass" if low is None else "highpass" if high is None else "bandpass"
    return _scipy_signal().butter(order, np.squeeze(edges), kind, fs=rate, output="sos")


def bandpass(
    signal: Floats,
    rate: float,
    low: float | None,
    high: float | None,
    order: int = 3,
    phase: Literal["zero", "causal"] = "zero",
) -> Floats:
    """Filter one recording by `sections`, computed in float64.

    Single precision cannot hold a 0.5 Hz edge at 400 Hz.

    Parameters
    ----------
    signal
        ``(channels, time)`` (any leading axes), at `rate` Hz.
    phase
        ``"zero"``: forwards and backwards, no phase shift, twice the attenuation. ``"causal"``:
        forwards only, as a stream is filtered; it starts as if its first value had always been.

    Returns
    -------
    ndarray
        Same shape and float type (of integers float64).
    """
    found, signal = sections(rate, low, high, order), _real(signal)
    if found is None:
        return signal.copy()
    values = signal.astype(np.float64, copy=False)
    if phase == "causal":
        steady = _scipy_signal().sosfilt_zi(found).reshape(-1, *[1] * (values.ndim - 1), 2)
        start = steady * values[None, ..., :1]
        filtered, _ = _scipy_signal().sosfilt(found, values, axis=-1, zi=start)
    else:
        # Padding as long as the filter remembers; the library's default is for short memories.
        padding = min(values.shape[-1] - 1, math.ceil(3 * rate / (low or high or rate)))
        filtered = _scipy_signal().sosfiltfilt(found, values, axis=-1, padlen=padding)
    return cast(Floats, filtered.astype(signal.dtype, copy=False))
