"""Tables of events, and the seizures of CHB-MIT: what they mark in which recording."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.datasets.readers import columns, edf, words
from triptych.datasets.readers.marks import ENDING, Marks, partner
from triptych.datasets.readers.metadata import (
    ABOUT_SUBJECTS,
    MANIFEST,
    file_columns,
    plain,
    table_of,
)
from triptych.datasets.readers.stretch import Findings, Floats, ReadOptions
from triptych.datasets.readers.text import opened
from triptych.errors import InputError

ONSET = ("onset", "start", "begin", "start time", "begin time", "onset time", "from")
END = ("end", "stop", "end time", "stop time", "to", "offset")
LASTS = ("duration", "length", "lasts")
KIND = (
    *(*words.LABEL, "trial type", "event", "event type", "description", "stage", "sleep stage"),
    *("type", "state", "value"),
)
NO_SEIZURE = "no seizure"
_SEIZURE = re.compile(r"Seizure(?:\s+\d+)?\s+(Start|End)\s+Time\s*:\s*([\d.]+)", re.I)
_HEAD = re.compile(rb"onset|start|begin|from", re.I)


def _titled(names: Sequence[str], wanted: Sequence[str]) -> tuple[str, float] | None:
    """The column of this meaning, and what its unit is in s (``start_ms``, ``Onset [s]``)."""
    for name in names:
        word, unit = words.title(name)
        head, _, tail = word.rpartition(" ")
        if not unit and head in wanted and tail in words.UNITS:
            word, unit = head, tail
        if word in wanted:
            return name, words.UNITS.get(unit.lower(), 1.0)
    return None


def events(file: Path, options: ReadOptions) -> Any:
    """A table of events as a frame of text; None of another one."""
    if file.name.split(".")[0].lower() in (MANIFEST, *ABOUT_SUBJECTS):
        return None
    try:
        with opened(file) as handle:
            head = handle.read(4096)
    except (OSError, EOFError, InputError):  # said when the file itself is read
        return None
    frame = table_of(file, {}, must=False) if _HEAD.search(head) else None
    if frame is None or None in _meant(list(frame.columns), options):
        return None
    return frame


def _meant(names: Sequence[str], options: ReadOptions) -> tuple[Any, Any, str | None]:
    """Columns of a table of events: onset, end or duration, label; None where there is none."""
    asked = options.label_column if options.label_column in names else None
    label = asked or words.column(names, KIND)
    return _titled(names, ONSET), _titled(names, END) or _titled(names, LASTS), label


def read_table(
    file: Path,
    frame: Any,
    by_name: Mapping[str, Path],
    kept: Sequence[Path],
    found: dict[Path, Marks],
    options: ReadOptions,
    findings: Findings,
) -> bool:
    """Add the events of a table to those `found`; False if they are of no recording here."""
    names = [str(each) for each in frame.columns]
    (onset, unit), (until, unit_too), label = _meant(names, options)
    at, end = (_seconds(file, frame[name], f) for name, f in ((onset, unit), (until, unit_too)))
    lasts = end - at if _titled(names, END) else end
    titles = file_columns(frame, by_name, must=False)
    places: list[Path | None]
    if titles:
        places = [by_name.get(plain(each)) for each in frame[titles[0]]]
    else:
        places = [partner(file, kept, ENDING)] * len(frame)
    unknown = sum(each is None for each in places)
    if 0 < unknown < len(places):
        findings.say("events of files that are not here are not used", f"{file}: {unknown}")
    asked = (options.label_column,)
    channel = words.column(names, ("channel", "channels", "lead", "electrode"))
    if channel and frame[channel].nunique() > 1:
        findings.say("events of single channels are taken for all channels", str(file))
    for place, begin, long, text in zip(places, at, lasts, frame[label], strict=True):
        if place is not None and np.isfinite(begin):
            marks = found.setdefault(place, Marks())
            marks.taken = tuple(filter(None, [options.label_column])) if label in asked else ()
            span = float(begin), max(float(np.nan_to_num(long)), 0.0), words.text_of(text)
            marks.spans.append(span)
    return unknown < len(places)


def _seconds(file: Path, column: Any, unit: float) -> Floats:
    """Times of events in s: numbers in a unit, or dates and times since 1970."""
    values = columns.numbers(column, ReadOptions())
    if values is not None:
        return values * unit
    return columns.moments(str(file), column, str(column.name), Findings())


def seizures(file: Path) -> dict[str, list[tuple[float, float, str]]]:
    """Seizures of each file that a summary of CHB-MIT names."""
    found: dict[str, list[tuple[float, float, str]]] = {}
    for part in re.split(r"^File Name:", file.read_text("utf-8", errors="replace"), flags=re.M)[1:]:
        times = {"start": list[float](), "end": list[float]()}
        for which, seconds in _SEIZURE.findall(part):
            times[which.lower()].append(float(seconds))
        spans = zip(times["start"], times["end"], strict=False)
        found[part.split("\n", 1)[0].strip()] = [(a, b - a, "seizure") for a, b in spans]
    return found


def wfdb_seizures(file: Path, recording: Path) -> Marks:
    """Seizures of a file as CHB-MIT has them: "[" and "]" at samples of the recording."""
    wfdb: Any = importlib.import_module("wfdb")
    try:
        read = wfdb.rdann(str(recording), "seizures")
        rate = float(read.fs or edf.rate_of(recording))
        at = dict.fromkeys("[]", np.empty(0)) | {
            each: np.asarray(read.sample)[np.array(read.symbol) == each] / rate for each in "[]"
        }
    except Exception as error:  # wfdb meets damaged files with many kinds of exception
        raise InputError(f"{file} cannot be read as annotations; copy it again") from error
    spans = zip(at["["], at["]"], strict=False)
    return Marks([(float(a), float(b - a), "seizure") for a, b in spans], NO_SEIZURE)
