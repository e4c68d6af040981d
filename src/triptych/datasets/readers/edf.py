"""EDF, EDF+, BDF and BDF+ recordings, by edfio: several rates, annotations, gaps."""

from __future__ import annotations

import importlib
from dataclasses import replace
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
    Options,
    Stretch,
    annotated,
    listed,
)
from triptych.errors import InputError


def read(path: Path, options: Options, findings: Findings) -> list[Stretch]:
    """Read one file; signals of lower rates are brought to the highest.

    Annotations that last are labels of what they cover, those of a moment are events. A
    discontinuous file gives a stretch for each of its parts.
    """
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
        found += annotated(whole, marks, options)
    if len(onsets) and len(found) > 1 and not bool(file.is_continuous):
        findings.say("the file is discontinuous: its parts are kept apart", str(path))
    return [replace(each, part=str(k) if len(found) > 1 else "") for k, each in enumerate(found)]


def _open(path: Path) -> Any:
    try:
        edfio: Any = importlib.import_module("edfio")
    except ImportError as error:
        raise InputError(
            f"{path} needs edfio; install it with `pip install 'triptych[edf]'`"
        ) from error
    try:
        return (edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf)(path)
    except Exception as error:  # edfio meets damaged files with many kinds of exception
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
