"""Annotations beside a WFDB record: its beats, in AAMI classes."""

from __future__ import annotations

import importlib
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from triptych.datasets.readers.header import parse
from triptych.datasets.readers.stretch import Findings, ReadOptions, listed
from triptych.datasets.recordings import Events

REACH_S = 2.0  # a beat's label holds for windows whose centre is no further from it
# Symbols of beats → classes of ANSI/AAMI EC57.
AAMI = {
    **dict.fromkeys("NLRejB", "N"),
    **dict.fromkeys("AaJSn", "S"),
    **dict.fromkeys("VEr", "V"),
    "F": "F",
    **dict.fromkeys("/fQ?", "Q"),
}
MINUTES = "apn"  # one symbol for the minute that follows: A for apnea, N for none
KNOWN = ("atr", MINUTES, "qrs", "ecg", "ari", "ann", "st", "beat", "gqrs", "wqrs", "sqrs")


def minutes(path: Path, options: ReadOptions, findings: Findings) -> list[tuple[float, float, str]]:
    """Onset and duration in s, and label, of the minutes that ``.apn`` marks (Apnea-ECG)."""
    file = path.with_suffix(f".{MINUTES}")
    if options.annotations not in (None, MINUTES, f".{MINUTES}") or not file.is_file():
        return []
    read = _read(path, MINUTES)
    if read is None:
        findings.say("a damaged annotation file is left out; the record has no labels", str(file))
        return []
    rate = float(getattr(read, "fs", None) or parse(path).rate)
    return [
        (float(at) / rate, 60.0, symbol)
        for at, symbol in zip(read.sample, read.symbol, strict=True)
        if symbol in "AN"
    ]


def _read(path: Path, extension: str) -> Any:
    """Annotations of one file; None of a damaged one."""
    wfdb: Any = importlib.import_module("wfdb")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return wfdb.rdann(str(path.with_suffix("")), extension)
    except Exception:  # wfdb meets damaged files with many kinds of exception
        return None


def events(
    path: Path, rate: float, length: int, options: ReadOptions, findings: Findings
) -> Events | None:
    """Beats of the file beside a record of `length` samples at `rate` Hz; None without any."""
    beside = [e for e in KNOWN if path.with_suffix(f".{e}").is_file()]
    chosen = options.annotations.lstrip(".") if options.annotations else next(iter(beside), None)
    if chosen is None or not path.with_suffix(f".{chosen}").is_file():
        return None
    others = [each for each in beside if each != chosen]
    if others:
        findings.say(
            f"annotations are read from .{chosen}; .{', .'.join(others)} are not used "
            "(--annotations chooses)",
            str(path),
        )
    file = path.with_suffix(f".{chosen}")
    if chosen == MINUTES:
        return None
    read = _read(path, chosen)
    if read is None:
        findings.say("a damaged annotation file is left out; the record has no beats", str(file))
        return None
    sample, symbol = np.asarray(read.sample, np.int64), [str(s) for s in read.symbol]
    header = parse(path)
    own = float(getattr(read, "fs", None) or header.rate)
    if own != rate:
        sample = np.rint(sample * (rate / own)).astype(np.int64)
        if own != header.rate:
            findings.say(f"annotations count at {own:g} Hz and are moved to {rate:g} Hz", str(file))
    label = np.array([AAMI.get(each, "") for each in symbol], dtype="<U1")
    inside = (sample >= 0) & (sample < length)
    kept = (label != "") & inside
    unused = Counter(s for s, beat in zip(symbol, label, strict=True) if not beat)
    if unused:
        told = listed([f"{name} ({count})" for name, count in sorted(unused.items())], 8)
        findings.say("annotations that are no beats are not used", f"{file}: {told}")
    late = int(((label != "") & ~inside).sum())
    if late:
        findings.say("beats outside of the record are left out", f"{file}: {late}")
    order = np.argsort(sample[kept], kind="stable")
    return Events(sample[kept][order], label[kept][order], REACH_S) if kept.any() else None
