"""Accelerometer recordings in lines of text: parsing, sanity, and a regular grid in g.

The line of both WISDM editions is ``subject,activity,timestamp in ns,x,y,z;``.
"""

from __future__ import annotations

import importlib
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triptych import signals
from triptych.datasets.recordings import Recording
from triptych.errors import InputError

STANDARD_GRAVITY = 9.80665  # m/s^2 in a g
GAP_S = 1.0  # a longer step in time, either way, begins a new piece
SHORTEST_S = 5.0  # pieces of less are left out
FASTEST_HZ = 1000.0  # no worn sensor is faster: stamps nearer to each other are the clock's fault
UNITS = {"acc": "g", "gyro": "rad/s"}

Floats = NDArray[np.float64]
NUMBER = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_FIELDS = ("person", "activity", "time", "x", "y", "z")
_NORMAL = {"g": 1.0, "m/s^2": STANDARD_GRAVITY, "mg": 1000.0}


class Piece(NamedTuple):
    """Samples of one person's one activity without a gap: `times` (n,) in s, `values` (n, c)."""

    person: str
    activity: str
    times: Floats
    values: Floats


def channels(sensors: Sequence[str]) -> tuple[str, ...]:
    """Name the axes of sensors: "acc x", "acc y", ..."""
    return tuple(f"{sensor} {axis}" for sensor in sensors for axis in "xyz")


def require_sensors(sensors: Sequence[str]) -> tuple[str, ...]:
    """Refuse anything but "acc", "gyro" or both; a single name is taken for a list of one."""
    chosen = (sensors,) if isinstance(sensors, str) else tuple(sensors)
    if not chosen or len(set(chosen)) != len(chosen) or not set(chosen) <= set(UNITS):
        raise InputError(f"sensors are {chosen}, expected 'acc', 'gyro' or both, each once")
    return chosen


def require_plausible(values: Floats, unit: str | None, where: object) -> None:
    """Refuse a file whose sensor has a dead axis, or whose unit is not `unit` (None: any).

    Gravity gives it away: the median length of an acceleration vector is near 1 g.
    """
    dead = [axis for axis, span in zip("xyz", np.ptp(values, axis=0), strict=True) if span == 0]
    if dead:
        raise InputError(
            f"axis {' and '.join(dead)} never changes in all of {where}: the sensor is dead there; "
            "take the file out or get it again"
        )
    if unit is None:
        return
    median = float(np.median(np.linalg.norm(values, axis=1)))
    # Within a factor of 3: vigorous activities alone reach twice the acceleration of gravity.
    near = [each for each, one in _NORMAL.items() if one / 3 < median < 3 * one]
    if near != [unit]:
        looks = f"it looks like {near[0]}" if near else "gravity may have been removed"
        raise InputError(
            f"the acceleration in {where} has a median of {median:.3g}, expected about "
            f"{_NORMAL[unit]:.3g} in {unit} with gravity: {looks}; convert the file to {unit}"
        )


def sift(
    where: object, text: bytes, line: re.Pattern[bytes], separator: bytes
) -> tuple[list[bytes | None], str]:
    """Split a text into entries, None for a malformed one, and describe the first such.

    Raises InputError if half of them or more are malformed.
    """
    entries: list[bytes | None] = []
    first, bad = "", 0
    for number, whole in enumerate(text.splitlines(), start=1):
        for entry in whole.split(separator):
            if not entry.strip():
                continue
            good = line.fullmatch(entry)
            entries.append(entry if good else None)
            if not good:
                bad += 1
                first = first or f"line {number}: {entry[:60].decode('latin-1')!r}"
    if 2 * bad >= len(entries):
        raise InputError(
            f"{where} has {bad} malformed lines of {len(entries)}, the first is {first}; expected "
            "the published format, so get the file again"
            if entries
            else f"{where} is empty; get the file again"
        )
    return entries, f"{bad} malformed lines of {len(entries)} (the first is {first})"


