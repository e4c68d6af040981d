"""From what a file or an object states to checked recordings: rate, subject, missing values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from triptych import signals
from triptych.datasets.readers import words
from triptych.datasets.readers.labels import of_attributes
from triptych.datasets.readers.metadata import Metadata
from triptych.datasets.readers.stretch import (
    SHORTEST,
    Findings,
    Floats,
    ReadOptions,
    Stretch,
    listed,
)
from triptych.datasets.readers.values import flag, float32
from triptych.datasets.recordings import Recording
from triptych.errors import InputError
from triptych.files import readable

FILES = "files"


@dataclass(frozen=True)
class Origin:
    """Where a stretch is from, and what is known of it beside.

    Attributes
    ----------
    name, where
        Of its recordings, and of their place, for messages.
    subject
        Known without the stretch; goes before what the stretch states.
    said, of_subject
        Attributes of it (rate and label among them), and of each subject.
    kind
        What states no subject, in the plural.
    whole
        Recording that it is a piece of; a file's pieces are named after it by `name` alone.
    titles
        Columns of tables about recordings: one of these may be asked for that this one lacks.
    """

    name: str
    where: str
    subject: str | None = None
    said: Mapping[str, str] = field(default_factory=dict[str, str])
    of_subject: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict[str, Mapping[str, str]]
    )
    kind: str = FILES
    whole: str = ""
    titles: Set[str] = frozenset()


def finished(
    file: Path,
    root: Path,
    stem: str,
    stretch: Stretch,
    about: Metadata,
    options: ReadOptions,
    findings: Findings,
) -> list[Recording]:
    """Checked recordings of one stretch of a file, at a known rate, in float32."""
    said = about.of_file.get(file, {})
    subject = said.get("subject") or _by_path(file, root, options)
    origin = Origin(stem, str(file), subject, said, about.of_subject, titles=about.titles)
    return checked(stretch, origin, options, findings)


def checked(
    stretch: Stretch, origin: Origin, options: ReadOptions, findings: Findings
) -> list[Recording]:
    """Checked recordings of one stretch of any origin, at a known rate, in float32."""
    part = f"#{stretch.part}" if stretch.part else ""
    where = f"{origin.where}{part}"
    if options.channels:
        rows = _rows(stretch, options.channels, origin.where)
        stretch = replace(
            stretch,
            signal=stretch.signal[rows],
            channels=tuple(stretch.channels[row] for row in rows),
            units=tuple(stretch.units[row] for row in rows) if stretch.units else (),
        )
    rate = _rate(stretch, origin, where, options)
    if stretch.signal.shape[1] < SHORTEST:
        findings.say(f"stretches of fewer than {SHORTEST} samples are left out", origin.where)
        return []
    about = dict(stretch.attributes)
    about |= {k: v for k, v in origin.said.items() if k not in ("rate", "subject", "label")}
    beside = {*stretch.taken, *origin.titles}
    subject = _asked(about, options.subject_column, "subject", beside, where)
    subject = subject or origin.subject or stretch.subject
    if subject is None:
        subject = origin.whole or origin.name
        findings.say(
            f"{origin.kind} that state no subject are taken as one subject each, so splits between "
            f"subjects rest on one {origin.kind[:-1]} per subject",
            origin.where,
        )
    known = origin.of_subject.get(subject, {})
    about |= {key: value for key, value in known.items() if key not in origin.said}
    label = of_attributes(about, options)
    if label is not None:  # of the whole file, so it goes before moments
        stretch = replace(stretch, events=None)
    elif (label := _asked(about, options.label_column, "label", beside, where)) is None:
        asked = options.label_column is not None
        label = stretch.label if asked else origin.said.get("label") or stretch.label
    label = None if label in options.no_label else label or None
    found: list[Recording] = []
    for number, (first, values) in enumerate(_present(stretch, where, rate, options, findings)):
        events = stretch.events
        name = origin.name + part + (f".{number}" if number else "")
        if events is not None and (first or values.shape[1] < stretch.signal.shape[1]):
            events = events.within(first, first + values.shape[1])
        signal = float32(values, where, findings)
        flag(signal, stretch.channels, where, rate, findings)
        found.append(
            Recording(
                name=name,
                subject=subject,
                signal=signal,
                rate=float(rate),
                channels=tuple(each.strip() for each in stretch.channels),
                units=stretch.units,
                events=events,
                label=label,
                attributes=about,
                start=stretch.start + first / rate,
                spans=stretch.spans and stretch.spans.within(first, first + values.shape[1]),
            )
        )
    return found


def _asked(
    about: dict[str, str], column: str | None, what: str, others: Set[str], where: str
) -> str | None:
    """Take the attribute that was asked for as label or subject out of `about`.

    None without one. Raises InputError if it is none of the `others` either, which the file itself
    or tables have.
    """
    key = next((each for each in about if column and each.casefold() == column.casefold()), None)
    if key is not None:
        return words.codes_of(words.text_of(about.pop(key)))
    if column and column.casefold() not in map(str.casefold, others):
        raise InputError(
            f"{where} has no attribute {column!r} as its {what}; it has "
            f"{listed(sorted(about), 12) or 'none'}"
        )
    return None


def _rate(stretch: Stretch, origin: Origin, where: str, options: ReadOptions) -> float:
    """The rate that the stretch states, else the one written down beside it, else the option."""
    stated = number(origin.said.get("rate"), where)
    rate = stretch.rate or stated or options.rate
    given = options.rate if stretch.rate and not stated else stated or options.rate
    if stretch.rate and given and abs(given / stretch.rate - 1) > 1e-3:
        raise InputError(
            f"{where} states a rate of {stretch.rate:g} Hz, but {given:g} Hz was given for it; "
            "leave the given one out, or correct the wrong one"
        )
    if rate is None:
        beside = (
            ", or write it into the column rate of recordings.csv" if origin.kind == FILES else ""
        )
        raise InputError(f"{where} does not state its sampling rate; pass --rate in Hz{beside}")
    return rate


def number(text: str | None, where: str) -> float | None:
    """A rate in Hz that is written down; None without one (InputError for other words)."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"the rate of {where} is {text!r}, expected a number of Hz") from error


