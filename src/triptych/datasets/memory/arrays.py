"""Arrays, data frames and tables in memory as data sets, with the checks that files get."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import numpy as np

from triptych.datasets.readers import array, columns, frame, options_of, words
from triptych.datasets.readers.alike import alike, doubts, spelled
from triptych.datasets.readers.finish import Origin, checked
from triptych.datasets.readers.labels import in_memory, split_labels
from triptych.datasets.readers.stretch import SHORTEST, Findings, ReadOptions, Stretch
from triptych.datasets.recordings import Dataset
from triptych.errors import InputError

# An option as the command line writes it, and what follows unless it goes on with the sentence.
_OPTION = re.compile(
    r"--([a-z]+(?:-[a-z]+)*)(?: (?!(?:in|if|and|with|or|to)\b)('[^']*'|[\w.+-]+))?"
)


def from_arrays(
    X: Any,
    *,
    rate: float | Sequence[float],
    subjects: Any = None,
    labels: Any = None,
    channels: Sequence[str] | None = None,
    units: str | Sequence[str] | None = None,
    names: Any = None,
    attributes: Mapping[str, Any] | None = None,
    name: str = "arrays",
    **options: Any,
) -> Dataset:
    """Recordings in arrays as a data set.

    Parameters
    ----------
    X
        ``(n, channels, time)``, or ``(n, time)`` for one channel, or a list of n recordings
        ``(channels, time)`` or ``(time,)`` of any length; in physical units.
    rate
        Hz; one number, or one for each recording.
    subjects, labels, names
        One for each recording, or one for all. Recordings without a subject count as a subject
        each, which the notes say; an empty label is none. Several labels of a recording are a list
        of names, or columns of 0 and 1: a mapping of names to them, or a frame. Numbers to be
        learned are labels, too (``labels: regression`` in a recipe).
    channels, units
        Names of the channels in order, and their unit, or one for each channel.
    attributes
        Name → one value for each recording, or one for all.
    name
        Of the data set.
    **options
        `missing`, `max_gap`, `missing_value` and `no_label`, as for files (`readers.ReadOptions`).

    Raises
    ------
    InputError
        Another shape, not as many entries as recordings, a rate that is no number above 0, NaN
        unless `missing` says what becomes of them, two units of one channel.

    Examples
    --------
    >>> data = from_arrays(np.random.randn(4, 2, 300), rate=100, subjects=[1, 1, 2, 2])
    >>> len(data), data.subjects, data.recordings[0].channels
    (4, ('1', '2'), ('channel 0', 'channel 1'))
    """
    with in_python():
        chosen, findings = options_of({**options, "rate": None}), Findings()
        batch = _recordings(X, channels)
        n = len(batch)
        rates = _each(rate, n, "rate")
        if not all(_is_rate(each) for each in rates):
            raise InputError(f"rate is {rate!r}, expected a number of Hz above 0")
        further = {key: _each(value, n, key) for key, value in (attributes or {}).items()}
        beside = {
            word: _each(value, n, f"{word}s")
            for word, value in (("subject", subjects), ("label", in_memory(labels)))
            if value is not None
        }
        titled = [f"{name}-{i}" for i in range(n)]
        if names is not None:
            titled = [words.text_of(each) for each in _each(names, n, "names")]
        found: list[Stretch] = []
        for i, signal in enumerate(batch):
            own = {"signals": signal, "rate": float(rates[i])}
            own |= {word: values[i : i + 1] for word, values in beside.items()}
            (each,) = array.stretches(own, f"X[{i}]", chosen, findings)
            known = {key: words.text_of(values[i]) for key, values in further.items()}
            count = each.signal.shape[0]
            titles = tuple(map(str, channels)) if channels is not None else each.channels
            if len(titles) != count:
                raise InputError(
                    f"X[{i}] has {count} channels, but {len(titles)} are named "
                    f"({', '.join(titles)}); name every one"
                )
            unit = (units,) * count if isinstance(units, str) else tuple(units or ())
            if unit and len(unit) != count:
                raise InputError(f"X[{i}] has {count} channels, but units has {len(unit)} entries")
            part = titled[i] + (f".{i}" if len(set(titled)) < n else "")
            found.append(replace(each, part=part, channels=titles, units=unit, attributes=known))
        return dataset_of(found, name, chosen, findings)


def from_frame(
    data: Any,
    *,
    rate: float | None = None,
    subject: str | None = None,
    units: Mapping[str, str] | None = None,
    name: str = "frame",
    **options: Any,
) -> Dataset:
    """Make a data set of a data frame: one row per sample, as in a CSV or Parquet file.

    Parameters
    ----------
    data
        Of pandas, polars, pyarrow or DuckDB, or of any other library that narwhals knows.
    rate
        Hz; not needed where there is a column of times or of rates.
    subject
        Of all rows, where no column says it.
    units
        Column → its unit.
    name
        Of the data set.
    **options
        As for files (`readers.ReadOptions`): `channels`, `label_column`, `subject_column`,
        `time_column`, `time_unit`, `rows`, `missing` and others.

    Raises
    ------
    InputError
        As for a file: columns of unknown meaning, words for numbers, uneven times, missing values.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"time": np.arange(300) / 100, "ecg": np.sin(np.arange(300.0))})
    >>> from_frame(table, subject="p1").recordings[0].rate
    100.0
    """
    with in_python():
        chosen, findings = options_of({**options, "rate": rate}), Findings()
        table = columns.with_index(_pandas(data))
        known = [dict(units or {}).get(str(each).strip(), "") for each in table.columns]
        found = frame.stretches(table, "the frame", chosen, findings, units=known)
        found = [replace(each, part=f"{name}#{each.part}".rstrip("#")) for each in found]
        return dataset_of(found, name, chosen, findings, subject=subject, where="the frame")


def dataset_of(
    stretches: Iterable[Stretch],
    name: str,
    options: ReadOptions,
    findings: Findings,
    *,
    subject: str | None = None,
    where: str | None = None,
) -> Dataset:
    """Check stretches as those of files are, and put them into one data set.

    Parameters
    ----------
    stretches
        Their `part` is the whole name of the recording.
    subject
        Of all stretches.
    where
        For messages, where all stretches are of one object; left out: the place of each, ``X[3]``.
    """
    found, digest = list(stretches), hashlib.sha256(str(options).encode())
    recordings = [
        recording
        for i, each in enumerate(found)
        for recording in checked(
            replace(each, part=""),
            Origin(
                each.part,
                where or f"X[{i}]",
                subject,
                kind="recordings",
                whole=each.part.partition("#")[0] if where else "",  # "#2" is a piece of it
            ),
            options,
            findings,
        )
    ]
    if not recordings:
        raise InputError(f"{name} has no stretch of {SHORTEST} samples or more")
    recordings = spelled(split_labels(recordings, options, findings), findings)
    recordings = alike(name, recordings, options.channels, findings)
    for each in recordings:
        said = (
            each.name,
            each.subject,
            each.rate,
            each.channels,
            each.units,
            each.label,
            each.start,
        )
        digest.update(f"{said} {sorted(each.attributes.items())} {each.signal.shape}".encode())
        digest.update(np.ascontiguousarray(each.signal).tobytes())
        if each.events is not None:
            digest.update(f"{each.events.sample.tolist()} {each.events.label.tolist()}".encode())
        if each.spans is not None:
            digest.update(f"{each.spans.begin.tolist()} {each.spans.label.tolist()}".encode())
    return Dataset(
        name=name,
        title=f"recordings in memory: {name}",
        recordings=tuple(recordings),
        fingerprint=f"sha256:{digest.hexdigest()}",
        notes=tuple(map(python_spelling, [*findings.sentences(), *doubts(recordings)])),
    )


@contextmanager
def in_python() -> Generator[None]:
    """Errors that name options as the command line does name the arguments of functions."""
    try:
        yield
    except InputError as error:
        raise InputError(python_spelling(str(error))) from error


def python_spelling(text: str) -> str:
    """``"pass --time-unit ms"`` → ``"pass time_unit='ms'"``."""

    def argument(match: re.Match[str]) -> str:
        name, value = match[1].replace("-", "_"), match[2]
        quoted = value is None or value.startswith("'") or re.fullmatch(r"[\d.e+-]+", value)
        return f"{name}={value or '...'}" if quoted else f"{name}={value!r}"

    return _OPTION.sub(argument, text)


def _recordings(X: Any, channels: Sequence[str] | None) -> list[Any]:
    """Signals of every recording, ``(channels, time)`` each."""
    if isinstance(X, list | tuple):
        try:
            return [np.atleast_2d(np.asarray(each)) for each in cast("list[Any]", X)]
        except ValueError as error:
            raise InputError(f"a recording in X is no array: {error}") from error
    values = np.asarray(X)
    if values.ndim not in (2, 3) or not len(values):
        raise InputError(
            f"X has the shape {values.shape}, expected (n, channels, time), or (n, time) for "
            "recordings of one channel"
        )
    if values.ndim == 2 and channels is not None and len(channels) == len(values) > 1:
        raise InputError(
            f"X of shape {values.shape} is {len(values)} recordings of one channel, but "
            f"{len(channels)} channels are named; for one recording of them pass X[None]"
        )
    return list(values[:, None] if values.ndim == 2 else values)


def _each(value: Any, n: int, what: str) -> Any:
    """One entry for each of n recordings, given so many or one."""
    values = np.asarray(value, dtype=object).reshape(-1)
    values = np.where([each is None for each in values], "", values)
    if len(values) not in (1, n):
        raise InputError(
            f"{what} has {len(values)} entries for {n} recordings, expected {n} or one"
        )
    return np.broadcast_to(values, n)


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and bool(0 < value < np.inf)


def _pandas(data: Any) -> Any:
    """A frame of any library as one of pandas."""
    narwhals: Any = importlib.import_module("narwhals")
    try:
        known = narwhals.from_native(data)
        return (known.collect() if hasattr(known, "collect") else known).to_pandas()
    except TypeError as error:
        raise InputError(
            f"got a {type(data).__name__}, expected a data frame of pandas, polars, pyarrow or "
            "DuckDB; arrays are for from_arrays"
        ) from error
    except ImportError as error:
        raise InputError(
            "this frame is read through pyarrow; install it with `pip install 'triptych[tables]'`"
        ) from error
