"""EDF, EDF+, BDF and BDF+ recordings, by edfio: several rates, annotations, gaps."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych import signals
from triptych.datasets.readers import words
from triptych.datasets.readers.stretch import (
    Findings,
    Floats,
    ReadOptions,
    Stretch,
    annotated,
    listed,
)
from triptych.errors import InputError


def read(path: Path, options: ReadOptions, findings: Findings) -> list[Stretch]:
    """Read one file; signals of lower rates are brought to the highest.

    Annotations that last are labels of what they cover, those of a moment are events. A
    discontinuous file gives a stretch for each of its parts.
    """
    with _sound(path):
        return _read(path, options, findings)


def _read(path: Path, options: ReadOptions, findings: Findings) -> list[Stretch]:
    file = _open(path)
    held = [each for each in file.signals if len(each.data)]
    if not held:
        raise InputError(f"{path} has no signals")
    rates = [float(each.sampling_frequency) for each in held]
    rate = max(rates)
    slower = [f"{s.label} {own:g} Hz" for s, own in zip(held, rates, strict=True) if own != rate]
    if slower:
        findings.say(
            f"signals of lower rates ({listed(slower, 6)}) are brought to {rate:g} Hz", str(path)
        )
    onsets = _onsets(path, file)
    found: list[Stretch] = []
    for first, end in _parts(onsets, float(file.data_record_duration)):
        rows: list[NDArray[Any]] = []
        for each, own in zip(held, rates, strict=True):
            per_record = len(each.data) // max(len(onsets), 1)
            part = np.asarray(each.data, np.float64)[first * per_record : end * per_record]
            rows.append(signals.resample(part[None], own, rate)[0])
        length = min(map(len, rows))
        whole = Stretch(
            part="",
            signal=np.stack([row[:length] for row in rows]),
            channels=words.told_apart(str(each.label) for each in held),
            units=tuple(str(each.physical_dimension) for each in held),
            rate=rate,
            subject=_patient(file),
            start=float(onsets[first] - onsets[0]),
        )
        begin = float(onsets[first])
        marks = [(float(a.onset) - begin, float(a.duration or 0), a.text) for a in file.annotations]
        found += annotated(whole, marks, options, findings)
    if len(onsets) and len(found) > 1 and not bool(file.is_continuous):
        findings.say("the file is discontinuous: its parts are kept apart", str(path))
    return [replace(each, part=str(k) if len(found) > 1 else "") for k, each in enumerate(found)]


def only_annotations(path: Path) -> bool:
    """Whether a file holds annotations of another one, and no signals (a hypnogram)."""
    with open(path, "rb") as handle:
        head = handle.read(256)
        count = int(head[252:256]) if head[252:256].strip().isdigit() else 0
        labels = handle.read(16 * count)
    named = [labels[k : k + 16].strip() for k in range(0, len(labels), 16)]
    return bool(named) and all(each in (b"EDF Annotations", b"BDF Annotations") for each in named)


def annotations_of(path: Path) -> list[tuple[float, float, str]]:
    """Onset in s from the file's begin, duration in s (0: a moment) and text of its annotations."""
    with _sound(path):
        held = _open(path).annotations
        return [(float(each.onset), float(each.duration or 0), str(each.text)) for each in held]


def rate_of(path: Path) -> float:
    """The highest rate of its signals in Hz."""
    with _sound(path):
        return max(float(each.sampling_frequency) for each in _open(path).signals)


def began(path: Path) -> datetime | None:
    """When a file says that it begins."""
    with open(path, "rb") as handle:
        stated = handle.read(184)[168:].decode("ascii", errors="replace")
    try:
        return datetime.strptime(stated, "%d.%m.%y%H.%M.%S")
    except ValueError:
        return None


def _open(path: Path) -> Any:
    try:
        edfio: Any = importlib.import_module("edfio")
    except ImportError as error:
        raise InputError(
            f"{path} needs edfio; install it with `pip install 'triptych[edf]'`"
        ) from error
    return (edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf)(path)


@contextmanager
def _sound(path: Path) -> Generator[None]:
    """What edfio meets in a damaged file, now or when a part of it is first used, as a sentence."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # of many kinds
        text = (str(error).strip().splitlines() or ["no details"])[0][:120]
        raise InputError(
            f"{path} cannot be read as {path.suffix[1:].upper()} ({type(error).__name__}: {text}); "
            "copy it again"
        ) from error


def _patient(file: Any) -> str | None:
    code = str(getattr(getattr(file, "patient", None), "code", "") or "").strip()
    return code if code not in ("", "X") else None


def _onsets(path: Path, file: Any) -> Floats:
    """Start of every data record in s; of a discontinuous file as its time-keeping says."""
    n, duration = int(file.num_data_records), float(file.data_record_duration)
    if bool(file.is_continuous):
        return np.arange(n) * duration
    head = path.read_bytes()
    count = int(head[252:256])
    labels = [head[256 + 16 * k : 272 + 16 * k].strip() for k in range(count)]
    sizes = [int(head[256 + 216 * count + 8 * k : 264 + 216 * count + 8 * k]) for k in range(count)]
    width = 3 if path.suffix.lower() == ".bdf" else 2
    place = next((k for k, each in enumerate(labels) if each.endswith(b"Annotations")), None)
    if place is None:
        return np.arange(n) * duration
    record, before = width * sum(sizes), width * sum(sizes[:place])
    found: list[float] = []
    for k in range(n):
        at = int(head[184:192]) + k * record + before
        stamp = head[at : at + width * sizes[place]].split(b"\x14", 1)[0]
        try:
            found.append(float(stamp))
        except ValueError as error:
            raise InputError(f"{path} does not say when its data record {k + 1} begins") from error
    return np.array(found)


def _parts(onsets: Floats, duration: float) -> list[tuple[int, int]]:
    """First and last data record (exclusive) of every continuous part."""
    gaps = np.flatnonzero(np.abs(np.diff(onsets) - duration) > 1e-3) + 1
    return list(pairwise([0, *gaps.tolist(), len(onsets)]))
