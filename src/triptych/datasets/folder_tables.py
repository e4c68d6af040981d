"""Own recordings in tables: .csv and .parquet with one row per sample."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from triptych.datasets.folder_pieces import Piece, reason
from triptych.errors import InputError

_TIME_COLUMNS = ("time", "timestamp", "time_s", "seconds")


@dataclass(frozen=True)
class Columns:
    """Which columns of a table mean what; None = the usual name if there, else absent."""

    label: str | None = None
    person: str | None = None
    signal: tuple[str, ...] | None = None


def read_table(path: Path, columns: Columns) -> list[Piece]:
    """Read one table; wherever its person or label changes, a new piece begins."""
    if not path.stat().st_size:
        raise InputError(f"{path} is empty, expected a line of column names and a row per sample")
    frame = _frame(path, columns)
    names = [str(each).strip() for each in frame.columns]
    twice = [each for each in dict.fromkeys(names) if names.count(each) > 1]
    if twice:
        raise InputError(f"{path} has two columns called {twice[0]!r}; rename one")
    frame.columns = names
    if path.suffix.lower() == ".csv" and names and all(map(_is_number, names)):
        raise InputError(f"{path} has no header line: name its columns in the first line")
    if len(frame) == 0:
        raise InputError(f"{path} has no rows, expected one row per sample")
    label = _column(path, names, columns.label, "label")
    person = _column(path, names, columns.person, "person")
    rate = _column(path, names, None, "rate")
    rate = None if rate in (columns.signal or ()) else rate
    time = next((each for each in names if each.lower() in _TIME_COLUMNS), None)
    taken = {label, person, rate, time}
    wanted = columns.signal or tuple(
        each
        for each in names
        if each not in taken and not each.startswith("Unnamed: ")  # a row index that pandas wrote
    )
    for each in wanted:
        _column(path, names, each, each)
    if not wanted:
        raise InputError(
            f"{path} has no column to use as a signal (columns: {', '.join(names)}); expected one "
            "column a channel, separated by commas"
        )
    signal = np.stack([_numbers(path, frame, each) for each in wanted])
    times = None if time is None else _numbers(path, frame, time)
    labels, people = _words(path, frame, label), _words(path, frame, person)
    own_rate = None if rate is None else _only_rate(path, _numbers(path, frame, rate))
    change = np.zeros(len(frame) - 1, dtype=np.bool_)
    for values in (labels, people):
        if values is not None:
            change |= values[1:] != values[:-1]
    edges = [0, *(np.flatnonzero(change) + 1).tolist(), len(frame)]
    return [
        Piece(
            part="" if len(edges) == 2 else f"#{number}",
            signal=signal[:, start:stop],
            channels=wanted,
            rate=own_rate,
            label=None if labels is None else str(labels[start]),
            person=None if people is None else str(people[start]),
            times=None if times is None else times[start:stop],
        )
        for number, (start, stop) in enumerate(pairwise(edges))
    ]


def _frame(path: Path, columns: Columns) -> Any:
    # pandas is imported here, because `import triptych` must not pay for it.
    pandas: Any = importlib.import_module("pandas")
    try:
        if path.suffix.lower() == ".csv":
            titles = pandas.read_csv(path, nrows=0, skipinitialspace=True).columns
            words = ("label", "person", columns.label, columns.person)
            # As text, so that person "007" stays "007".
            types = {
                each: str for each in titles if {each.strip(), each.strip().lower()} & {*words}
            }
            frame = pandas.read_csv(path, dtype=types, low_memory=False, skipinitialspace=True)
        else:
            frame = pandas.read_parquet(path, engine="pyarrow")
    except ImportError as error:
        raise InputError(
            f"{path} is a parquet file, which needs pyarrow; install it with "
            "`pip install 'triptych[tables]'`"
        ) from error
    except Exception as error:  # pandas and pyarrow meet damaged files with many exceptions
        raise InputError(
            f"{path} cannot be read as a {path.suffix.lower()[1:]} table ({reason(error)}); "
            "expected one row per sample under a line of column names"
        ) from error
    if path.suffix.lower() == ".csv" and not isinstance(frame.index, pandas.RangeIndex):
        raise InputError(
            f"{path} has more values in a row than titles in its first line: write numbers with a "
            "decimal point, one comma between values and none behind the last"
        )
    return frame


def _column(path: Path, names: Sequence[str], asked: str | None, usual: str) -> str | None:
    if asked is None:
        return next((each for each in names if each.lower() == usual), None)
    if asked not in names:
        raise InputError(f"{path} has no column {asked!r}; it has {', '.join(names)}")
    return asked


def _numbers(path: Path, frame: Any, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    column = frame[name]
    if column.dtype.kind not in "fiu":
        texts = [row for row, each in enumerate(column) if not _is_number(str(each))] or [0]
        time = name.lower() in _TIME_COLUMNS
        raise InputError(
            f"column {name!r} of {path} holds {str(column.iloc[texts[0]])!r} in row {texts[0] + 1} "
            f"({len(texts)} such rows), expected numbers"
            + (
                " (times in s); correct them"
                if time
                else "; correct them, or choose the channels with signal_columns"
            )
        )
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def _words(path: Path, frame: Any, name: str | None) -> np.ndarray[Any, np.dtype[np.str_]] | None:
    if name is None:
        return None
    column = frame[name]
    missing = np.asarray(column.isna(), dtype=np.bool_)
    if missing.any():
        raise InputError(
            f"column {name!r} of {path} is empty in row {int(missing.argmax()) + 1} "
            f"({int(missing.sum())} such rows); fill it in every row"
        )
    return np.asarray([str(each).strip() for each in column])


def _only_rate(path: Path, rates: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    if not (rates == rates[0]).all():
        raise InputError(
            f"column 'rate' of {path} is empty or changes within the file; expected one rate in "
            "Hz; if it is a channel, name it in signal_columns"
        )
    return float(rates[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
