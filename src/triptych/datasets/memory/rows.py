"""Rows with an array each, such as a Hugging Face data set, as a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from triptych.datasets.memory.arrays import from_arrays, in_python
from triptych.datasets.readers import array, columns, options_of, words
from triptych.datasets.recordings import Dataset
from triptych.errors import InputError


def from_hf(
    data: Any,
    *,
    rate: float | None = None,
    column: str | None = None,
    channels: Sequence[str] | None = None,
    name: str = "rows",
    **options: Any,
) -> Dataset:
    """Make a data set of rows with an array each, such as a Hugging Face data set.

    Parameters
    ----------
    data
        Anything that gives rows, each a mapping: one split of a `datasets.Dataset`, streamed or
        not, or a list of dictionaries.
    rate
        Hz, unless a column called rate (fs, sfreq, sampling_rate, ...) or the audio says it.
    column
        Which holds the signals, ``(time,)`` or ``(channels, time)``; left out: the one called
        signal, x, data or audio, or the only one that holds arrays.
    channels
        Their names.
    name
        Of the data set.
    **options
        `label_column`, `subject_column`, `missing`, `max_gap`, `missing_value`, `no_label`.

    All other columns of words or numbers become attributes; labels that are class numbers get
    their names from the data set's features.

    Raises
    ------
    InputError
        No rows, several splits, no such column, or what `from_arrays` refuses.
    """
    with in_python():
        chosen = options_of({**options, "rate": rate})
        if isinstance(data, Mapping):
            splits = ", ".join(map(str, cast("Mapping[Any, Any]", data)))
            raise InputError(f"the data has several splits ({splits}); pass one of them")
        rows: list[dict[str, Any]] = [dict(row) for row in data]
        if not rows:
            raise InputError("the data has no rows, expected one recording in each")
        signals = column or _signals(rows[0])
        if signals not in rows[0]:
            raise InputError(f"the data has no column {signals!r}; it has {', '.join(rows[0])}")
        free = [key for key in rows[0] if key != signals]
        asked = columns.asked
        label, subject, rates = (
            asked("the data", free, wanted) or words.column(free, usual)
            for wanted, usual in (
                (chosen.label_column, array.LABEL),
                (chosen.subject_column, words.SUBJECT),
                (None, words.RATE),
            )
        )
        features: dict[str, Any] = dict(getattr(data, "features", None) or {})
        named = getattr(features.get(label or ""), "names", None)
        found: list[Any] = []
        hertz: list[Any] = []
        for row in rows:
            value: Any = row[signals]
            own: Any = rate
            if isinstance(value, Mapping) or hasattr(value, "get_all_samples"):  # audio, decoded
                audio = cast(Any, value)
                value, own = audio["array"], audio["sampling_rate"]
            found.append(value)
            hertz.append(row[rates] if rates else own)
            code: Any = row[label] if label else None
            if label and named and not isinstance(code, str | None) and int(code) >= 0:
                row[label] = named[int(code)]
        if any(each is None for each in hertz):
            raise InputError("the data does not state its sampling rate; pass rate=... in Hz")
        others = [
            key for key in free if key not in (label, subject, rates) and _plain(rows[0][key])
        ]
        kept = {key: getattr(chosen, key) for key in ("missing", "max_gap", "missing_value")}
        return from_arrays(
            found,
            rate=hertz,
            subjects=[row[subject] for row in rows] if subject else None,
            labels=[row[label] for row in rows] if label else None,
            channels=channels,
            attributes={key: [row[key] for row in rows] for key in others},
            name=name,
            no_label=chosen.no_label,
            **kept,
        )


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | np.generic)


def _signals(row: Mapping[str, Any]) -> str:
    arrays = [key for key, value in row.items() if not _plain(value)]
    usual = words.column(arrays, (*array.SIGNALS, "audio"))
    if usual is None and len(arrays) != 1:
        raise InputError(
            f"the columns {', '.join(row)} do not say which one holds the signals; pass column=..."
        )
    return usual or arrays[0]
