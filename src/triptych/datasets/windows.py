"""Windows cut out of recordings: what training and audits consume."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych import signals
from triptych.datasets.gathered import numbers_of, rows_of, values_of
from triptych.datasets.recordings import Dataset, Ints, Recording, Strings
from triptych.errors import InputError


@dataclass(frozen=True, eq=False)
class Windows:
    """What training and audits consume: n windows, each with `context` samples on either side.

    Attributes
    ----------
    signals
        float32 ``(n, channels, length + 2 * context)`` at `rate` Hz; of `from_windows` `Gathered`.
    record, subject
        ``(n,)`` names; of many windows of `from_windows` `Coded`, as are labels and attributes.
    start
        ``(n,)`` s of the window proper (without context), in the recording or where it starts.
    label
        ``(n,)`` class that covers enough of the window, where the recording has spans; else of the
        event nearest the window's centre, if it is within the events' reach (see `event_offset`);
        else the recording's label, or "".
    event_offset
        ``(n,)`` s from the window's centre to that event, positive if the event is later;
        NaN where there is none. The centre is start + length / 2.
    attributes
        Name → ``(n,)`` words or numbers (as text) of the recording; "" where it has none.
    """

    signals: torch.Tensor
    rate: float
    context: int
    record: Strings
    subject: Strings
    start: NDArray[np.float64]
    label: Strings
    event_offset: NDArray[np.float64]
    attributes: Mapping[str, Strings] = field(default_factory=dict[str, Strings])

    def __len__(self) -> int:
        return self.signals.shape[0]

    @property
    def centred(self) -> torch.Tensor:
        """Signals without context, ``(n, channels, length)``; a view, not a copy."""
        return self.with_context(0).signals

    def with_context(self, samples: int) -> Windows:
        """The same windows with so many samples of context; raises InputError if they have less."""
        surplus = self.context - samples
        if surplus < 0:
            raise InputError(
                f"windows have {self.context} samples of context on either side, but {samples} are "
                f"needed; cut them with context_s={samples / self.rate:g}"
            )
        kept = self.signals[..., surplus : self.signals.shape[-1] - surplus]
        return replace(self, signals=kept, context=samples)

    def take(self, indices: NDArray[Any] | Sequence[int] | torch.Tensor | slice) -> Windows:
        """Pick the windows at these positions (whole numbers, a boolean mask or a slice)."""
        rows = numbers_of(len(self), indices)
        held = ("record", "subject", "start", "label", "event_offset")
        own: dict[str, Any] = {name: values_of(getattr(self, name), rows) for name in held}
        own["attributes"] = {name: values_of(x, rows) for name, x in self.attributes.items()}
        return replace(self, signals=rows_of(self.signals, rows), **own)

    @staticmethod
    def concat(parts: Sequence[Windows]) -> Windows:
        """All windows in one; they must agree in channels, length, rate and context."""
        if not parts:
            raise InputError("there are no windows to put together; give at least one set")
        kinds = {(*part.signals.shape[1:], part.rate, part.context) for part in parts}
        if len(kinds) > 1:
            raise InputError(
                "windows differ in (channels, samples, rate, context): "
                f"{', '.join(map(str, sorted(kinds)))}; bring all recordings to one form first"
            )

        def join(name: str) -> Any:
            return np.concatenate([getattr(part, name) for part in parts])

        named = dict.fromkeys(name for part in parts for name in part.attributes)

        return Windows(
            torch.cat([part.signals for part in parts]),
            parts[0].rate,
            parts[0].context,
            join("record"),
            join("subject"),
            join("start"),
            join("label"),
            join("event_offset"),
            {
                name: np.concatenate(
                    [part.attributes.get(name, np.full(len(part), "")) for part in parts]
                )
                for name in named
            },
        )


def _extent(recording: Recording, length_s: float, context_s: float) -> tuple[int, int]:
    length = round(length_s * recording.rate)
    # Rounded up as crops do, or a shift of the full range would not fit.
    context = math.ceil(context_s * recording.rate - 1e-6)
    if length < 1 or context < 0:
        raise InputError(
            f"windows of {length_s:g} s with {context_s:g} s of context at {recording.rate:g} Hz "
            "hold no samples; expected a length above and a context of at least 0 s"
        )
    return length, context


def _cut_one(recording: Recording, starts: Ints, length_s: float, context_s: float) -> Windows:
    length, context = _extent(recording, length_s, context_s)
    label = np.full(len(starts), recording.label or "")
    if recording.spans is not None:
        label, kept = recording.spans.over(starts, length)
        starts, label = starts[kept], label[kept]
    n = len(starts)
    offset = np.full(n, np.nan)
    events = recording.events
    if events is not None and len(events.sample):
        centre = starts + length / 2
        after = np.searchsorted(events.sample, centre)
        before = np.maximum(after - 1, 0)
        after = np.minimum(after, len(events.sample) - 1)
        gaps = np.abs(events.sample[np.stack([before, after])] - centre)
        nearest = np.where(gaps[0] <= gaps[1], before, after)
        offset = (events.sample[nearest] - centre) / recording.rate
        if recording.spans is None:
            label = np.where(np.abs(offset) <= events.reach_s, events.label[nearest], "")
    try:
        cut_out = signals.cut_windows(recording.signal, starts, length, context)
    except InputError as error:
        raise InputError(f"recording {recording.name}: {error}") from error
    return Windows(
        torch.as_tensor(cut_out),
        recording.rate,
        context,
        np.full(n, recording.name),
        np.full(n, recording.subject),
        recording.start + starts / recording.rate,
        label,
        offset,
        {name: np.full(n, value) for name, value in recording.attributes.items()},
    )


def cut(
    recordings: Dataset | Iterable[Recording],
    length_s: float,
    context_s: float = 0.0,
    starts: float | Sequence[Ints] | None = None,
) -> Windows:
    """Cut windows of `length_s` seconds with `context_s` seconds of neighbours on either side.

    Parameters
    ----------
    recordings
        A data set or recordings of one rate and one number of channels. Where labels change within
        one, windows in which no label covers its share are left out (`Spans`).
    starts
        A number: a window every so many seconds. A sequence with one array per recording:
        first samples of the windows proper. None: side by side, every `length_s`.

    Raises
    ------
    InputError
        If a window leaves its recording, or recordings differ in rate or channels.
    """
    each = tuple(recordings.recordings if isinstance(recordings, Dataset) else recordings)
    if starts is None or isinstance(starts, (int, float)):
        step_s = length_s if starts is None else starts
        starts = []
        for one in each:
            length, context = _extent(one, length_s, context_s)
            step = round(step_s * one.rate)
            starts.append(signals.regular_starts(one.signal.shape[1], length, step, context))
    return Windows.concat(
        [
            _cut_one(one, np.asarray(own, dtype=np.int64), length_s, context_s)
            for one, own in zip(each, starts, strict=True)
        ]
    )


def _generator(seed: int, recording: Recording) -> np.random.Generator:
    # Each recording has its own stream, so that leaving one out does not move the others.
    return np.random.default_rng([seed, zlib.crc32(recording.name.encode())])


def random_windows(
    dataset: Dataset, per_recording: int, length_s: float, context_s: float = 0.0, seed: int = 0
) -> Windows:
    """Cut `per_recording` windows at uniformly random positions out of every recording.

    The positions depend on `seed` and on the recording's name only. Raises InputError for a
    recording that is too short.
    """
    starts: list[Ints] = []
    for one in dataset.recordings:
        length, context = _extent(one, length_s, context_s)
        rng = _generator(seed, one)
        try:
            drawn = signals.random_starts(per_recording, one.signal.shape[1], length, context, rng)
        except InputError as error:
            raise InputError(f"recording {one.name}: {error}") from error
        starts.append(drawn)
    return cut(dataset, length_s, context_s, starts)


def long_enough(dataset: Dataset, length_s: float, context_s: float = 0.0) -> Dataset:
    """Leave out recordings that are too short for a window and its context; a note counts them.

    Raises
    ------
    InputError
        If no recording is left.
    """
    short: list[str] = []
    for one in dataset.recordings:
        length, context = _extent(one, length_s, context_s)
        if one.signal.shape[1] < length + 2 * context:
            short.append(one.name)
    if not short:
        return dataset
    what = f"a window of {length_s:g} s" + (
        f" with {context_s:g} s on either side" if context_s else ""
    )
    if len(short) == len(dataset):
        longest = max(each.duration_s for each in dataset.recordings)
        raise InputError(
            f"{dataset.title} has no window: the longest recording lasts {longest:g} s, shorter "
            f"than {what}; use longer recordings, or shorter windows"
        )
    shown = ", ".join(short[:5]) + (f" and {len(short) - 5} more" if len(short) > 5 else "")
    one = len(short) == 1
    note = (
        f"{len(short)} of {len(dataset)} recordings {'is' if one else 'are'} shorter than {what} "
        f"and {'is' if one else 'are'} left out ({shown})"
    )
    kept = tuple(each for each in dataset.recordings if each.name not in set(short))
    return replace(dataset, recordings=kept, notes=(*dataset.notes, note))


def event_windows(
    dataset: Dataset,
    classes: Sequence[str],
    per_class_and_recording: int,
    max_offset_s: float,
    length_s: float,
    context_s: float = 0.0,
    seed: int = 0,
) -> Windows:
    """Cut windows around events of given classes, each event at a random offset from the centre.

    The offset is uniform within `max_offset_s`, but never so large that another event would be
    nearer the centre: the windows' `label` is always the class that was asked for. Events are
    drawn without repetition; a recording with fewer of a class gives what it has. Events too
    near an end of the recording are left out. Depends on `seed` and the recording's name only.
    """
    starts: list[Ints] = []
    for one in dataset.recordings:
        rng = _generator(seed, one)
        length, context = _extent(one, length_s, context_s)
        drawn = [np.empty(0, dtype=np.int64)]
        if one.events is not None:
            sample = one.events.sample
            most = math.floor(max_offset_s * one.rate)
            # One sample less than half way, so that rounding cannot make the neighbour nearest.
            half = np.concatenate([[most + 1], np.diff(sample) / 2 - 1, [most + 1]])
            room = np.floor(np.minimum(half, most)).astype(np.int64)
            back, ahead = room[:-1], room[1:]
            first = sample - length // 2
            fits = (back >= 0) & (ahead >= 0) & (first - back >= context)
            fits &= first + ahead + length + context <= one.signal.shape[1]
            for wanted in classes:
                pool = np.flatnonzero(fits & (one.events.label == wanted))
                chosen = rng.permutation(pool)[:per_class_and_recording]
                shift = rng.integers(-back[chosen], ahead[chosen], endpoint=True)
                drawn.append(first[chosen] + shift)
        starts.append(np.concatenate(drawn))
    return cut(dataset, length_s, context_s, starts)
