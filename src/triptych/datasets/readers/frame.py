"""A data frame as stretches: what each column is, one row per sample or per window.

The same for tables in files and for frames in memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.readers import clock, columns, words
from triptych.datasets.readers.labels import one_column, target_events
from triptych.datasets.readers.stretch import (
    Findings,
    Floats,
    ReadOptions,
    Stretch,
    labelled,
    listed,
    runs_of,
)
from triptych.errors import InputError

WIDE = 40  # numbered columns, from which a row is taken for a window of samples


def stretches(
    frame: Any,
    where: str,
    options: ReadOptions,
    findings: Findings,
    *,
    units: Sequence[str] = (),
    rate: float | None = None,
) -> list[Stretch]:
    """Stretches of a pandas data frame: one begins where subject, attribute, label or clock change.

    Parameters
    ----------
    frame
        Columns of numbers or of text; an index of times, or with levels for subject and time, is
        taken as columns.
    where
        The file, for messages.
    units, rate
        What lines around the titles say.

    Raises
    ------
    InputError
        Columns that are not there, twice there, or of unknown meaning; text where numbers are
        expected; times of unknown unit; no signal.
    """
    frame = columns.with_index(frame)
    names = [str(each).strip() for each in frame.columns]
    frame.columns = names
    twice = [each for each in dict.fromkeys(names) if names.count(each) > 1]
    if twice:
        raise InputError(f"{where} has two columns called {twice[0]!r}; rename one")
    if len(frame) == 0:
        raise InputError(f"{where} has no rows, expected one row per sample")
    apart = None if options.time_column else columns.date_and_time(frame, names)
    if apart is not None:
        joined = frame[apart[0]].astype(str) + " " + frame[apart[1]].astype(str)
        frame = frame.drop(columns=list(apart)).assign(**{"date time": joined})
        names = [str(each) for each in frame.columns]
        findings.say(f"columns {apart[0]!r} and {apart[1]!r} together are the time", where)
    own_units = dict(zip(names, units, strict=False))
    frame, options = one_column(frame, options, where)
    targets = None
    if options.target_column in frame.columns:  # else an attribute may have that name
        targets = columns.texts(frame, options.target_column, options, findings, where)
        frame = frame.drop(columns=[options.target_column])
    names = [str(each) for each in frame.columns]
    label, subject = (
        columns.asked(where, names, asked) or words.column(names, usual)
        for asked, usual in (
            (options.label_column, words.LABEL),
            (options.subject_column, words.SUBJECT),
        )
    )
    for each in (*options.channels, *options.attributes):
        columns.asked(where, names, each)
    if label in options.channels:
        label = None
    if subject in options.channels:
        subject = None
    rates = words.column([n for n in names if n not in options.channels], words.RATE)
    spoken = {label, subject, rates, *options.attributes}
    numeric = {n: columns.numbers(frame[n], options) for n in names if n not in spoken}
    columns.refuse_lists(where, frame, names)
    held = {name: columns.texts(frame, name, options, findings, where)
            for name in options.attributes}  # fmt: skip
    known = {name: values for name, values in held.items() if values is not None}
    if options.rows == "windows" or _is_wide(names, numeric, options):
        found = _windows(frame, where, options, findings, numeric, (label, subject), rate)
        found = [
            replace(each, attributes={n: str(v[row]) for n, v in known.items()},
                    taken=options.named)
            for row, each in enumerate(found)
        ]  # fmt: skip
        if targets is None:
            return found
        told = zip(found, targets, strict=True)
        return [replace(each, label=str(word) or None) for each, word in told]
    time = _time_column(where, names, numeric, frame, options, spoken)
    wanted = options.channels or _channels(where, names, numeric, time, spoken, options, findings)
    for each in wanted:
        if numeric[each] is None:
            raise InputError(columns.not_numbers(where, frame[each], each))
    values: Floats = np.stack([np.asarray(numeric[each], np.float64) for each in wanted])
    if rates is not None:
        rate = columns.only_rate(where, frame[rates])
    times, is_clock = _times(where, frame, time, options, findings, own_units.get(time or "", ""))
    unit = tuple(words.title(each)[1] or own_units.get(each, "") for each in wanted)
    labels = None if targets is not None else columns.texts(frame, label, options, findings, where)
    people = columns.texts(frame, subject, options, findings, where)
    if people is not None and (people == "").any():
        raise InputError(
            f"column {subject!r} of {where} is empty in row {int((people == '').argmax()) + 1} "
            f"({int((people == '').sum())} such rows); fill it in every row"
        )
    origin = 0.0 if times is None or is_clock else float(np.nanmin(times))
    found: list[Stretch] = []
    for run in runs_of(people) if people is not None else [slice(0, len(frame))]:
        who = None if people is None else str(people[run.start])
        for piece in _one_subject(
            values[:, run], None if times is None else times[run], where, options, findings
        ):
            signal, at, start, own_rate = piece
            own = {name: values[run][at] for name, values in known.items()}
            for part in runs_of(*own.values()) if own else [slice(0, len(at))]:
                whole = Stretch(
                    part="",
                    signal=signal[:, part],
                    channels=tuple(wanted),
                    units=unit if any(unit) else (),
                    rate=own_rate or rate,
                    subject=who,
                    start=start + (part.start / own_rate if own_rate else 0.0) - origin,
                    events=None if targets is None else target_events(targets[run][at][part]),
                    attributes={name: str(values[part.start]) for name, values in own.items()},
                    taken=options.named,
                )
                spelled = None if labels is None else labels[run][at][part]
                found += [whole] if spelled is None else labelled(whole, spelled, options)
    if len(found) < 2:
        return found
    return [replace(each, part=str(k)) for k, each in enumerate(found)]


def _one_subject(
    values: Floats, times: Floats | None, where: str, options: ReadOptions, findings: Findings
) -> list[tuple[Floats, NDArray[np.int64], float, float | None]]:
    """(signal, row of every sample, start, rate) of every run of the clock."""
    if times is None:
        return [(values, np.arange(values.shape[1]), 0.0, None)]
    gone = ~np.isfinite(values).all(axis=0)
    rows = np.arange(len(times), dtype=np.int64)
    runs = clock.regular(times, np.nan_to_num(values), where, options, findings)
    if gone.any() and any(run.signal is not None for run in runs):
        # Between uneven times a value that is missing would be made up: its row has no place.
        if options.missing == "refuse":
            raise InputError(
                f"{where} lacks a value in row {int(gone.argmax()) + 1} ({int(gone.sum())} such "
                "rows); pass --missing interpolate or --missing cut"
            )
        rows = np.flatnonzero(~gone)
        runs = clock.regular(times[rows], values[:, rows], where, options, findings)
    return [
        (values[:, rows[run.at]] if run.signal is None else run.signal, rows[run.at], run.start,
         run.rate)
        for run in runs
    ]  # fmt: skip


def _is_wide(names: Sequence[str], numeric: Any, options: ReadOptions) -> bool:
    """Whether columns are numbered through, so that a row would be a window; then it is asked."""
    numbered = [n for n in names if numeric.get(n) is not None and re.fullmatch(r"\D{0,12}\d+", n)]
    if len(numbered) < WIDE or options.channels or options.time_column:
        return False
    places = sorted(int(re.sub(r"\D", "", n)) for n in numbered)
    return places == list(range(places[0], places[0] + len(places)))


def _windows(
    frame: Any,
    where: str,
    options: ReadOptions,
    findings: Findings,
    numeric: Any,
    spoken: tuple[str | None, str | None],
    rate: float | None,
) -> list[Stretch]:
    wanted = [n for n in numeric if numeric[n] is not None]
    if options.rows != "windows":
        raise InputError(
            f"{where} has {len(wanted)} numbered columns ({wanted[0]} to {wanted[-1]}), so a row "
            "seems to be a window of samples: pass --rows windows and --rate, or --channels if "
            "they are channels"
        )
    values = np.stack([numeric[n] for n in wanted], axis=1)
    labels, people = (columns.texts(frame, each, options, findings, where) for each in spoken)
    return [
        Stretch(
            part=str(row),
            signal=values[row][None],
            channels=("value",),
            rate=options.rate or rate,
            label=(str(labels[row]) or None) if labels is not None else None,
            subject=None if people is None else str(people[row]),
        )
        for row in range(len(values))
    ]


def _time_column(
    where: str, names: Sequence[str], numeric: Any, frame: Any, options: ReadOptions, spoken: Any
) -> str | None:
    if options.time_column:
        return columns.asked(where, names, options.time_column)
    free = [n for n in names if n not in spoken and n not in options.channels]
    stamped = [n for n in free if numeric[n] is None and columns.is_datetime(frame[n])]
    found = words.column([n for n in free if numeric[n] is not None or n in stamped], _time_words())
    return found or (stamped[0] if stamped else None)


def _time_words() -> tuple[str, ...]:
    first = ("time", "timestamp", "seconds elapsed", "seconds", "t", "datetime")
    return (*first, *sorted(words.TIME - set(first)))


def _times(
    where: str, frame: Any, time: str | None, options: ReadOptions, findings: Findings, unit: str
) -> tuple[Floats | None, bool]:
    """Times in s, and whether they are since 1970."""
    if time is None:
        return None, False
    column = frame[time]
    values = columns.numbers(column, ReadOptions())
    if values is None:
        seconds = columns.moments(where, column, time, findings)
        return seconds, float(np.nanmedian(seconds)) > 1e8
    seconds = clock.in_seconds(
        values, words.title(time)[1] or unit, f"column {time!r} of {where}", options, findings
    )
    return seconds, seconds is not None and float(np.nanmedian(seconds)) > 1e8


def _channels(
    where: str,
    names: Sequence[str],
    numeric: Any,
    time: str | None,
    spoken: Any,
    options: ReadOptions,
    findings: Findings,
) -> list[str]:
    """Columns of numbers; what is left out is said, and what may be a clock is asked about."""
    wanted: list[str] = []
    for each in names:
        if each in spoken or each == time:
            continue
        values, plain = numeric[each], words.title(each)[0]
        if values is None:
            findings.say(
                f"column {each!r} holds words and is not used (--attributes keeps it)", where
            )
        elif plain in words.COUNTER and columns.ramps(values):
            findings.say(f"column {each!r} counts the rows and is left out", where)
        elif plain == "" or each.startswith("Unnamed: "):
            findings.say("a column without a title (an index) is left out", where)
        elif time is not None and words.is_clock(plain) and bool((np.diff(values) >= 0).all()):
            findings.say(f"column {each!r} is another clock and is left out", where)
        elif columns.ramps(values):
            raise InputError(
                f"column {each!r} of {where} rises by a constant step in every row, as a clock or "
                f"a count does: pass --time-column {each!r} if it is the time, or choose the "
                "channels with --channels"
            )
        else:
            wanted.append(each)
    if not wanted:
        raise InputError(
            f"{where} has no column to use as a signal (columns: {listed(list(names), 12)}); "
            "expected one column of numbers per channel"
        )
    return wanted
