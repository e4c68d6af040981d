"""From what a file of own recordings states to checked recordings at a known rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych import signals
from triptych.datasets.recordings import Events, Recording
from triptych.errors import InputError

_MAX_GAP = 10  # periods without a sample, after which a stamped recording is cut in two


@dataclass(frozen=True, eq=False)
class Piece:
    """One continuous stretch of a file, as the file states it (None = it does not say)."""

    part: str  # distinguishes it within its file; "" if it is all of it
    signal: NDArray[Any]  # (channels, time)
    channels: tuple[str, ...]
    units: tuple[str, ...] = ()
    rate: float | None = None
    label: str | None = None
    person: str | None = None
    times: NDArray[np.float64] | None = None  # stamps in s
    events: Events | None = None


@dataclass(frozen=True)
class Said:
    """What the user says about a file, in the manifest or as an argument."""

    rate: float | None = None
    label: str | None = None
    person: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


def reason(error: Exception) -> str:
    """First line of another library's complaint, with its kind."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no details'}"


def finish(
    file: Path, stem: str, piece: Piece, said: Said, wanted: tuple[str, ...] | None
) -> tuple[list[Recording], bool]:
    """Check a piece and make recordings of it; also says whether it had to be resampled.

    Raises
    ------
    InputError
        Rate unknown or contradictory, stamps that are no times in s, NaN, infinity, a constant
        channel, a wanted channel that is not there.
    """
    where = f"{file}{piece.part}"
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity: refused below
        signal = piece.signal.astype(np.float32)
    recording = Recording(
        name=stem + piece.part,
        person=said.person or piece.person or stem,
        signal=signal,
        rate=1.0,  # until it is known
        channels=piece.channels,
        units=piece.units,
        events=piece.events,
        label=said.label or piece.label,
        attributes=said.attributes,
    )
    if wanted is not None:
        recording = pick(recording, wanted, where)
    if piece.times is not None:
        return _stamped(where, recording, piece.times, said.rate or piece.rate)
    if said.rate and piece.rate and abs(said.rate / piece.rate - 1) > 1e-3:
        raise InputError(
            f"{where} states a rate of {piece.rate:g} Hz, but {said.rate:g} Hz was given for it; "
            "leave the given one out, or correct the wrong one"
        )
    rate = piece.rate or said.rate
    if rate is None:
        raise InputError(
            f"{where} does not state its sampling rate; pass rate in Hz, or write it into the "
            "column rate of recordings.csv"
        )
    signals.validate(recording.signal, rate, name=where, channels=recording.channels)
    return [replace(recording, rate=float(rate))], False


def pick(recording: Recording, channels: tuple[str, ...], where: str) -> Recording:
    """Keep these channels, in this order."""
    missing = [each for each in channels if each not in recording.channels]
    if missing:
        raise InputError(
            f"{where} has no channel {', '.join(missing)}; it has {', '.join(recording.channels)}"
        )
    rows = [recording.channels.index(each) for each in channels]
    units = tuple(recording.units[row] for row in rows) if recording.units else ()
    return replace(recording, signal=recording.signal[rows], channels=channels, units=units)


def _stamped(
    where: str, recording: Recording, times: NDArray[np.float64], asked: float | None
) -> tuple[list[Recording], bool]:
    """Take the rate from the stamps; resample if they are irregular or another one is asked."""
    if not np.isfinite(times).all():
        raise InputError(f"{where} has no time in row {int(np.argmin(np.isfinite(times))) + 1}")
    own, regular = _rate_of(where, times)
    if own <= 1 and asked is None:
        raise InputError(
            f"{where} has a time step of {1 / own:g} s; times must be in s (not ms), and if they "
            "are, pass rate"
        )
    rate = own if asked is None else asked
    if not own / 1000 < rate < own * 20:
        raise InputError(
            f"{where} has {own:g} samples a second by its times, but the rate is {rate:g} Hz; "
            "times must be in s"
        )
    signals.validate(recording.signal, own, name=where, channels=recording.channels)
    if regular and abs(rate / own - 1) <= max(1e-3, 1 / len(times)):
        return [replace(recording, rate=float(rate))], False
    pieces = signals.resample_timestamps(times, recording.signal.T, rate, _MAX_GAP / own)
    if not pieces:
        raise InputError(f"{where} has no two samples within {_MAX_GAP / own:g} s of each other")
    made: list[Recording] = []
    for number, (_, grid) in enumerate(pieces):
        part = f".{number}" if len(pieces) > 1 else ""
        signals.validate(grid, rate, name=where + part, channels=recording.channels)
        signal = grid.astype(np.float32)
        made.append(replace(recording, name=recording.name + part, signal=signal, rate=float(rate)))
    return made, True


def _rate_of(where: str, times: NDArray[np.float64]) -> tuple[float, bool]:
    """Rate in Hz, and whether the stamps are a regular grid up to their own rounding."""
    distinct = np.unique(times)
    if len(distinct) < 2:
        raise InputError(f"{where} has {len(distinct)} different times, expected one per sample")
    n, steps = len(times), np.diff(times)
    mean = (distinct[-1] - distinct[0]) / (len(distinct) - 1)
    line = times[0] + mean * np.arange(n)
    regular = bool(
        len(distinct) == n
        and (steps > 0).all()
        and steps.max() <= 1.6 * mean
        and np.abs(times - line).max() <= 0.5 * mean
    )
    rate = float(1 / (mean if regular else np.median(np.diff(distinct))))
    # Stamps are rounded: one sample over the whole length is as well as they know the rate.
    whole = float(round(rate))
    return (whole if whole and abs(whole / rate - 1) <= 1 / n else rate), regular
