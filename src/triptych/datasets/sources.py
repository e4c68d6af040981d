"""Recordings by a word or a path, as the command line names them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
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
        A data set's name (``mitdb``, ``simulated``, ``simulated:imu``), ``name:DIR``, or a folder
        or file of own recordings. A folder that holds a known data set is read as that.
    options
        For own recordings: what `triptych.datasets.folder.load` takes.

    Raises
    ------
    InputError
        If nothing of that name is there, or it cannot be read.
    """
    given = {key: value for key, value in (options or {}).items() if value is not None}
    name, colon, place = data.partition(":")
    known = datasets.names()
    if name in known and (colon or name != "folder"):
        if given and name != "folder":
            raise InputError(
                f"{name} does not take {', '.join(given)}, which describe own recordings; leave "
                "them out"
            )
        if name == "simulated":
            return datasets.load(name, **({"kind": place} if place else {}))
        return datasets.load(name, place or None, **given)
    path = Path(data).expanduser()
    if not path.exists():
        named = ", ".join(each for each in known if each != "folder")
        raise InputError(
            f"there is no data {data!r}: it is neither a file or folder nor a data set ({named}; "
            "with its folder: mitdb:DIR)"
        )
    for each in known if path.is_dir() and not given else ():
        present = getattr(importlib.import_module(f"triptych.datasets.{each}"), "present", None)
        if present is not None and present(path):
            found = datasets.load(each, path)
            return replace(found, notes=(f"{path} is read as the data set {each}", *found.notes))
    return datasets.load("folder", path, **given)
