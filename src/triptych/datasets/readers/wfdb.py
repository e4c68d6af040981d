"""WFDB records (PhysioNet): signals of one or several rates, segments, and annotations."""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych import signals
from triptych.datasets.readers import annotations, words
from triptych.datasets.readers.header import Channel, Header, parse
from triptych.datasets.readers.stretch import Findings, ReadOptions, Stretch, annotated
from triptych.errors import InputError

# Bits of a sample in the formats of fixed size; the compressed ones notice a cut themselves.
_BITS = {
    "8": 8,
    "16": 16,
    "24": 24,
    "32": 32,
    "61": 16,
    "80": 8,
    "160": 16,
    "212": 12,
    "310": 32 / 3,
    "311": 32 / 3,
}
# The digital value that stands for "no sample".
_GONE = {"8": -128, "16": -(2**15), "24": -(2**23), "32": -(2**31), "61": -(2**15), "80": -128,
         "160": -(2**15), "212": -(2**11), "310": -(2**9), "311": -(2**9), "508": -128,
         "516": -(2**15), "524": -(2**23)}  # fmt: skip


def read(path: Path, options: ReadOptions, findings: Findings) -> list[Stretch]:
    """Read one record; its annotations become events (beats in AAMI classes)."""
    header = parse(path)
    if header.segments:
        return _segmented(path, header, options, findings)
    signal, channels, rate = _signals(path, header, findings)
    events = annotations.events(path, rate, signal.shape[1], options, findings)
    whole = Stretch(
        part="",
        signal=signal,
        channels=channels,
        units=tuple(_unit(each.units) for each in header.channels),
        rate=rate,
        events=events,
        attributes=header.attributes,
    )
    marks = annotations.minutes(path, options, findings)
    found = annotated(whole, marks, options, findings) if marks else [whole]
    return [replace(e, part=str(k) if len(found) > 1 else "") for k, e in enumerate(found)]


def segments_of(path: Path) -> list[Path]:
    """Headers of the segments that a record is put together from; none of an ordinary one."""
    try:
        header = parse(path)
    except (InputError, OSError):  # said when the record itself is read
        return []
    return [path.parent / f"{name}.hea" for name, _ in header.segments if name != "~"]


def _segmented(
    path: Path, header: Header, options: ReadOptions, findings: Findings
) -> list[Stretch]:
    """A stretch for every run of segments; null segments are gaps."""
    found: list[Stretch] = []
    at, joined = 0, False
    events = None
    for name, count in header.segments:
        if name == "~":
            findings.say("the record has gaps (null segments)", str(path))
            at, joined = at + count, False
            continue
        if count == 0:  # the layout of a record whose segments differ
            continue
        file = path.parent / f"{name}.hea"
        if not file.is_file():
            raise InputError(f"{path} names the segment {name}, but there is no {file}")
        own = parse(file)
        signal, channels, rate = _signals(file, own, findings)
        units = tuple(_unit(each.units) for each in own.channels)
        if joined and found[-1].channels == channels and found[-1].units == units:
            both = np.concatenate([found[-1].signal, signal], axis=1)
            found[-1] = replace(found[-1], signal=both)
        else:
            start = at / header.rate
            found.append(
                Stretch(str(len(found)), signal, channels, units, rate, start=start,
                        attributes={**header.attributes, **own.attributes})
            )  # fmt: skip
        at, joined = at + count, True
    if not found:
        raise InputError(f"{path} has no segment with signals")
    events = annotations.events(
        path,
        found[0].rate or header.rate,
        round(at * (found[0].rate or 1) / header.rate),
        options,
        findings,
    )
    if events is not None:
        firsts = [round(each.start * (each.rate or 1)) for each in found]
        found = [
            replace(each, events=events.within(first, first + each.signal.shape[1]))
            for each, first in zip(found, firsts, strict=True)
        ]
    return found if len(found) > 1 else [replace(found[0], part="")]


