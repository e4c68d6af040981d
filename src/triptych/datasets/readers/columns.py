"""Columns of a data frame: numbers, words, and dates and times."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.readers import words
from triptych.datasets.readers.stretch import Findings, Floats, ReadOptions, listed
from triptych.errors import InputError

FEW = 0.01  # share of rows that may be left out for the words in them
_DATE = re.compile(r"\s*(\d{4}-\d\d?-\d\d?|\d\d?[./]\d\d?[./]\d{2,4})")
_SLASHED = re.compile(r"\s*\d\d?[./]\d\d?[./]\d{2,4}")
_OF_DAY = re.compile(r"\s*\d\d?:\d\d:\d\d([.,]\d+)?\s*$")
EMPTY = {*words.NOTHING, "na", "n/a", "null", "none"}  # in a column of numbers


def with_index(frame: Any) -> Any:
    """The frame with what its index says as columns; a plain count of rows is dropped."""
    index = frame.index
    named = [str(each) for each in index.names if each is not None]
    kind = type(index).__name__
    if kind == "RangeIndex" or (not named and kind not in ("DatetimeIndex", "TimedeltaIndex")):
        return frame.reset_index(drop=True)
    names = [str(each) if each is not None else "time" for each in index.names]
    return frame.reset_index(names=names)


def asked(where: str, names: Sequence[str], name: str | None) -> str | None:
    """The title that was asked for, which must be there (else InputError)."""
    if name is not None and name not in names:
        raise InputError(f"{where} has no column {name!r}; it has {listed(list(names), 12)}")
    return name


def numbers(column: Any, options: ReadOptions) -> Floats | None:
    """A column as float64, NaN where it says nothing; None if it holds words or times."""
    kind = getattr(column.dtype, "kind", "O")
    if kind in "fiub":
        values = np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    elif kind in "mM" or str(column.dtype).startswith("datetime"):
        return None
    else:
        pandas: Any = importlib.import_module("pandas")
        if _words(pandas, some(column)).any():  # telling that of every row takes long
            return None
        text = column.astype(str).str.strip()
        text = text.mask(text.str.lower().isin(EMPTY), "nan")
        values = np.asarray(pandas.to_numeric(text, errors="coerce"), dtype=np.float64)
        if (np.isnan(values) & (text != "nan").to_numpy()).any():
            comma = text.str.replace(",", ".", regex=False)
            values = np.asarray(pandas.to_numeric(comma, errors="coerce"), dtype=np.float64)
            if (np.isnan(values) & (text != "nan").to_numpy()).any():
                return None
        if np.isnan(values).all():
            return None
    if options.missing_value is not None:
        values = np.where(values == options.missing_value, np.nan, values)
    return values


def refuse_lists(where: str, frame: Any, names: Sequence[str]) -> None:
    """Raise InputError for cells that hold more than one value."""
    for each in names:
        first = frame[each].iloc[0]
        if hasattr(first, "__len__") and not isinstance(first, str | bytes):
            raise InputError(
                f"column {each!r} of {where} holds a {type(first).__name__} in every cell; "
                "expected one number per cell: a row per sample"
            )


def not_numbers(where: str, column: Any, name: str) -> str:
    """Say of a wanted column what it holds instead of numbers."""
    text = column.astype(str)
    bad = [i for i, each in enumerate(text) if not _is_number(each)] or [0]
    shown = str(text.iloc[bad[0]])[:40]
    return (
        f"column {name!r} of {where} holds {shown!r} in row {bad[0] + 1} ({len(bad)} such rows), "
        "expected numbers; correct them, or choose the channels with --channels"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_datetime(column: Any) -> bool:
    """Whether a column looks like dates or times of day."""
    if getattr(column.dtype, "kind", "O") in "mM" or str(column.dtype).startswith("datetime"):
        return True
    first = str(column.iloc[0])
    return bool(_DATE.match(first) or _OF_DAY.match(first))


def date_and_time(frame: Any, names: Sequence[str]) -> tuple[str, str] | None:
    """Columns of dates without times and of times of day, which together are the time."""
    text = {n: str(frame[n].iloc[0]).strip() for n in names if frame[n].dtype.kind not in "fiubmM"}
    dates = [n for n, first in text.items() if (d := _DATE.match(first)) and d.end() == len(first)]
    times = [n for n, first in text.items() if _OF_DAY.match(first)]
    return (dates[0], times[0]) if len(dates) == len(times) == 1 else None


def moments(where: str, column: Any, name: str, findings: Findings) -> Floats:
    """Dates and times as s since 1970, times of day as s since midnight of the first day.

    Local times without a zone are taken as they are written. Of 1/2/2024 the order of day and
    month is the one in which the clock goes on.

    Raises
    ------
    InputError
        For text that is no date and time.
    """
    pandas: Any = importlib.import_module("pandas")
    try:
        if getattr(column.dtype, "kind", "O") == "m":
            return np.asarray(column.dt.total_seconds(), dtype=np.float64)
        first = str(column.iloc[0]).strip()
        if column.dtype.kind != "M" and _OF_DAY.match(first):
            day = np.asarray(pandas.to_timedelta(column.str.strip()).dt.total_seconds(), np.float64)
            return day + 86400.0 * np.cumsum(np.diff(day, prepend=day[:1]) < -43200)
        if column.dtype.kind == "M" or not _SLASHED.match(first):
            return _since_1970(column, {})
        orders = [o for o in (False, True) if _parses(column, o)]
        read = {order: _since_1970(column, {"dayfirst": order}) for order in orders}
        if len(read) == 2 and np.ptp(read[False]) == np.ptp(read[True]):
            findings.say("dates are read month first; the day cannot be told from it", where)
        return min(read.values(), key=np.ptp)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"column {name!r} of {where} holds {str(column.iloc[0])[:40]!r}, which cannot be read "
            "as a date and time; write 2024-03-31 01:59:50.000"
        ) from error


def _parses(column: Any, day_first: bool) -> bool:
    """Whether every date has a month from 1 to 12 in this order."""
    month = column.str.extract(r"^\s*(\d+)[./](\d+)")[int(day_first)].astype(float)
    return bool(month.max() <= 12)


def _since_1970(column: Any, how: dict[str, bool]) -> Floats:
    pandas: Any = importlib.import_module("pandas")
    zoned = bool(re.search(r"(Z|[+-]\d\d:?\d\d)\s*$", str(column.iloc[0])))
    form: Any = None if column.dtype.kind == "M" else "ISO8601"
    if how:
        first = str(column.iloc[0]).strip()
        form = pandas.tseries.api.guess_datetime_format(first, **how) or "mixed"
    try:  # one form throughout is read a hundred times as fast as mixed ones
        made = pandas.to_datetime(column, utc=zoned, format=form, **how)
    except ValueError:
        made = pandas.to_datetime(column, utc=zoned, format="mixed", **how)
    if getattr(made.dt, "tz", None) is not None:
        made = made.dt.tz_convert("UTC").dt.tz_localize(None)
    stamps = made.astype("datetime64[ns]").to_numpy()
    whole = stamps.astype("int64")
    seconds = whole // 1_000_000_000 + (whole % 1_000_000_000) / 1e9
    return np.where(np.isnat(stamps), np.nan, seconds)


def without_words(frame: Any, where: str, findings: Findings) -> Any:
    """The frame without the few rows that hold words where all others have numbers."""
    pandas: Any = importlib.import_module("pandas")
    bad = np.zeros(len(frame), dtype=np.bool_)
    for name in (n for n in frame.columns if frame[n].dtype.kind not in "fiub"):
        if _words(pandas, some(frame[name])).mean() > 10 * FEW:
            continue
        words_here = _words(pandas, frame[name])
        if 0 < words_here.mean() <= FEW:
            bad |= words_here
    if not bad.any():
        return frame
    findings.say(
        "rows with words among numbers are left out",
        f"{where}: {int(bad.sum())}, first in row {int(bad.argmax()) + 1}",
    )
    return frame[~bad].reset_index(drop=True)


def some(column: Any) -> Any:
    """A thousand cells of a column or more, from all of it."""
    return column.iloc[:: max(1, len(column) // 1000)]


def _words(pandas: Any, column: Any) -> NDArray[np.bool_]:
    """Which cells are neither numbers nor empty."""
    text = column.fillna("").astype(str).str.strip()
    number = pandas.to_numeric(text.str.replace(",", ".", regex=False), errors="coerce")
    return np.asarray(number.isna() & ~text.str.lower().isin(EMPTY), dtype=np.bool_)


def ramps(values: Floats) -> bool:
    """Whether values rise or fall by one step throughout, up to rounding: a clock or a count."""
    values = values[np.isfinite(values)]
    if len(values) < 10:
        return False
    steps = np.diff(values)
    rounding = 4 * np.spacing(np.abs(values).max())
    if steps[0] != 0 and np.ptp(steps) <= max(1e-6 * abs(steps[0]), rounding):
        return True
    step = (values[-1] - values[0]) / len(steps)  # written with few digits, it wavers about a line
    line = values[0] + step * np.arange(len(values))
    return bool((steps * step > 0).all() and np.abs(values - line).max() <= 0.5 * abs(step))


def texts(
    frame: Any, name: str | None, options: ReadOptions, findings: Findings, where: str
) -> NDArray[np.str_] | None:
    """Labels or subjects (n,) as text, "" where there is none."""
    if name is None:
        return None
    codes, distinct = frame[name].factorize()  # -1 where a cell is missing
    spelled = [words.text_of(each) for each in distinct]
    held = np.array(["" if each in options.no_label else each for each in spelled] + [""])
    found = held[codes]
    for each in ("None", "none", "NA", "N/A", "null", "NULL"):
        if each in held:
            findings.say(
                f"{each!r} in column {name!r} is taken as a word like any other; pass --no-label "
                f"{each} if it means that there is none",
                where,
            )
    return found


def only_rate(where: str, column: Any) -> float:
    """The one rate in a column of rates (InputError if it changes)."""
    values = numbers(column, ReadOptions())
    if values is None or not (values == values[0]).all():
        raise InputError(
            f"the column of rates of {where} is empty or changes within the file; expected one "
            "rate in Hz; if it is a channel, name it with --channels"
        )
    return float(values[0])
