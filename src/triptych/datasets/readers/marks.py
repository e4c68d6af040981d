"""Annotations in files beside recordings: hypnograms, summaries of seizures, tables of events."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from triptych.datasets.readers import columns, edf, words
from triptych.datasets.readers.metadata import SMALL, file_columns, names_of, plain, table_of
from triptych.datasets.readers.stretch import Findings, Floats, Options, Stretch, annotated
from triptych.datasets.readers.table import TEXT, kind_of
from triptych.datasets.readers.text import opened
from triptych.errors import InputError

ONSET = ("onset", "start", "begin", "start time", "begin time", "onset time", "from")
END = ("end", "stop", "end time", "stop time", "to", "offset")
LASTS = ("duration", "length", "lasts")
KIND = (
    *(*words.LABEL, "trial type", "event", "event type", "description", "stage", "sleep stage"),
    *("type", "state", "value"),
)
SINCE_1970 = 1e8  # s; times beyond it are those of a clock
NO_SEIZURE = "no seizure"
_SEIZURE = re.compile(r"Seizure(?:\s+\d+)?\s+(Start|End)\s+Time\s*:\s*([\d.]+)", re.I)
_HEAD = re.compile(rb"onset|start|begin|from", re.I)
# What may follow the part of two names that is the same.
_ENDING = re.compile(r"(?:[-_. ][A-Za-z]+)?")
_LOOSE = re.compile(r"[A-Za-z0-9]?(?:[-_. ]?[A-Za-z]+)?")  # SC4001E|0-PSG, SC4001E|C-Hypnogram


@dataclass
class Marks:
    """What is marked in a recording.

    Attributes
    ----------
    spans
        Onset in s from its first sample (or since 1970), duration in s (0: a moment), text.
    rest
        Label of what is not marked; "" for none.
    taken
        Column that was asked for as the label.
    """

    spans: list[tuple[float, float, str]] = field(default_factory=list[tuple[float, float, str]])
    rest: str = ""
    taken: tuple[str, ...] = ()


def marks_of(
    source: Path, files: Sequence[Path], options: Options, findings: Findings
) -> tuple[list[Path], dict[Path, Marks], list[Path]]:
    """Which files are recordings, what is marked in them, and the files that say so.

    Known are EDF+ files of annotations only and tables of events (onset, end or duration, label),
    paired by a column of file names or by the begin of their own name; ``chb01-summary.txt`` and
    ``.edf.seizures`` of CHB-MIT. What has no recording is named.
    """
    found: dict[Path, Marks] = {}
    read: list[Path] = []
    alone: list[Path] = []
    is_edf = {each: kind_of(each) in (".edf", ".bdf") for each in files}
    only = [each for each in files if is_edf[each] and edf.only_annotations(each)]
    texts = [e for e in files if kind_of(e) in TEXT and e.stat().st_size <= SMALL]
    tables = {e: frame for e in texts if (frame := _events(e, options)) is not None}
    summaries = [each for each in texts if each.name.lower().endswith("summary.txt")]
    kept = [each for each in files if each not in {*only, *tables, *summaries}]
    by_name = names_of(source, kept)
    for file in only:
        place = partner(file, [each for each in kept if is_edf[each]], _LOOSE)
        if place is None:
            alone.append(file)
            continue
        begins = edf.began(file), edf.began(place)
        late = (begins[0] - begins[1]).total_seconds() if begins[0] and begins[1] else 0.0
        if abs(late) > 86400:
            findings.say("annotations that begin on another day count from the recording's begin",
                         str(file))  # fmt: skip
            late = 0.0
        spans = [(at + late, lasts, text) for at, lasts, text in edf.annotations_of(file)]
        found.setdefault(place, Marks()).spans += spans
        read.append(file)
    for file in summaries:
        said = _seizures(file)
        here = {by_name[name]: spans for name, spans in said.items() if name in by_name}
        for place, spans in here.items():
            found.setdefault(place, Marks(rest=NO_SEIZURE)).spans += spans
        (read if here else alone).append(file)
    for file, frame in tables.items():
        if _read_table(file, frame, by_name, kept, found, options, findings):
            read.append(file)
        else:
            alone.append(file)
    for place in [each for each in kept if is_edf[each] and each not in found]:
        beside = place.with_name(f"{place.name}.seizures")
        if beside.is_file():
            found[place] = _wfdb_seizures(beside, place)
    for file in alone:
        findings.say("annotations without a recording of their own are not used", str(file))
    if read:
        findings.say("labels are read from annotations beside", ", ".join(e.name for e in read[:3]))
    return kept, found, [*read, *alone]


def applied(
    stretches: list[Stretch], marks: Marks, rate: float | None, options: Options
) -> list[Stretch]:
    """Stretches of a file with what is marked in it; `rate` is that of one that states none."""
    begin = stretches[0].start if stretches and stretches[0].start > SINCE_1970 else 0.0
    found: list[Stretch] = []
    for each in stretches:
        if (own := each.rate or rate) is None:  # asked for when it is checked
            return stretches
        shift = each.start - begin
        spans = [
            (at - (each.start if at > SINCE_1970 else shift), lasts, text)
            for at, lasts, text in marks.spans
        ]
        whole = replace(each, rate=own, taken=(*each.taken, *marks.taken))
        found += annotated(whole, spans, options, marks.rest)
    return [replace(e, part=str(k) if len(found) > 1 else e.part) for k, e in enumerate(found)]


def partner(file: Path, recordings: Sequence[Path], ending: re.Pattern[str]) -> Path | None:
    """The recording whose name begins as the file's does and differs in its `ending` only.

    In the same folder, else in any; None if there is none, or several.
    """
    stem = file.name.split(".")[0]
    here = [each for each in recordings if each.parent == file.parent]
    for pool in (here, recordings):
        shared: dict[Path, int] = {}
        for each in pool:
            other = each.name.split(".")[0]
            pairs = enumerate(zip(stem, other, strict=False))
            n = next((k for k, (a, b) in pairs if a != b), min(len(stem), len(other)))
            differ = [text[n : n + 1].isdigit() for text in (stem, other)]
            if not n or all(differ) or (any(differ) and stem[n - 1].isdigit()):  # another number
                continue
            if ending is _ENDING and n < len(other):  # back to where the last word begins
                n = max(stem.rfind(mark, 0, n) for mark in "-_ ")
            if n > 0 and ending.fullmatch(stem[n:]) and ending.fullmatch(other[n:]):
                shared[each] = n
        best = [each for each, n in shared.items() if n == max(shared.values())]
        if len(best) == 1:
            return best[0]
    return None


def _seizures(file: Path) -> dict[str, list[tuple[float, float, str]]]:
    """Seizures of each file that a summary of CHB-MIT names."""
    found: dict[str, list[tuple[float, float, str]]] = {}
    for part in re.split(r"^File Name:", file.read_text("utf-8", errors="replace"), flags=re.M)[1:]:
        times = {"start": list[float](), "end": list[float]()}
        for which, seconds in _SEIZURE.findall(part):
            times[which.lower()].append(float(seconds))
        spans = zip(times["start"], times["end"], strict=False)
        found[part.split("\n", 1)[0].strip()] = [(a, b - a, "seizure") for a, b in spans]
    return found


def _wfdb_seizures(file: Path, recording: Path) -> Marks:
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


def _titled(names: Sequence[str], wanted: Sequence[str]) -> tuple[str, float] | None:
    """The column of this meaning, and what its unit is in s (``start_ms``, ``Onset [s]``)."""
    for name in names:
        plain, unit = words.title(name)
        head, _, tail = plain.rpartition(" ")
        if not unit and head in wanted and tail in words.UNITS:
            plain, unit = head, tail
        if plain in wanted:
            return name, words.UNITS.get(unit.lower(), 1.0)
    return None


def _events(file: Path, options: Options) -> Any:
    """A table of events as a frame of text; None of another one."""
    try:
        with opened(file) as handle:
            head = handle.read(4096)
    except (OSError, EOFError, InputError):  # said when the file itself is read
        return None
    frame = table_of(file, {}, must=False) if _HEAD.search(head) else None
    if frame is None or None in _meant(list(frame.columns), options):
        return None
    return frame


def _meant(names: Sequence[str], options: Options) -> tuple[Any, Any, str | None]:
    """Columns of a table of events: onset, end or duration, label; None where there is none."""
    asked = options.label_column if options.label_column in names else None
    label = asked or words.column(names, KIND)
    return _titled(names, ONSET), _titled(names, END) or _titled(names, LASTS), label


def _read_table(
    file: Path,
    frame: Any,
    by_name: Mapping[str, Path],
    kept: Sequence[Path],
    found: dict[Path, Marks],
    options: Options,
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
        places = [partner(file, kept, _ENDING)] * len(frame)
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
    values = columns.numbers(column, Options())
    if values is not None:
        return values * unit
    return columns.moments(str(file), column, str(column.name), Findings())
