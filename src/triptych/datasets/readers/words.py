"""Words in files: titles and their units, labels, subjects, and one spelling for each."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

TIME = {
    *("time", "times", "t", "timestamp", "timestamps", "seconds", "seconds elapsed", "sec", "secs"),
    *("elapsed", "elapsed time", "datetime", "date time", "date", "clock", "epoch", "unix"),
    *("unix time", "unixtime", "utc", "local time", "ms", "millis", "milliseconds", "us"),
    *("microseconds", "time of day", "zeit", "temps"),
}
LABEL = ("label", "labels", "activity", "class", "target", "annotation")
SUBJECT = (
    *("person", "subject", "subjects", "subject id", "participant", "participant id", "patient"),
    *("patient id", "user", "user id", "groups", "group"),
)
RATE = ("rate", "fs", "sfreq", "sampling rate", "sample rate", "frequency", "hz")
COUNTER = {"sample", "samples", "index", "idx", "row", "frame", "counter", "count", "packet", "n"}
UNITS = {  # of times → s
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "seconds": 1.0,
    "second": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "millis": 1e-3,
    "milliseconds": 1e-3,
    "millisecond": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "microseconds": 1e-6,
    "ns": 1e-9,
    "nanoseconds": 1e-9,
    "min": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hours": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "days": 86400.0,
}
NOTHING = {"", "nan", "nat", "<na>"}  # always "no label", however a program writes it
_UNIT = re.compile(r"^(.*?)\s*[\(\[]\s*([^()\[\]]*?)\s*[\)\]]\s*$")


def title(text: str) -> tuple[str, str]:
    """A column's title in plain words, and its unit: ``"Time (s)"`` → ``("time", "s")``."""
    found = _UNIT.match(text.strip())
    name, unit = (found[1], found[2]) if found else (text.strip(), "")
    plain = re.sub(r"[\s_\-]+", " ", name).strip().lower()
    head, _, tail = plain.rpartition(" ")
    if not unit and head and tail in UNITS and head in TIME:
        return head, tail
    return plain, unit


def is_clock(plain: str) -> bool:
    """Whether a plain title has a word of time: ``"sensor timestamp"``."""
    return plain in TIME or any(each in TIME for each in plain.split() if len(each) > 2)


def column(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The first of these titles that means one of the wanted words, the commonest word first."""
    plain = {name: title(name)[0] for name in names}
    return next((name for word in wanted for name in plain if plain[name] == word), None)


def told_apart(names: Iterable[str]) -> tuple[str, ...]:
    """Names of channels, numbered where several are the same: ``"T8-P8 1"``, ``"T8-P8 2"``."""
    listed = list(names)
    counts, seen = Counter(listed), Counter[str]()
    found: list[str] = []
    for each in listed:
        seen[each] += 1
        found.append(f"{each} {seen[each]}" if counts[each] > 1 else each)
    return tuple(found)


def text_of(value: Any) -> str:
    """A label or subject as text: NFC, no blanks around; 1.0 is 1, and NaN is nothing."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = " ".join(unicodedata.normalize("NFC", str(value)).split())
    return "" if word.lower() in NOTHING else word


def codes_of(text: str) -> str:
    """A label: codes of a list or a mapping (``{'NORM': 100.0}``, as PTB-XL has) with commas."""
    if text[:1] not in ("{", "["):
        return text
    try:
        held = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return ",".join(text_of(each) for each in held)


def one_spelling(words: Iterable[str], numbers: bool) -> dict[str, str]:
    """Every spelling → the one that is used for all that mean the same.

    Capitals do not tell words of two letters or more apart, nor do zeros in front of or behind a
    number where `numbers` says so (subjects 001, 1 and 1.0).
    """
    counts = Counter(words)
    groups: dict[str, list[str]] = {}
    for word in counts:
        key = word.casefold() if len(word) > 1 else word
        if numbers and re.fullmatch(r"\d+(\.0+)?", word):
            key = str(int(float(word))) if len(word) < 16 else word
        groups.setdefault(key, []).append(word)
    best = {key: max(each, key=lambda w: (counts[w], -len(w))) for key, each in groups.items()}
    return {word: best[key] for key, each in groups.items() for word in each}


def merged(spelling: Mapping[str, str]) -> list[str]:
    """``"'walk' (also 'Walk')"`` for whatever has several spellings."""
    others: dict[str, list[str]] = {}
    for word, used in spelling.items():
        if word != used:
            others.setdefault(used, []).append(repr(word))
    return [f"{used!r} (also {', '.join(each)})" for used, each in others.items()]
