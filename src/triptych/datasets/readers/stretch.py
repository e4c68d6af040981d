"""What a reader says of a file: continuous stretches, and sentences about what it met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.recordings import Events, Spans

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Missing = Literal["refuse", "interpolate", "mask", "cut"]
SHORTEST = 10  # samples of a stretch
REACH_S = 2.0  # the label of a moment holds for windows whose centre is no further from it


@dataclass(frozen=True)
class ReadOptions:
    """How own files are to be read; None or empty: as the file says.

    Attributes
    ----------
    rate
        Hz of files that do not state it; stamped files are resampled to it.
    channels
        Channels to use, in this order.
    label_column, subject_column, time_column
        Columns of tables, arrays of ``.npz`` and ``.mat`` files; label and subject also attributes
        that a header or a table beside the files states.
    label_columns
        Several label columns of 0 and 1: a label is a set of their names.
    files
        Pattern of the files to read, ``*/ACC.csv``; tables about recordings are read anyway.
    label_separator
        What stands between several labels in one word, which is then a set of them.
    target_column
        Column, array or attribute of a number to be learned, which is then the label.
    time_unit
        ``"s"``, ``"ms"``, ``"us"``, ``"ns"``, ``"min"``, ``"h"`` or ``"days"`` of the times.
    no_label
        Words in a label column that mean "no label" (an empty cell always does).
    missing
        What becomes of NaN and missing values: refused; interpolated, or kept as NaN for models
        that mask them, over at most `max_gap` s and cut where more is missing; or cut everywhere.
    missing_value
        A number that stands for a missing value, such as -9999.
    rows
        Whether a row of a table is a sample, or a window of samples with one label.
    subject_pattern
        Regular expression with one group, which is the subject, searched in a file's path.
    annotations
        Extension of the WFDB annotation files to read.
    attributes
        Columns and arrays that are attributes; a recording begins where one changes.
    titles
        Names of the columns of tables without a line of titles; ``"..."`` stands for all others.
    min_share
        Of a window, that its label must cover; None: a recording begins where the label changes.
    transitions
        Label of windows in which none covers so much; None: they are left out.
    """

    rate: float | None = None
    channels: tuple[str, ...] = ()
    label_column: str | None = None
    subject_column: str | None = None
    time_column: str | None = None
    time_unit: str | None = None
    no_label: tuple[str, ...] = ()
    missing: Missing = "refuse"
    max_gap: float = 0.1
    missing_value: float | None = None
    rows: Literal["samples", "windows"] = "samples"
    subject_pattern: str | None = None
    annotations: str | None = None
    # Those below came later: unset, they are not in the text that fingerprints are made of.
    label_columns: tuple[str, ...] = field(default=(), repr=False)
    target_column: str | None = field(default=None, repr=False)
    attributes: tuple[str, ...] = field(default=(), repr=False)
    titles: tuple[str, ...] = field(default=(), repr=False)
    min_share: float | None = field(default=None, repr=False)
    transitions: str | None = field(default=None, repr=False)
    label_separator: str | None = field(default=None, repr=False)
    files: str | None = field(default=None, repr=False)

    @property
    def named(self) -> tuple[str, ...]:
        """Columns of label and subject that are asked for by name."""
        return tuple(filter(None, (self.label_column, self.subject_column)))

    def __str__(self) -> str:
        later = {each.name: getattr(self, each.name) for each in fields(self) if not each.repr}
        return repr(self) + "".join(f" {name}={value!r}" for name, value in later.items() if value)


@dataclass(frozen=True, eq=False)
class Stretch:
    """One continuous stretch of a file, as the file states it (None: it does not say).

    Attributes
    ----------
    part
        Tells it from others of its file; "" if it is all of it.
    signal
        (channels, time), of any number type; NaN where a value is missing.
    start
        Its first sample: s from the first one of the file or, where that says it, since 1970.
    spans
        Labels of its parts, where it is not cut at them.
    taken
        Columns that were asked for by name, and from which label and subject are.
    """

    part: str
    signal: NDArray[Any]
    channels: tuple[str, ...]
    units: tuple[str, ...] = ()
    rate: float | None = None
    label: str | None = None
    subject: str | None = None
    start: float = 0.0
    events: Events | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    spans: Spans | None = None
    taken: tuple[str, ...] = ()


@dataclass
class Findings:
    """What was met on the way, one sentence per kind, however many files have it.

    Files are named without the folder `root`.
    """

    root: str = ""
    found: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def say(self, sentence: str, where: str = "") -> None:
        """Keep a sentence (without full stop), and the file it is about."""
        where = where.replace(self.root, "") if self.root else where
        places = self.found.setdefault(sentence, [])
        if where and where not in places:
            places.append(where)

    def sentences(self, verbose: bool = False) -> list[str]:
        """Every kind once, with counts and three examples; all places if `verbose`."""
        return [
            f"{text} ({listed(places, None if verbose else 3)})" if places else text
            for text, places in self.found.items()
        ]


def listed(names: Sequence[str], most: int | None = 3) -> str:
    """``"a.csv, b.csv, c.csv and 4 more"``."""
    shown = names if most is None else names[:most]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def runs_of(*columns: NDArray[Any] | None) -> list[slice]:
    """Stretches of rows in which none of these columns changes."""
    known = [each for each in columns if each is not None]
    n = len(known[0])
    change = np.zeros(max(n - 1, 0), dtype=np.bool_)
    for each in known:
        change |= each[1:] != each[:-1]
    edges = [0, *(np.flatnonzero(change) + 1).tolist(), n]
    return [slice(a, b) for a, b in pairwise(edges)]


def labelled(whole: Stretch, spelled: NDArray[np.str_], options: ReadOptions) -> list[Stretch]:
    """A stretch with a label for every sample ("": none): cut where it changes, or with spans.

    It has spans where a minimum share of a window is asked for, and so one label is enough.
    """
    runs = runs_of(spelled)
    if len(runs) > 1 and options.min_share is not None:
        held = [run for run in runs if spelled[run.start]]
        spans = Spans(
            np.array([run.start for run in held], float),
            np.array([run.stop for run in held], float),
            np.array([str(spelled[run.start]) for run in held]),
            options.min_share,
            options.transitions,
        )
        return [replace(whole, label=None, spans=spans, events=None)]
    return [
        replace(
            whole,
            signal=whole.signal[:, run],
            label=str(spelled[run.start]) or None,
            start=whole.start + (run.start / whole.rate if whole.rate else 0.0),
            events=None,  # what lasts goes before moments
        )
        for run in runs
    ]


def annotated(
    whole: Stretch,
    marks: Iterable[tuple[float, float, str]],
    options: ReadOptions,
    findings: Findings,
    rest: str = "",
) -> list[Stretch]:
    """A stretch with its events, and the labels of its lasting annotations, as `labelled`.

    Parameters
    ----------
    whole
        At a known rate.
    marks
        Onset in s from the stretch's first sample, duration in s, text: what lasts is the label
        of what it covers, a moment is an event.
    rest
        Label of what no mark covers.
    """
    rate, n = whole.rate or 1.0, whole.signal.shape[1]
    plain = [(at, lasts, " ".join(str(text).split())) for at, lasts, text in marks]
    moments = sorted(
        (round(at * rate), text) for at, lasts, text in plain if not lasts and 0 <= at < n / rate
    )
    events = None
    if moments:
        samples, texts = zip(*moments, strict=True)
        events = Events(np.array(samples, np.int64), np.array(texts), REACH_S)
    codes = np.zeros(n, dtype=np.int64)
    names = [rest]
    for at, lasts, text in plain:
        if lasts and text not in options.no_label:
            names.append(text)
            first, end = (min(max(round(s * rate), 0), n) for s in (at, at + lasts))
            codes[first:end] = len(names) - 1
    if not codes.any():
        return [replace(whole, events=events or whole.events, label=rest or whole.label)]
    if unused := {str(each) for one in (events, whole.events) if one for each in one.label}:
        findings.say(
            "annotations of a moment are not used beside those that last: "
            f"{listed(sorted(unused), 5)}"
        )
    return labelled(whole, np.array(names)[codes], options)