def read_pieces(
    path: Path, text: bytes, activities: Mapping[str, str], unit: str | None
) -> tuple[list[Piece], list[str]]:
    """Read lines of the WISDM form into pieces, in the order of the file.

    A piece ends where person or activity changes or the time jumps by more than `GAP_S`, forwards
    or backwards. Malformed lines, exactly repeated lines and lines with no timestamp (0 or
    less) are dropped and noted; two entries on one line and a comma too many at its end are read.

    Parameters
    ----------
    activities
        Code in the file -> name; another code is malformed.
    unit
        Of the accelerations, checked; None for a gyroscope. Values are returned as they are.

    Raises
    ------
    InputError
        Half of the lines malformed, a dead axis, another unit, nothing left.
    """
    notes: list[str] = []
    clean = text.replace(b",;", b";")
    frame = _fast(clean.replace(b";", b"\n"), activities)
    if frame is None:
        code = b"|".join(re.escape(each.encode()) for each in activities)
        form = rb"\s*\w+,(?:%b),-?\d{1,18}(?:,%b){3}\s*" % (code, NUMBER)
        entries, said = sift(path, clean, re.compile(form), b";")
        notes.append(f"{path.name}: {said} left out")
        good = b"\n".join(entry.strip() for entry in entries if entry is not None)
        frame = _fast(good, activities)
        if frame is None:
            raise InputError(f"{path} cannot be read as lines of WISDM; get the file again")
    stamps = frame["time"].to_numpy()
    unstamped = stamps <= 0
    repeated = np.zeros(len(stamps), dtype=np.bool_)
    if (np.diff(np.sort(stamps)) == 0).any():  # a cheap test first
        repeated = frame.duplicated().to_numpy() & ~unstamped
    for what, drop in (("lines without a timestamp", unstamped), ("repeated lines", repeated)):
        if drop.any():
            notes.append(f"{path.name}: {int(drop.sum())} {what} left out")
    frame = frame[~(unstamped | repeated)]
    if len(frame) == 0:
        raise InputError(f"{path} has no line with a timestamp; get the file again")
    values = np.asarray(frame[["x", "y", "z"]].to_numpy(), dtype=np.float64)
    require_plausible(values, unit, path)
    person, activity = (frame[each].cat.codes.to_numpy() for each in _FIELDS[:2])
    people: list[str] = [str(one).strip() for one in frame["person"].cat.categories]
    codes: list[str] = [str(one) for one in frame["activity"].cat.categories]
    times = frame["time"].to_numpy() * 1e-9
    steps = np.diff(times)
    change = (person[1:] != person[:-1]) | (activity[1:] != activity[:-1])
    disorder = int(((steps <= 0) & (steps >= -GAP_S) & ~change).sum())
    if disorder:
        notes.append(f"{path.name}: {disorder} timestamps not after the one before, put in order")
    edges = (np.flatnonzero(change | (np.abs(steps) > GAP_S)) + 1).tolist()
    pieces = [
        Piece(
            people[person[begin]],
            activities[codes[activity[begin]]],
            times[begin:end],
            values[begin:end],
        )
        for begin, end in pairwise([0, *edges, len(times)])
    ]
    return pieces, notes


def _fast(text: bytes, activities: Mapping[str, str]) -> Any:
    """Parse with pandas; None if any line is not as it should be."""
    pandas = importlib.import_module("pandas")  # `import triptych` must not pay for it
    kinds = dict(zip(_FIELDS, ("category", "category", "int64", *["float64"] * 3), strict=True))
    try:
        frame = pandas.read_csv(io.BytesIO(text), header=None, names=list(_FIELDS), dtype=kinds)
    except (ValueError, OverflowError):  # pandas' own errors are ValueErrors
        return None
    whole = 0 < 5 * len(frame) == text.count(b",") and not frame.isna().any(axis=None)
    finite = bool(np.isfinite(frame[["x", "y", "z"]].to_numpy()).all())
    known = set(frame["activity"].cat.categories) <= set(activities)
    return frame if whole and finite and known else None