def _by_path(file: Path, root: Path, options: ReadOptions) -> str | None:
    """Subject by the pattern that was given, or a folder called ``subject=p1`` or ``sub-01``."""
    relative = readable(file.relative_to(root).as_posix())
    if options.subject_pattern:
        try:
            found = re.search(options.subject_pattern, relative)
        except re.error as error:
            raise InputError(f"--subject-pattern {options.subject_pattern!r}: {error}") from error
        if found is None or not found.groups():
            raise InputError(
                f"--subject-pattern {options.subject_pattern!r} finds no subject in {relative}; "
                "write it with one group, such as (S\\d+)"
            )
        return words.text_of(found[1])
    for each in Path(relative).parts[:-1]:
        key, equals, value = each.partition("=")
        if equals and words.title(key)[0] in words.SUBJECT:
            return words.text_of(value)
        if re.fullmatch(r"sub-[A-Za-z0-9]+", each):  # BIDS
            return each
    return None


def _present(
    stretch: Stretch, where: str, rate: float, options: ReadOptions, findings: Findings
) -> list[tuple[int, Floats]]:
    """Values and their gaps: refused, bridged or kept up to `max_gap` s, or cut."""
    values: Floats = np.asarray(stretch.signal, dtype=np.float64)
    if options.missing_value is not None:
        values = np.where(values == options.missing_value, np.nan, values)
    gone = ~np.isfinite(values)
    if not gone.any():
        return [(0, values)]
    values = values.copy()  # an array in memory is its owner's
    if options.missing == "refuse":
        try:
            signals.validate(
                values, rate, name=where, channels=stretch.channels, allow_constant=True
            )
        except InputError as error:
            raise InputError(
                f"{error}, or pass --missing interpolate or --missing mask or --missing cut"
            ) from error
    longest = 0 if options.missing == "cut" else round(options.max_gap * rate)
    at = np.arange(values.shape[1], dtype=np.int64)
    cut = np.zeros(values.shape[1], dtype=np.bool_)
    for row, missing in zip(values, gone, strict=True):
        if missing.all():
            raise InputError(
                f"{where} has a channel without any value; leave it out with --channels"
            )
        edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
        for begin, end in edges.reshape(-1, 2):
            if end - begin > longest or begin == 0 or end == len(row):
                cut[begin:end] = True
        row[missing] = np.interp(at[missing], at[~missing], row[~missing])
    if options.missing == "mask":
        values[gone] = np.nan
    kind = "masked" if options.missing == "mask" else "bridged"
    share = f"{100 * gone.mean():.2g} %"
    findings.say(f"missing values are {kind} or cut ({options.missing})", f"{where}: {share}")
    edges = np.flatnonzero(np.diff(np.concatenate([[True], cut, [True]]).astype(np.int8)))
    kept = [
        (int(a), values[:, a:b])
        for a, b in edges.reshape(-1, 2)
        if b - a >= SHORTEST and not np.isnan(values[:, a:b]).all(axis=1).any()
    ]
    if len(kept) < len(edges) // 2:
        findings.say(f"stretches of fewer than {SHORTEST} samples are left out", where)
    return kept


def _rows(stretch: Stretch, wanted: Sequence[str], where: str) -> list[int]:
    plain = {each.strip().casefold(): k for k, each in enumerate(stretch.channels)}
    missing = [each for each in wanted if each.strip().casefold() not in plain]
    if missing:
        raise InputError(
            f"{where} has no channel {', '.join(missing)}; it has {', '.join(stretch.channels)}"
        )
    return [plain[each.strip().casefold()] for each in wanted]
