"""What a reader says of a file: continuous stretches, and sentences about what it met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.recordings import Events

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Missing = Literal["refuse", "interpolate", "mask", "cut"]
SHORTEST = 10  # samples of a stretch
REACH_S = 2.0  # the label of a moment holds for windows whose centre is no further from it


@dataclass(frozen=True)
class Options:
    """How own files are to be read; None or empty: as the file says.

    Attributes
    ----------
    rate
        Hz of files that do not state it; stamped files are resampled to it.
    channels
        Channels to use, in this order.
    label_column, subject_column, time_column
        Columns of tables, arrays of ``.npz`` and ``.mat`` files.
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


def annotated(
    whole: Stretch, marks: Iterable[tuple[float, float, str]], options: Options
) -> list[Stretch]:
    """A stretch with its events, cut where a lasting annotation begins or ends.

    Parameters
    ----------
    whole
        At a known rate.
    marks
        Onset in s from the stretch's first sample, duration in s, text: what lasts is the label
        of what it covers, a moment is an event.
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
    names = [""]
    for at, lasts, text in plain:
        if lasts and text not in options.no_label:
            names.append(text)
            first, end = (min(max(round(s * rate), 0), n) for s in (at, at + lasts))
            codes[first:end] = len(names) - 1
    if not codes.any():
        return [replace(whole, events=events)]
    spelled = np.array(names)[codes]
    return [
        replace(
            whole,
            signal=whole.signal[:, run],
            label=str(spelled[run.start]) or None,
            start=whole.start + run.start / rate,
        )
        for run in runs_of(spelled)
    ]
