"""Recordings by a word or a path, as the command line names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triptych import datasets
from triptych.datasets.recordings import Dataset
from triptych.errors import InputError

__all__ = ["open_data"]


def open_data(data: str, options: Mapping[str, Any] | None = None) -> Dataset:
    """Load recordings by a word or a path.

    Parameters
    ----------
    data
        A data set's name (``mitdb:``, ``mitdb:DIR``, ``simulated:imu``; without the colon where no
        such file is here), or a folder or file of own recordings. A folder is read as one of own
        recordings, whatever its files are called.
    options
        For own recordings: what `triptych.datasets.readers.load` takes.

    Raises
    ------
    InputError
        If nothing of that name is there, or it cannot be read.
    """
    given = {key: value for key, value in (options or {}).items() if value is not None}
    name, place = datasets.named(data)
    if name is None:
        return datasets.load("folder", place, **given)
    if given:
        raise InputError(
            f"{name} does not take {', '.join(given)}, which describe own recordings; leave them "
            "out"
        )
    if name == "simulated":
        return datasets.load(name, **({"kind": str(place)} if place else {}))
    return datasets.load(name, place)
