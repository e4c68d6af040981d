"""Times of samples: their unit, the rate that they say, gaps, and a regular grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from triptych import signals
from triptych.datasets.readers.stretch import Findings, Floats, Ints, ReadOptions
from triptych.datasets.readers.words import UNITS
from triptych.errors import InputError

MAX_GAP = 10  # periods without a sample, after which a recording is cut in two
_BURST = 100  # samples: stretches below that between gaps are how a sensor sends, not pauses
_SLOW = 10.0  # Hz: times of an unknown unit that would give less are asked about
_EPOCH = ((1e8, 5e9, "s"), (1e11, 5e12, "ms"), (1e14, 5e15, "us"), (1e17, 5e18, "ns"))


@dataclass(frozen=True)
class Regular:
    """A run of the clock on a grid: which rows it holds, or samples made from them.

    `rows` of the file in order of time; `signal` where it had to be resampled, else None;
    `at` (time,) is the row nearest to every sample.
    """

    start: float
    rate: float
    at: Ints
    signal: Floats | None = None


def in_seconds(
    times: Floats, unit: str, where: str, options: ReadOptions, findings: Findings
) -> Floats | None:
    """Times in s; None where they only count the rows.

    The unit is the one that is asked for or stands in the title; else what the numbers can only
    mean (times since 1970, serial days), which is said; else s where that gives 10 Hz or more.

    Raises
    ------
    InputError
        Where s and ms are both possible, or the rate that is given contradicts the unit.
    """
    asked = options.time_unit or unit
    if asked:
        if asked.lower() not in UNITS:
            raise InputError(
                f"the times of {where} are in {asked!r}, which is no unit of time; pass "
                "--time-unit with one of s, ms, us, ns, min, h, days"
            )
        return times * UNITS[asked.lower()]
    steps = np.diff(times)
    if len(steps) and (steps < 0).mean() > 0.1:  # rows out of order, which are sorted later
        steps = np.diff(np.unique(times))
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    level = float(np.median(np.abs(times)))
    for low, high, name in _EPOCH:
        if low < level < high:
            findings.say(f"times are read as {name} since 1970, by their size", where)
            return times * UNITS[name]
    if 1e4 < level < 1e5 and 0 < step < 1e-4:
        findings.say("times are read as serial days of a spreadsheet, by their size", where)
        return (times - 25569) * UNITS["days"]
    if step == 0 or 1 / step >= _SLOW:
        return times
    given = options.rate
    counts = bool((steps == 1).all())
    for name, factor in (("s", 1.0), ("ms", 1e-3)):
        if given and abs(given * step * factor - 1) < 0.02:
            findings.say(f"times are read in {name}, by the rate that was given", where)
            return times * factor
    if counts and given:
        findings.say("the column of times counts the rows; the rate that was given is used", where)
        return None
    rows = "; a count of rows if it is one (pass --rate)" if counts else ""
    raise InputError(
        f"the times of {where} rise by {step:g} and do not say their unit: pass --time-unit s "
        f"({1 / step:g} Hz) or --time-unit ms ({1000 / step:g} Hz){rows}"
    )


def regular(
    times: Floats,
    signal: NDArray[np.floating],
    where: str,
    options: ReadOptions,
    findings: Findings,
) -> list[Regular]:
    """Runs of the clock, each at one rate; (channels, time) values that are finite.

    Raises
    ------
    InputError
        No time in a row; times too coarse, or in bursts; a rate that contradicts them.
    """
    if not np.isfinite(times).all():
        raise InputError(f"{where} has no time in row {int(np.argmin(np.isfinite(times))) + 1}")
    runs = [run for run in _runs(times) if run.stop - run.start > 1]
    rates = [_rate_of(where, times[run], options.rate, findings) for run in runs]
    if not runs:
        raise InputError(
            f"{where} has no two samples that follow each other; sort its rows by subject and time"
        )
    # One rate per file: that of its longest run, which knows it best.
    longest = max(range(len(runs)), key=lambda k: runs[k].stop - runs[k].start)
    asked = options.rate or rates[longest][0]
    found: list[Regular] = []
    for run, (own, even) in zip(runs, rates, strict=True):
        stamps, rows = times[run], np.arange(run.start, run.stop, dtype=np.int64)
        if not own / 1000 < asked < own * 20:
            raise InputError(
                f"{where} has {own:g} samples a second by its times, but the rate is "
                f"{asked:g} Hz; correct it, or pass --time-unit"
            )
        if even and abs(asked / own - 1) <= max(1e-3, 1 / len(stamps)):
            found.append(Regular(float(stamps[0]), asked, rows))
        elif even:  # a grid already: one band-limited step to the other rate
            made = signals.resample(signal[:, run].astype(np.float64), own, asked)
            at = np.minimum(
                np.rint(np.arange(made.shape[1], dtype=np.int64) * own / asked), len(rows) - 1
            )
            found.append(Regular(float(stamps[0]), asked, rows[at.astype(np.int64)], made))
            findings.say(f"samples are resampled from {own:g} Hz to {asked:g} Hz", where)
        else:
            found += _uneven(stamps, signal[:, run], rows, asked, own)
            findings.say(f"samples with uneven times are resampled by them to {asked:g} Hz", where)
    if not found:
        raise InputError(f"{where} has no two samples that follow each other")
    return found


def _uneven(
    times: Floats, signal: NDArray[np.floating], rows: Ints, asked: float, own: float
) -> list[Regular]:
    order = np.argsort(times, kind="stable")
    stamps, rows = times[order], rows[order]
    pieces = signals.resample_timestamps(times, signal.T, asked, MAX_GAP / own)
    found: list[Regular] = []
    for start, grid in pieces:
        moments = start + np.arange(grid.shape[1], dtype=np.int64) / asked
        after: Ints = np.clip(np.searchsorted(stamps, moments), 1, len(stamps) - 1)
        nearer = moments - stamps[after - 1] < stamps[after] - moments
        at = rows[np.where(nearer, after - 1, after)]
        found.append(Regular(start, asked, at, np.asarray(grid)))
    return found


def _runs(times: Floats) -> list[slice]:
    """Cut where the clock starts again, or stops for ten samples, so that no time is made up.

    Samples that are only out of order are not cut: sorted by time they fit into each other.
    """
    steps = np.diff(times)
    usual = np.median(np.abs(steps[steps != 0])) if steps.any() else np.inf
    back = steps < -MAX_GAP * usual
    run = np.concatenate([[0], np.cumsum(back)])
    mixed = np.count_nonzero(np.diff(run[np.argsort(times, kind="stable")]))
    if mixed <= 4 * np.count_nonzero(back):  # a block out of order is met two or three times
        back[:] = False
    edges = [0, *(np.flatnonzero(back) + 1).tolist(), len(times)]
    return [part for a, b in pairwise(edges) for part in _gaps(times, a, b)]


def _gaps(times: Floats, first: int, end: int) -> list[slice]:
    """Cut an even run where ten samples or more are missing; others are cut when resampled."""
    steps = np.diff(times[first:end])
    if len(steps) == 0 or (steps <= 0).any():
        return [slice(first, end)]
    gap = steps > MAX_GAP * np.median(steps)
    few = np.diff(np.flatnonzero(np.concatenate([[True], gap, [True]])))
    if not gap.any() or (gap.sum() > 2 and np.median(few) < _BURST):
        return [slice(first, end)]
    edges = [first, *(first + 1 + np.flatnonzero(gap)).tolist(), end]
    return [slice(a, b) for a, b in pairwise(edges)]


def _rate_of(
    where: str, times: Floats, asked: float | None, findings: Findings
) -> tuple[float, bool]:
    """Rate in Hz, and whether the stamps are a regular grid up to their own rounding."""
    distinct, counts = np.unique(times, return_counts=True)
    n, span = len(times), float(distinct[-1] - distinct[0])
    if len(distinct) < 2:
        raise InputError(f"{where} has {len(distinct)} different times, expected one per sample")
    step = span / (len(distinct) - 1)
    usual = float(np.median(counts))
    if usual > 1 and (np.diff(times) >= 0).all():
        # Each stamp several times: a clock coarser than the samples, if it is so throughout.
        inner = counts[1:-1] if len(counts) > 2 else counts
        if inner.max() - inner.min() <= max(1, 0.1 * usual):
            rate = _whole(float(inner.mean()) / step, n)
            findings.say(
                f"every time stands {usual:g} times: a coarse clock, so {rate:g} Hz", where
            )
            return rate, True
    if 2 * len(distinct) < n:
        raise InputError(
            f"{where} has only {len(distinct)} different times for {n} samples, which is too "
            "coarse to say where these are; take the column of times out and pass --rate"
        )
    steps = np.diff(times)
    line = times[0] + step * np.arange(n)
    even = bool(
        len(distinct) == n
        and (steps > 0).all()
        and steps.max() <= 1.6 * step
        and np.abs(times - line).max() <= 0.5 * step
    )
    rate = float(1 / (step if even else np.median(np.diff(distinct))))
    gaps = np.diff(distinct) > MAX_GAP / rate
    covered = 1 - np.diff(distinct)[gaps].sum() / span
    bursts = gaps.sum() > 2 and n < _BURST * (gaps.sum() + 1) and covered < 0.5
    if bursts and (asked is None or abs(asked / rate - 1) > 0.1):
        raise InputError(
            f"{where} has times in bursts, {rate:g} samples a second within them and "
            f"{1 / step:.3g} in all; if a device paused between them, pass --rate {rate:g}; if it "
            "only sent them so, take the column of times out and pass the rate of measuring"
        )
    return _whole(rate, n), even


def _whole(rate: float, n: int) -> float:
    """The whole number of Hz, where stamps of n samples cannot tell it apart from `rate`."""
    whole = float(round(rate))
    return whole if whole and abs(whole / rate - 1) <= 1 / n else rate
