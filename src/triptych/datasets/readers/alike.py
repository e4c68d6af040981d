"""Recordings of different files as one data set: channels, rates and units that must agree."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from triptych.counts import counted
from triptych.datasets.readers import words
from triptych.datasets.readers.stretch import Findings, listed
from triptych.datasets.recordings import Recording
from triptych.errors import InputError

OTHER_UNIT = 5.0  # subjects differ by less; m/s² and g by 9.8, V and mV by 1,000
FEWEST = 4  # recordings that are compared
SENSORS = (  # words in names of files
    ("accelerometer", "acceleration", "accel", "acc"),
    ("gyroscope", "gyro", "gyr"),
    ("magnetometer", "magnetic", "mag"),
    *(("gravity",), ("orientation",), ("ecg", "ekg"), ("ppg", "bvp"), ("eda", "gsr"), ("emg",)),
    *(("eeg",), ("temperature", "temp"), ("respiration", "resp"), ("hr",)),
)


def spelled(recordings: Sequence[Recording], findings: Findings) -> list[Recording]:
    """One spelling for each label and each subject, and what was merged."""
    subjects = words.one_spelling((each.subject for each in recordings), numbers=True)
    labels = words.one_spelling((k for each in recordings for k in each.labels), numbers=False)
    for what, spelling in (("subjects", subjects), ("labels", labels)):
        if found := words.merged(spelling):
            findings.say(f"{what} are taken as one in several spellings: {listed(found, 5)}")
    return [
        replace(
            each,
            subject=subjects[each.subject],
            label=labels.get(each.label or ""),
            spans=each.spans
            and replace(each.spans, label=np.array([labels[str(k)] for k in each.spans.label])),
        )
        for each in recordings
    ]


def alike(
    source: Path | str, recordings: list[Recording], wanted: Sequence[str], findings: Findings
) -> list[Recording]:
    """Bring recordings to the same channels in the same order; refuse what is no one data set.

    Channels are matched by name, whatever their case and order; of recordings with different ones
    the common channels are used, which is said.

    Raises
    ------
    InputError
        Two recordings of one name, no common channel, units that contradict each other.
    """
    again = [name for name, count in Counter(each.name for each in recordings).items() if count > 1]
    if again:
        raise InputError(f"{source} holds two recordings called {again[0]}; rename one")
    first = recordings[0]
    common = [name.casefold() for name in first.channels]
    for each in recordings:
        own = {name.casefold() for name in each.channels}
        common = [name for name in common if name in own]
    if not common:
        counts = Counter(name for each in recordings for name in each.channels)
        most, count = counts.most_common(1)[0]
        told = listed([f"{name} ({n})" for name, n in counts.most_common()], 6)
        raise InputError(
            f"{source} has no channel that all {len(recordings)} recordings have: {told}; pass "
            f"--channels {most} to use those {count} that have it"
        )
    left = sorted(
        {name for each in recordings for name in each.channels if name.casefold() not in common}
    )
    if left and not wanted:
        findings.say(
            f"recordings differ in their channels: those that all have are used ({len(common)}), "
            f"{listed(left, 6)} not"
        )
    made = [_picked(each, common, first) for each in recordings]
    _one_unit(source, made)
    rates = Counter(each.rate for each in made)
    if len(rates) > 1:
        told = listed([f"{rate:g} Hz ({count})" for rate, count in rates.most_common()], 6)
        findings.say(f"recordings differ in their rates: {told}")
    return made


def refuse_sensors_as_one(recordings: Sequence[Recording], places: Mapping[str, Path]) -> None:
    """Raise InputError if files of one folder, of different sensors, have the same channels."""
    seen: dict[tuple[Path, frozenset[str]], dict[str, Path]] = {}
    for each in recordings:
        place = places[each.name]
        parts = set(re.findall("[a-z]+", place.stem.lower()))
        kind = next((names[0] for names in SENSORS if parts & set(names)), None)
        if kind is not None:
            titles = frozenset(name.casefold() for name in each.channels)
            seen.setdefault((place.parent, titles), {})[kind] = place
    for (_, titles), found in seen.items():
        if len(found) > 1:
            first, second, *_ = sorted(found.values())
            raise InputError(
                f"{first} and {second.name} are of different sensors with the same channels "
                f"({', '.join(sorted(titles))}), which would pass for one; read one of them with "
                f"--files '*{first.name}', or join their columns in one table"
            )


def _picked(recording: Recording, common: Sequence[str], first: Recording) -> Recording:
    place = {name.casefold(): row for row, name in enumerate(recording.channels)}
    rows = [place[name] for name in common]
    names = {name.casefold(): name for name in first.channels}
    return replace(
        recording,
        signal=recording.signal
        if rows == list(range(len(recording.channels)))
        else recording.signal[rows],
        channels=tuple(names[name] for name in common),
        units=tuple(recording.units[row] for row in rows) if recording.units else (),
    )


def _one_unit(source: Path | str, recordings: Sequence[Recording]) -> None:
    units: dict[str, tuple[str, str]] = {}
    for each in recordings:
        for channel, unit in zip(each.channels, each.units, strict=False):
            known, where = units.setdefault(channel, (unit, each.name))
            if known and unit and _plain(known) != _plain(unit):
                raise InputError(
                    f"{source} mixes units: channel {channel} is in {known} in {where}, but in "
                    f"{unit} in {each.name}; convert one of them"
                )


def _plain(unit: str) -> str:
    """Two spellings of a unit (uV and µV) are one."""
    return unit.strip().replace("µ", "u").replace("μ", "u").lower()


def inventory(recordings: Sequence[Recording]) -> str:
    """What is there: recordings, subjects, channels, rate, hours, labels, events."""
    first = recordings[0]
    hours = sum(each.duration_s for each in recordings) / 3600
    labels = Counter(label for each in recordings for label in each.labels)
    events = Counter(str(k) for e in recordings if e.events is not None for k in e.events.label)
    said, marked = (
        listed([f"{label} ({count})" for label, count in counts.most_common()], 12)
        for counts in (labels, events)
    )
    subjects = counted(len({each.subject for each in recordings}), "subject")
    return (
        f"{counted(len(recordings), 'recording')} of {subjects}, "
        f"{hours:.2g} hours at {first.rate:g} Hz of {', '.join(first.channels)}; "
        + (f"labels: {said}" if labels else "no labels")
        + (f"; events: {marked}" if events else "")
    )


def doubts(recordings: Sequence[Recording]) -> list[str]:
    """Warnings about recordings that are far stronger or weaker than the others of their label."""
    groups: defaultdict[str | None, list[Recording]] = defaultdict(list)
    for each in recordings:
        groups[each.label].append(each)
    notes: list[str] = []
    for label, group in groups.items():
        if len(group) < FEWEST:
            continue
        levels = [each.level for each in group]
        usual = float(np.median(levels))
        odd = [
            (each.name, level / usual)
            for each, level in zip(group, levels, strict=True)
            if usual > 0 and not usual / OTHER_UNIT < level < usual * OTHER_UNIT
        ]
        if odd:
            name, times = odd[0]
            more = f", and {len(odd) - 1} more" if len(odd) > 1 else ""
            of = "the others" if label is None else f"others of {label}"
            notes.append(
                f"{name} is {times:.2g} times as strong as {of} are in the middle{more}: if it is "
                "in another unit, convert it"
            )
    return notes
