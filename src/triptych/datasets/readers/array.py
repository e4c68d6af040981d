"""Arrays in files: ``.npy``, ``.npz``, and ``.mat`` up to version 7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.readers import words
from triptych.datasets.readers.labels import one_column
from triptych.datasets.readers.stretch import Findings, ReadOptions, Stretch, listed
from triptych.errors import InputError

LABEL = (*words.LABEL, "y", "classes")  # in a table, y is an axis
SIGNALS = ("signals", "signal", "x", "data", "val")
RECORD = ("record", "records", "recording", "session")
START = ("start", "starts", "start s", "onset", "onsets", "begin")  # s
TITLES = ("channels", "channel names", "ch names", "leads")
CLEAR = 4  # times as long as the other side, from which a side is time


def read(path: Path, options: ReadOptions, findings: Findings) -> list[Stretch]:
    """Read one file of arrays."""
    arrays = _load(path)
    return stretches(arrays, str(path), options, findings)


def stretches(
    arrays: Mapping[str, Any], where: str, options: ReadOptions, findings: Findings
) -> list[Stretch]:
    """Stretches of arrays by name: the signals beside any of rate, label, subject, record, start.

    Parameters
    ----------
    arrays
        Signals are (channels, time), (time, channels), (n, channels, time) or (n, time, channels):
        the long side is time, which is said if it is not the last. The others have one entry, or n.

    Raises
    ------
    InputError
        If it is not clear which array holds the signals or which side is time, if another array
        has neither one entry nor n, or if a column that was asked for is not there.
    """
    arrays, options = one_column(arrays, options, where)
    names = list(arrays)
    if options.target_column in names:
        options = replace(options, label_column=options.target_column)
    chosen = _signals([each for each in names if each not in options.attributes], where)
    label = _named(where, names, options.label_column, LABEL, chosen)
    subject = _named(where, names, options.subject_column, words.SUBJECT, chosen)
    rate, record = words.column(names, words.RATE), words.column(names, RECORD)
    titles, start = words.column(names, TITLES), words.column(names, START)
    for each in options.attributes:
        _named(where, names, each, (), chosen)
    known = {chosen, label, subject, rate, record, titles, start, *options.attributes}
    for each in names:
        if each not in known:
            findings.say(f"the array {each!r} is not used", where)
    batch = _batch(arrays[chosen], where, findings)
    n, count = batch.shape[:2]
    own = _channels(arrays.get(titles) if titles else None, count)

    def entries(name: str | None) -> list[Any] | None:
        if name is None:
            return None
        values = np.asarray(arrays[name])
        if values.size not in (1, n):
            raise InputError(
                f"{name!r} in {where} has {values.size} entries, expected one or {n}, one for each "
                "recording"
            )
        return np.broadcast_to(values.reshape(-1), n).tolist()

    rates, records = entries(rate), entries(record)
    labels, people = entries(label), entries(subject)
    starts = entries(start)
    for name, values, unit in ((rate, rates, "Hz"), (start, starts, "s")):
        if values is not None and not all(isinstance(each, int | float) for each in values):
            raise InputError(f"{name!r} in {where} holds {values[0]!r}, expected {unit}")
    about = {each: entries(each) or [] for each in options.attributes}
    parts = [words.text_of(each) for each in records] if records else [""] * n
    again = len(set(parts)) < n  # windows of one record: their place tells them apart
    found: list[Stretch] = []
    for i in range(n):
        part = f"{parts[i]}.{i}".strip(".") if again else parts[i]
        told = words.text_of(labels[i]) if labels else ""
        found.append(
            Stretch(
                part=part if n > 1 or parts[i] else "",
                signal=batch[i],
                channels=own,
                rate=float(rates[i]) if rates else None,
                label=None if told in ("", *options.no_label) else told,
                subject=(words.text_of(people[i]) or None) if people else None,
                start=float(starts[i]) if starts else 0.0,
                attributes={key: words.text_of(values[i]) for key, values in about.items()},
                taken=options.named,
            )
        )
    return found


def _signals(names: list[str], where: str) -> str:
    found = [each for each in names if words.title(each)[0] in SIGNALS]
    known = (*LABEL, *words.SUBJECT, *words.RATE, *RECORD, *TITLES, *START)
    rest = [each for each in names if words.title(each)[0] not in known]
    chosen = found if len(found) == 1 else rest
    if len(chosen) != 1:
        raise InputError(
            f"{where} holds the arrays {listed(names, 12) or '(none)'}; expected one called "
            "signals, beside optional ones called rate, label, subject and record"
        )
    return chosen[0]


def _named(
    where: str, names: list[str], asked: str | None, usual: tuple[str, ...], signals: str
) -> str | None:
    if asked is not None:
        if asked not in names:
            raise InputError(f"{where} has no array {asked!r}; it has {listed(names, 12)}")
        return asked
    return words.column([each for each in names if each != signals], usual)


def _batch(values: Any, where: str, findings: Findings) -> NDArray[Any]:
    """Signals as (n, channels, time)."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2, 3) or 0 in array.shape:
        raise InputError(
            f"{where} holds {array.dtype} values of shape {array.shape}, expected numbers of shape "
            "(channels, time) or (n, channels, time)"
        )
    batch = array[None, None] if array.ndim == 1 else array[None] if array.ndim == 2 else array
    channels, time = batch.shape[1:]
    if channels > time:
        if channels < CLEAR * time:
            raise InputError(
                f"{where} has the shape {array.shape}, and it is not clear which side is time; "
                "store (channels, time), with fewer channels than samples"
            )
        findings.say(f"arrays of shape {array.shape} are read as (time, channels)", where)
        batch = batch.swapaxes(1, 2)
    return batch


def _channels(titles: Any, count: int) -> tuple[str, ...]:
    named = (
        [words.text_of(each) for each in np.asarray(titles).reshape(-1)]
        if titles is not None
        else []
    )
    return tuple(named) if len(named) == count else tuple(f"channel {k}" for k in range(count))


def _load(path: Path) -> dict[str, Any]:
    suffix = path.suffix.lower()
    with open(path, "rb") as handle:
        head = handle.read(128)
    if head.startswith(b"version https://git-lfs"):
        raise InputError(
            f"{path} is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`"
        )
    magic = {".npy": b"\x93NUMPY", ".npz": b"PK", ".mat": b"MATLAB"}[suffix]
    if not head.startswith(magic):
        what = "MATLAB 5 to 7" if suffix == ".mat" else "NumPy"
        more = " (7.3 is HDF5: save it with -v7)" if suffix == ".mat" else ""
        raise InputError(f"{path} is not a {what} {suffix} file, whatever its name says{more}")
    try:
        if suffix == ".npy":
            return {"signals": np.load(path, allow_pickle=False)}
        if suffix == ".npz":
            # numpy leaves a file that it opened itself open where the archive is damaged.
            with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as archive:
                return {str(each): archive[each] for each in archive.files}
        from scipy import io

        held = cast(Any, io).loadmat(path)
        return {name: value for name, value in held.items() if not name.startswith("__")}
    except Exception as error:  # zipfile's, numpy's and scipy's own
        lines = str(error).strip().splitlines() or ["no details"]
        if "pickle" in lines[0]:
            raise InputError(
                f"{path} holds Python objects, which could execute code when they are loaded; "
                "store plain numbers and text"
            ) from error
        raise InputError(
            f"{path} is damaged or cut off ({type(error).__name__}: {lines[0][:120]}); copy it "
            "again"
        ) from error
