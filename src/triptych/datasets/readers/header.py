"""WFDB headers: read leniently, since real ones break the format's rules in a dozen ways."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from triptych.errors import InputError

_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$")
_GAIN = re.compile(r"([-+\d.eE]+)(?:\(([-+]?\d+)\))?(?:/(.+))?$")
_VALUE = re.compile(r"^#\s*([A-Za-z][\w .()/%-]{0,40}?)\s*:\s*(.+?)\s*$")
_MARKED = re.compile(r"<([^<>]+)>\s*:?\s*([^<]*)")  # several in a line: <age>: 65 <sex>: F
DEFAULT_GAIN = 200.0  # units per millivolt, where a header leaves it out or says 0
DEFAULT_RATE = 250.0


@dataclass(frozen=True)
class Channel:
    """One signal of a record, as its line says."""

    file: str
    format: str
    per_frame: int
    skew: int
    offset: str
    gain: float
    baseline: int | None
    units: str
    zero: int
    checksum: int | None
    name: str
    said_gain: bool


@dataclass(frozen=True)
class Header:
    """One header: a record of channels, or of segments."""

    name: str
    rate: float
    samples: int
    channels: tuple[Channel, ...] = ()
    segments: tuple[tuple[str, int], ...] = ()
    attributes: dict[str, str] = field(default_factory=dict[str, str])


def parse(path: Path) -> Header:
    """Read a header.

    Raises
    ------
    InputError
        If a line cannot be understood; which one, and what was expected.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = [each.strip() for each in text.splitlines()]
    body = [each for each in lines if each and not each.startswith("#")]
    attributes: dict[str, str] = {}
    for line in (each for each in lines if each.startswith("#")):
        found = [*_MARKED.findall(line), *(_VALUE.findall(line) if "<" not in line else ())]
        attributes |= {
            name.strip().lower(): text for name, value in found if (text := value.strip())
        }
    if not body:
        raise InputError(f"{path} has no line of a record; copy it again")
    first = body[0].split()
    name, _, segments = first[0].partition("/")
    try:
        count = int(first[1]) if len(first) > 1 else 0
        rate = float(re.split(r"[/(]", first[2])[0]) if len(first) > 2 else DEFAULT_RATE
        samples = int(first[3]) if len(first) > 3 else 0
    except ValueError as error:
        raise InputError(
            f"{path} begins with {body[0][:60]!r}, expected the record's name, its number of "
            "signals, rate and number of samples"
        ) from error
    if not rate > 0:
        raise InputError(f"{path} states a rate of {rate:g} Hz, expected one above 0")
    if segments:
        parts = [each.split() for each in body[1:]]
        pairs = tuple((each[0], int(each[1]) if len(each) > 1 else 0) for each in parts)
        return Header(name, rate, samples, (), pairs, attributes)
    if len(body) - 1 < count:
        raise InputError(f"{path} promises {count} signals and describes {len(body) - 1}")
    channels = tuple(_channel(path, line, k) for k, line in enumerate(body[1 : 1 + count]))
    return Header(name, rate, samples, channels, (), attributes)


def _channel(path: Path, line: str, place: int) -> Channel:
    words = line.split(None, 8)
    form = _FORMAT.match(words[1]) if len(words) > 1 else None
    if form is None:
        raise InputError(f"{path} describes a signal as {line[:60]!r}, expected file and format")
    gain, baseline, units = DEFAULT_GAIN, None, "mV"
    found = _GAIN.match(words[2]) if len(words) > 2 else None
    said = found is not None and float(found[1]) != 0
    if found is not None:
        gain = float(found[1]) or DEFAULT_GAIN
        baseline = int(found[2]) if found[2] else None
        units = found[3] or "mV"
    numbers = [_whole(each) for each in words[3:8]]
    numbers += [None] * (5 - len(numbers))
    zero = numbers[1] or 0
    return Channel(
        file=words[0],
        format=form[1],
        per_frame=int(form[2] or 1),
        skew=int(form[3] or 0),
        offset=form[4] or "",
        gain=gain,
        baseline=baseline if baseline is not None else zero,
        units=units,
        zero=zero,
        checksum=numbers[3],
        name=words[8].strip(" ,") if len(words) > 8 else f"channel {place}",
        said_gain=said,
    )


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