def join(first: Iterable[Piece], second: Iterable[Piece]) -> list[Piece]:
    """Put a second sensor beside the first where both were recording, at the first's moments."""
    others: defaultdict[tuple[str, str], list[Piece]] = defaultdict(list)
    for each in second:
        order = np.argsort(each.times, kind="stable")
        sorted_piece = each._replace(times=each.times[order], values=each.values[order])
        others[each.person, each.activity].append(sorted_piece)
    joined: list[Piece] = []
    for one in first:
        for other in others[one.person, one.activity]:
            shared = (one.times >= other.times[0]) & (one.times <= other.times[-1])
            if shared.any():
                times = one.times[shared]
                beside: Floats = np.empty((len(times), other.values.shape[1]))
                for axis, column in enumerate(other.values.T):
                    beside[:, axis] = np.interp(times, other.times, column)
                values = np.concatenate([one.values[shared], beside], axis=1)
                joined.append(one._replace(times=times, values=values))
    return joined


def to_recordings(
    pieces: Iterable[Piece],
    names: tuple[str, ...],
    units: tuple[str, ...],
    rate: float,
    nominal: float,
) -> tuple[tuple[Recording, ...], list[str]]:
    """Bring pieces to `rate` Hz; notes say which were left out or not sampled at `nominal`.

    `names` and `units` are those of the channels. Recordings are called "person activity", and
    numbered where there are several. Raises InputError for a rate that is none.
    """  # fmt: skip
    if not 0 < rate < float("inf"):
        raise InputError(f"rate is {rate!r}, expected a positive number of Hz")
    found: list[tuple[str, str, NDArray[np.float32]]] = []
    notes: list[str] = []
    rates: Counter[str] = Counter()
    bursts: list[str] = []
    short = 0
    for person, activity, times, values in pieces:
        called = f"{person} {activity}"
        steps = np.diff(np.unique(times))
        if steps.sum() < SHORTEST_S:
            short += 1
            continue
        flat = np.flatnonzero(np.ptp(values, axis=0) == 0)
        if len(flat):
            dead = " and ".join(names[each] for each in flat)
            notes.append(f"{called}: {dead} never changes (a dead axis), recording left out")
            continue
        usual, fastest = 1 / np.median(steps), 1 / np.quantile(steps, 0.05)
        if abs(usual / nominal - 1) > 0.1:
            rates[f"{person} at {usual:.0f} Hz"] += 1
        elif fastest > 1.5 * nominal:
            bursts.append(called)
        for signal in _regular(times, values, rate, fastest):
            found.append((person, activity, signal))
    if rates:
        said = ", ".join(f"{who} ({count})" for who, count in rates.items())
        notes.append(f"sampled not at {nominal:g} Hz but, by the timestamps, {said}; resampled")
    if bursts:
        notes.append(f"stretches faster than {1.5 * nominal:g} Hz, resampled: {', '.join(bursts)}")
    if short:
        notes.append(f"{short} piece(s) shorter than {SHORTEST_S:g} s left out")
    total = Counter((person, activity) for person, activity, _ in found)
    seen: Counter[tuple[str, str]] = Counter()
    recordings: list[Recording] = []
    for person, activity, signal in found:
        seen[person, activity] += 1
        several = total[person, activity] > 1
        name = f"{person} {activity}" + (f" {seen[person, activity]}" if several else "")
        recordings.append(
            Recording(name, person, signal, float(rate), names, units, label=activity)
        )
    return tuple(recordings), notes


def _regular(
    times: Floats, values: Floats, rate: float, fastest: float
) -> list[NDArray[np.float32]]:
    """Resample to `rate`; the anti-alias filter looks at the fastest stretch, not the median."""
    fastest = min(fastest, FASTEST_HZ)
    finer = int(np.ceil(fastest / rate)) if fastest > 1.5 * rate else 1
    return [
        signals.resample(signal, rate * finer, rate).astype(np.float32)
        for _, signal in signals.resample_timestamps(times, values, rate * finer, GAP_S)
    ]
