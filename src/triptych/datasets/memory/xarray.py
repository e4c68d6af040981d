"""Arrays with named dimensions as a data set, known by what they have: xarray is not imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from triptych.datasets.memory.arrays import dataset_of, in_python
from triptych.datasets.readers import frame, options_of, words
from triptych.datasets.readers.stretch import Findings, Floats, ReadOptions, Stretch
from triptych.datasets.recordings import Dataset
from triptych.errors import InputError

TIME = ("time", "times", "t", "sample", "samples")
CHANNEL = ("channel", "channels", "ch", "lead", "leads", "sensor", "electrode", "axis", "space")


def from_xarray(
    data: Any,
    *,
    rate: float | None = None,
    subject: str | None = None,
    name: str | None = None,
    **options: Any,
) -> Dataset:
    """Make a data set of an xarray `DataArray` with named dimensions.

    Parameters
    ----------
    data
        One dimension is called time (or times, t, sample), one may be called channel (lead,
        sensor, electrode, axis, ...); every place along all others is a recording. Coordinates
        along time are a clock, a label or a subject for each sample; coordinates along the others
        are the subject, the label or attributes of a recording. ``attrs["units"]`` is the unit.
    rate
        Hz, unless the coordinate time or ``attrs`` (rate, fs, sfreq, ...) says it.
    subject
        Of all of it, where no coordinate says it.
    name
        Of the data set and its recordings; left out: the array's own.
    **options
        As for files (`readers.ReadOptions`).

    Raises
    ------
    InputError
        Without a dimension of time, or what `from_frame` refuses.
    """
    with in_python():
        attrs = dict(getattr(data, "attrs", {}))
        stated = words.column(map(str, attrs), words.RATE)
        rate = rate or (float(attrs[stated]) if stated else None)
        chosen, findings = options_of({**options, "rate": rate}), Findings()
        dims = [str(each) for each in getattr(data, "dims", ())]
        time, channel = words.column(dims, TIME), words.column(dims, CHANNEL)
        if time is None or callable(getattr(data, "values", None)):  # a Dataset's is a method
            raise InputError(
                f"expected a DataArray with a dimension called time; got a {type(data).__name__} "
                f"with {', '.join(dims) or 'no named dimensions'} (of a Dataset with one variable "
                "per channel, pass data.to_array('channel'))"
            )
        others = [each for each in dims if each not in (time, channel)]
        order = (*others, *([channel] if channel else []), time)
        shaped = data.transpose(*order)
        values = np.asarray(shaped.values)
        sizes, length = values.shape[: len(others)], values.shape[-1]
        coords = {str(key): value for key, value in dict(shaped.coords).items()}
        named = np.asarray(coords[channel].values).tolist() if channel in coords else None
        count = values.shape[-2] if channel else 1
        own_name = str(getattr(data, "name", None) or "")
        alone = [own_name] if own_name and not channel else [f"channel {k}" for k in range(count)]
        titles = [str(each) for each in named or alone]
        name = name or own_name or "xarray"
        unit = {title: str(attrs.get("units", "")) for title in titles}
        found: list[Stretch] = []
        for place in np.ndindex(*sizes):
            table = _table(values[place].reshape(count, length), titles, coords, time)
            at = dict(zip(others, place, strict=True))
            own = {
                key: words.text_of(np.asarray(each.values)[tuple(at[d] for d in each.dims)])
                for key, each in coords.items()
                if set(each.dims) <= set(others)
            }
            part = "-".join([name, *map(str, place)])
            known = [unit.get(each, _unit_of(coords.get(each))) for each in table.columns]
            pieces = frame.stretches(table, part, chosen, findings, units=known)
            found += [_beside(each, own, part, chosen) for each in pieces]
        return dataset_of(found, name, chosen, findings, subject=subject, where=name)


def _table(values: Floats, titles: Sequence[str], coords: Mapping[str, Any], time: str) -> Any:
    """A recording as a pandas frame, with the coordinates along time as columns."""
    import pandas

    along = {
        "time" if key == time else key: np.asarray(each.values)
        for key, each in coords.items()
        if tuple(each.dims) == (time,)
    }
    return pandas.DataFrame({**along, **dict(zip(titles, values, strict=True))})


def _unit_of(coordinate: Any) -> str:
    return str(dict(getattr(coordinate, "attrs", {})).get("units", ""))


def _beside(stretch: Stretch, own: Mapping[str, str], name: str, options: ReadOptions) -> Stretch:
    """A stretch with what the coordinates of its recording say of it."""
    label = options.label_column or words.column(own, words.LABEL)
    who = options.subject_column or words.column(own, words.SUBJECT)
    told = own.get(label or "", "")
    return replace(
        stretch,
        part=f"{name}#{stretch.part}".rstrip("#"),
        label=stretch.label or (None if told in ("", *options.no_label) else told),
        subject=stretch.subject or own.get(who or "") or None,
        attributes={key: value for key, value in own.items() if key not in (label, who)},
        taken=(*stretch.taken, *(each for each in (label, who) if each in own)),
    )
