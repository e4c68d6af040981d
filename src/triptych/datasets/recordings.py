"""Recordings and their events: what a data set is before it is cut into windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.signals.preprocessing import Preprocessing

Strings = NDArray[np.str_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Events:
    """Point annotations of a recording, in order of time: `sample` (m,) and `label` (m,).

    A label holds for windows whose centre is at most `reach_s` s from it.
    """

    sample: Ints
    label: Strings
    reach_s: float = np.inf

    def __post_init__(self) -> None:
        if self.sample.shape != self.label.shape or self.sample.ndim != 1:
            raise InputError(
                f"events have {self.sample.shape} samples and {self.label.shape} labels, "
                "expected two equally long lists"
            )
        if (np.diff(self.sample) < 0).any():
            raise InputError("events are not in order of time; sort them by sample")

    def within(self, first: int, end: int) -> Events | None:
        """Those from sample `first` to before `end`, counted from there; None if there are none."""
        own = (self.sample >= first) & (self.sample < end)
        return (
            Events(self.sample[own] - first, self.label[own], self.reach_s) if own.any() else None
        )


@dataclass(frozen=True, eq=False)
class Spans:
    """Labels within a recording, and how much of a window one must cover to be the window's.

    Attributes
    ----------
    begin, end, label
        ``(m,)`` samples (`end` exclusive) and words, in order of time and without overlap.
    share
        Of a window, that its label must cover at least, above 0 to 1.
    mixed
        Label of windows in which none does; None: these windows are left out.
    """

    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    label: Strings
    share: float = 1.0
    mixed: str | None = None

    def scaled(self, factor: float) -> Spans:
        """The same spans where a second has `factor` times as many samples."""
        return replace(self, begin=self.begin * factor, end=self.end * factor)

    def within(self, first: int, end: int) -> Spans:
        """What lies between two samples, counted from the first."""
        begins, ends = (np.clip(each, first, end) - first for each in (self.begin, self.end))
        own = ends > begins
        return replace(self, begin=begins[own], end=ends[own], label=self.label[own])

    def over(self, starts: Ints, length: int) -> tuple[Strings, NDArray[np.bool_]]:
        """Labels of windows that begin at these samples ``(n,)``, and which of them are kept.

        The label is the one that covers most of a window, "" if that is no label.
        """
        names = np.unique(self.label)
        covered = np.zeros((len(names) + 1, len(starts)))
        for row, name in enumerate(names, start=1):
            own = self.label == name
            edges = np.stack([self.begin[own], self.end[own]], axis=1).reshape(-1)
            lasts = np.stack([np.zeros(own.sum()), (self.end - self.begin)[own]], axis=1)
            before = np.cumsum(lasts.reshape(-1))  # samples with this label up to every edge
            covered[row] = np.interp(starts + length, edges, before) - np.interp(
                starts, edges, before
            )
        covered[0] = length - covered.sum(axis=0)
        most = covered.argmax(axis=0)
        sure = covered.max(axis=0) >= self.share * length - 1e-6
        found = np.where(sure, np.array(["", *names])[most], self.mixed or "")
        return found, sure | (self.mixed is not None)


@dataclass(frozen=True, eq=False)
class Recording:
    """One continuous recording of one subject.

    `signal` is float32 ``(channels, time)`` in physical units at `rate` Hz, NaN where a sample is
    missing; `label` is one class for all of it (an activity), `spans` are classes of parts of it,
    `events` classes at points in time (beats), `attributes` what else is known of all of it (name
    → word or number, as text); `start` is the time of its first sample, in s from the first one of
    its file or, where the file says it, since 1970.
    """

    name: str
    subject: str
    signal: NDArray[np.float32]
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...] = ()
    events: Events | None = None
    label: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    start: float = 0.0
    spans: Spans | None = None

    def __post_init__(self) -> None:
        if self.signal.ndim != 2 or self.signal.shape[0] != len(self.channels):
            raise InputError(
                f"recording {self.name} has shape {self.signal.shape} and {len(self.channels)} "
                "channel names, expected (channels, time)"
            )
        if not self.rate > 0:
            raise InputError(f"recording {self.name} has rate {self.rate!r}, expected Hz above 0")

    @property
    def labels(self) -> tuple[str, ...]:
        """Its label, and those of its spans, in order of time."""
        inside = () if self.spans is None else tuple(map(str, self.spans.label))
        return (*([self.label] if self.label else []), *inside)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.signal.shape[1] / self.rate

    @property
    def level(self) -> float:
        """Root mean square over all channels, in the signal's unit."""
        return float(np.sqrt(np.nanmean(np.square(self.signal, dtype=float))))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Recordings with their origin.

    `title` contains the word "simulated" if the signals are synthetic; `fingerprint` is
    ``"sha256:..."`` of the raw files or of the generator's settings; `notes` are caveats met
    while reading (skipped files, malformed lines).
    """

    name: str
    title: str
    recordings: tuple[Recording, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the recordings, in order."""
        return tuple(recording.name for recording in self.recordings)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject once, in order of appearance."""
        return tuple(self.by_subject())

    def by_subject(self) -> dict[str, tuple[Recording, ...]]:
        """Group the recordings by subject, in order of appearance."""
        groups: dict[str, tuple[Recording, ...]] = {}
        for recording in self.recordings:
            groups[recording.subject] = (*groups.get(recording.subject, ()), recording)
        return groups

    def select(
        self, names: Iterable[str] | None = None, subjects: Iterable[str] | None = None
    ) -> Dataset:
        """Keep the recordings with these names and of these subjects (None = all), in order.

        Raises
        ------
        InputError
            If a name or a subject is not in the data set.
        """
        kept = self.recordings
        for wanted, known, what in (
            (names, self.names, "name"),
            (subjects, self.subjects, "subject"),
        ):
            if wanted is None:
                continue
            chosen = {wanted} if isinstance(wanted, str) else set(wanted)
            unknown = sorted(chosen - set(known))
            if unknown:
                raise InputError(
                    f"{self.name} has no {what} {', '.join(unknown)}; it has {', '.join(known)}"
                )
            kept = tuple(recording for recording in kept if getattr(recording, what) in chosen)
        return replace(self, recordings=kept)

    def map(self, function: Callable[[Recording], Recording]) -> Dataset:
        """Apply `function` (e.g. `preprocess`) to every recording."""
        return replace(self, recordings=tuple(function(each) for each in self.recordings))


def preprocess(
    recording: Recording,
    rate: float | Preprocessing,
    low: float | None = None,
    high: float | None = None,
) -> Recording:
    """Resample and filter a recording as `Preprocessing.apply` does.

    `rate`, `low` and `high` in Hz are short for ``Preprocessing(rate, low=low, high=high)``, which
    may stand for `rate`. Events and spans keep their time: their samples are rescaled to the new
    rate.
    """
    by = rate if isinstance(rate, Preprocessing) else Preprocessing(rate, low=low, high=high)
    signal = by.apply(recording.signal, recording.rate).astype(np.float32, copy=False)
    events = recording.events
    if events is not None:
        sample = np.rint(events.sample * (by.rate / recording.rate)).astype(np.int64)
        events = replace(events, sample=np.minimum(sample, signal.shape[1] - 1))
    spans = recording.spans and recording.spans.scaled(by.rate / recording.rate)
    return replace(recording, signal=signal, rate=float(by.rate), events=events, spans=spans)