def _signals(
    path: Path, header: Header, findings: Findings
) -> tuple[NDArray[np.float64], tuple[str, ...], float]:
    """Physical values (channels, time), NaN where there is no sample, at the highest rate."""
    frames = _frames(path, header, findings)
    digital = _digital(path, header, frames)
    highest = max(each.per_frame for each in header.channels)
    top = header.rate * highest
    skew = max(each.skew * each.per_frame for each in header.channels)
    rows: list[NDArray[Any]] = []
    mixed = {each.per_frame for each in header.channels}
    for channel, values in zip(header.channels, digital, strict=True):
        _check_sum(path, channel, values, findings)
        moved = values[channel.skew * channel.per_frame :]
        physical = (moved - float(channel.baseline or 0)) / channel.gain
        physical[moved == _GONE.get(channel.format, np.iinfo(np.int64).min)] = np.nan
        if not channel.said_gain:
            findings.say("a header leaves the gain out: 200 per mV, as the format says", str(path))
        if channel.per_frame != highest:
            physical = np.asarray(
                signals.resample(physical[None], header.rate * channel.per_frame, top)[0],
                dtype=np.float64,
            )
        rows.append(physical)
    if len(mixed) > 1:
        own = ", ".join(f"{c.name} {header.rate * c.per_frame:g} Hz" for c in header.channels)
        findings.say(f"signals of several rates ({own}) are brought to {top:g} Hz", str(path))
    if skew:
        findings.say("signals with a skew are aligned, and the end is left out", str(path))
    length = min(len(each) for each in rows)
    names = words.told_apart(each.name for each in header.channels)
    return np.stack([each[:length] for each in rows]), names, top


def _unit(text: str) -> str:
    return text.replace("\u03bc", "µ")


def _frames(path: Path, header: Header, findings: Findings) -> int:
    """Frames of the record; from the size of its files where the header does not say.

    Raises
    ------
    InputError
        For signal files that are missing, or shorter than the header says.
    """
    bits: dict[str, float] = {}
    for each in header.channels:
        bits[each.file] = bits.get(each.file, 0) + _BITS.get(each.format, 0) * each.per_frame
    frames = header.samples
    for name, width in bits.items():
        place = path.parent / name
        if not place.is_file():
            raise InputError(f"{path} needs {name} beside it, which is missing")
        skipped = int(next((c.offset for c in header.channels if c.file == name), "") or 0)
        size = place.stat().st_size - skipped
        if width and not frames:
            frames = int(8 * size // width)
            findings.say(
                "the header gives no length: it is taken from the size of the file", str(path)
            )
        if width and 8 * size < width * frames - 8:
            raise InputError(
                f"{place} is cut off: it has {size} bytes, but {path.name} promises "
                f"{int(np.ceil(width * frames / 8))}; copy it again"
            )
    if not frames:
        raise InputError(
            f"{path} gives no length, and its files do not tell it; correct the header"
        )
    return frames


def _digital(path: Path, header: Header, frames: int) -> list[NDArray[np.int64]]:
    """Digital values of every channel at its own rate.

    wfdb reads the files under a header that it understands: plain ASCII, no date, no skew.
    """
    wfdb: Any = importlib.import_module("wfdb")
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: f"s{k}.dat"
            for k, name in enumerate(dict.fromkeys(c.file for c in header.channels))
        }
        for name, plain in files.items():
            target = Path(folder) / plain
            try:
                os.symlink((path.parent / name).resolve(), target)
            except OSError:  # a system without links
                shutil.copy(path.parent / name, target)
        lines = [f"r {len(header.channels)} {header.rate:.17g} {frames}"]
        for k, each in enumerate(header.channels):
            form = each.format + (f"x{each.per_frame}" if each.per_frame > 1 else "")
            form += f"+{each.offset}" if each.offset else ""
            lines.append(f"{files[each.file]} {form} 1(0)/mV 0 0 0 0 0 c{k}")
        (Path(folder) / "r.hea").write_text("\n".join(lines) + "\n", encoding="ascii")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                record = wfdb.rdrecord(str(Path(folder) / "r"), physical=False, smooth_frames=False)
                held = [np.asarray(each, dtype=np.int64) for each in record.e_d_signal]
        except Exception as error:  # wfdb meets damaged records with many kinds of exception
            text = (str(error).strip().splitlines() or ["no details"])[0][:120]
            raise InputError(
                f"{path} cannot be read as a WFDB record ({type(error).__name__}: {text}); its "
                "signal files must lie beside it and be complete"
            ) from error
    return held


def _check_sum(path: Path, channel: Channel, values: NDArray[np.int64], findings: Findings) -> None:
    if (
        channel.checksum in (None, 0)
        or (int(values.sum()) - int(channel.checksum or 0)) % 65536 == 0
    ):
        return
    findings.say(
        f"the checksum of signal {channel.name} is not that of the header: the file may be "
        "damaged; copy it again",
        str(path),
    )
