"""From what a file of own recordings states to checked recordings at a known rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych import signals
from triptych.datasets.recordings import Events, Recording
from triptych.errors import InputError

SHORTEST = 10  # samples of a stretch, where a file has several
_MAX_GAP = 10  # periods without a sample, after which a stamped recording is cut in two
_BURST = 100  # samples: stretches below that between gaps are how a sensor sends, not pauses


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


@dataclass
class Finished:
    """Recordings made of a piece, whether they were resampled, and how many were too short."""

    recordings: list[Recording] = field(default_factory=list[Recording])
    resampled: bool = False
    short: int = 0


def finish(
    file: Path, stem: str, piece: Piece, said: Said, wanted: tuple[str, ...] | None
) -> Finished:
    """Check a piece and make recordings of it.

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
    return Finished([replace(recording, rate=float(rate))])


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
) -> Finished:
    """Make recordings of every run of the clock."""
    if not np.isfinite(times).all():
        raise InputError(f"{where} has no time in row {int(np.argmin(np.isfinite(times))) + 1}")
    runs, done = _runs(times), Finished()
    for number, run in enumerate(runs):
        part = f".{number}" if len(runs) > 1 else ""
        if part and run.stop - run.start < SHORTEST:
            done.short += 1
            continue
        one = replace(recording, name=recording.name + part, signal=recording.signal[:, run])
        made = _one_run(where + part, one, times[run], asked)
        done.recordings += made.recordings
        done.resampled |= made.resampled
        done.short += made.short
    return done


def _runs(times: NDArray[np.float64]) -> list[slice]:
    """Cut where the clock starts again, so that two sessions have the same times.

    Samples that are only out of order are not cut: sorted by time they fit into each other.
    """
    steps = np.diff(times)
    usual = np.median(np.abs(steps[steps != 0])) if steps.any() else np.inf
    back = steps < -_MAX_GAP * usual
    run = np.concatenate([[0], np.cumsum(back)])
    mixed = np.count_nonzero(np.diff(run[np.argsort(times, kind="stable")]))
    if mixed <= 4 * np.count_nonzero(back):  # a block out of order is met two or three times
        return [slice(0, len(times))]
    edges = [0, *(np.flatnonzero(back) + 1).tolist(), len(times)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _one_run(
    where: str, recording: Recording, times: NDArray[np.float64], asked: float | None
) -> Finished:
    """Take the rate from the stamps; resample if they are irregular or another one is asked."""
    own, regular = _rate_of(where, times, asked)
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
        return Finished([replace(recording, rate=float(rate))])
    pieces = signals.resample_timestamps(times, recording.signal.T, rate, _MAX_GAP / own)
    if not pieces:
        raise InputError(f"{where} has no two samples within {_MAX_GAP / own:g} s of each other")
    done = Finished(resampled=True)
    for number, (_, grid) in enumerate(pieces):
        part = f".{number}" if len(pieces) > 1 else ""
        if part and grid.shape[1] < SHORTEST:
            done.short += 1
            continue
        signals.validate(grid, rate, name=where + part, channels=recording.channels)
        signal = grid.astype(np.float32)
        named = recording.name + part
        done.recordings.append(replace(recording, name=named, signal=signal, rate=float(rate)))
    return done


def _rate_of(where: str, times: NDArray[np.float64], asked: float | None) -> tuple[float, bool]:
    """Rate in Hz, and whether the stamps are a regular grid up to their own rounding."""
    distinct = np.unique(times)
    if len(distinct) < 2:
        raise InputError(f"{where} has {len(distinct)} different times, expected one per sample")
    n, steps = len(times), np.diff(times)
    if 2 * len(distinct) < n:
        raise InputError(
            f"{where} has only {len(distinct)} different times for {n} samples, which is too "
            "coarse to say where these are; take the column of times out and pass rate"
        )
    mean = (distinct[-1] - distinct[0]) / (len(distinct) - 1)
    line = times[0] + mean * np.arange(n)
    regular = bool(
        len(distinct) == n
        and (steps > 0).all()
        and steps.max() <= 1.6 * mean
        and np.abs(times - line).max() <= 0.5 * mean
    )
    rate = float(1 / (mean if regular else np.median(np.diff(distinct))))
    gaps = np.diff(distinct) > _MAX_GAP / rate
    covered = 1 - np.diff(distinct)[gaps].sum() / (distinct[-1] - distinct[0])
    bursts = gaps.sum() > 2 and n < _BURST * (gaps.sum() + 1) and covered < 0.5
    if bursts and (asked is None or abs(asked / rate - 1) > 0.1):
        raise InputError(
            f"{where} has times in bursts, {rate:g} samples a second within them and "
            f"{1 / mean:.3g} in all; if a device paused between them, pass rate {rate:g}; if it "
            "only sent them so, take the column of times out and pass the rate of measuring"
        )
    # Stamps are rounded: one sample over the whole length is as well as they know the rate.
    whole = float(round(rate))
    return (whole if whole and abs(whole / rate - 1) <= 1 / n else rate), regular
