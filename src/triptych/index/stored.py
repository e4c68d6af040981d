"""An index as a folder: arrays that grow at their end, and one JSON file that says what counts.

Rows are written behind those that are there, and count once `index.json` has been replaced: a
process that is killed in between leaves bytes that nobody reads. Arrays are .npy files without
pickles, mapped into memory, so that opening reads no rows.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.errors import InputError
from triptych.files import held, read_json, write_json
from triptych.index.approximate import Lists
from triptych.index.columns import Column, StoredTable
from triptych.index.exact import Array, checked

Part = tuple[Array, Mapping[str, Any]]
ABOUT, LATENTS = "index.json", "latents.npy"
FORMAT = 1


def column_file(place: int) -> str:
    """Name of the file of a column; a column's own name may hold anything."""
    return f"column-{place}.npy"


def grow(path: Path, values: NDArray[Any], rows: int) -> None:
    """Write `values` behind the first `rows` of an .npy file, which is made if `rows` is 0."""
    form = np.lib.format
    try:
        with open(path, "r+b" if rows else "wb") as handle:
            shape = (rows + len(values), *values.shape[1:])
            head = {"descr": values.dtype.str, "fortran_order": False, "shape": shape}
            form.write_array_header_1_0(handle, head)  # numpy leaves room for a longer count
            handle.seek(handle.tell() + rows * values[:1].nbytes)
            handle.truncate()
            handle.write(np.ascontiguousarray(values).data)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; the index is as it was"
        ) from error


def mapped(path: Path, rows: int, like: tuple[str, tuple[int, ...]]) -> NDArray[Any]:
    """Return the first `rows` of an .npy file of this dtype and shape of a row, not yet read.

    The count in its header is not taken: an append that goes on, or that was killed, has written
    it before the rows themselves.
    """
    form = np.lib.format
    try:
        with open(path, "rb") as handle:
            if form.read_magic(handle) != (1, 0):
                raise ValueError("it is of another version")
            shape, fortran, dtype = form.read_array_header_1_0(handle)
            start = handle.tell()
        if fortran or (dtype.str, shape[1:]) != like:
            raise ValueError(f"it holds {dtype} of shape {shape}")
        return np.asarray(np.memmap(path, dtype, "r", start, (rows, *shape[1:])))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} is not whole ({str(error)[:120]}); restore it, or build the index anew"
        ) from error


@contextmanager
def new_folder(folder: str | Path) -> Generator[Path]:
    """Make a folder apart, which takes this name at the end unless something went wrong."""
    target = Path(folder)
    empty = target.is_dir() and not any(target.iterdir())
    if not target.name or (target.exists() and not empty):  # "." cannot be renamed to
        raise InputError(f"{target} exists already; append to that index, or choose a new name")
    apart = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        apart.mkdir(parents=True)
        yield apart
        os.replace(apart, target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(apart, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Keep other processes from adding rows meanwhile."""
    with held(folder / ".lock") as free:
        if not free:
            raise InputError(f"another process is adding to {folder}; wait until it has finished")
        yield


def parts_of(latents: Any, meta: Mapping[str, Any] | None) -> Iterable[Part]:
    """One array with its meta, or pairs of such, as pairs."""
    if isinstance(latents, np.ndarray | Tensor):
        return [(cast(Array, latents), meta or {})]
    return latents


def add(folder: Path, parts: Iterable[Part], new: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write rows behind those of a folder, then what counts; the first ones with `new`.

    Raises InputError for columns or a width that differ, or if there are no rows.
    """
    content: dict[str, Any] = (
        {"rows": 0, "size": None, "columns": [], **new} if new else read(folder)
    )
    rows, columns = int(content["rows"]), cast("list[dict[str, Any]]", content["columns"])
    for latents, meta in parts:
        z = checked(latents, "the gallery", content["size"])
        content["size"] = z.shape[1]
        own = StoredTable.of(meta, len(z))
        names = [each["name"] for each in columns]
        if not rows:
            names = list(own)
            columns += [
                {
                    "name": name,
                    "dtype": each.values.dtype.str,
                    "words": None if each.words is None else [],
                }
                for name, each in own.items()
            ]
        if set(names) != set(own):
            raise InputError(
                f"the rows have the columns {', '.join(own) or 'none'}, but the index has "
                f"{', '.join(names) or 'none'}"
            )
        grow(folder / LATENTS, z, rows)
        for place, (name, column) in enumerate(zip(names, columns, strict=True)):
            words = column["words"]
            held_there = Column(
                np.empty(0, column["dtype"]), None if words is None else tuple(words)
            )
            coded = own[name].like(held_there, name)
            column["words"] = None if coded.words is None else list(coded.words)
            grow(folder / column_file(place), coded.values, rows)
        rows += len(z)
    if rows == content["rows"]:
        raise InputError("there are no rows to add; give at least one")
    content["rows"] = rows
    write_json(folder / ABOUT, {"triptych-index": FORMAT, **content})
    return content


def read(folder: Path) -> dict[str, Any]:
    """Read ``index.json``; InputError if the folder is no index of this format."""
    if not (folder / ABOUT).is_file():
        raise InputError(
            f"{folder} is no index (it has no {ABOUT}); build one with triptych search MODEL DATA "
            f"--index {folder}"
        )
    content: dict[str, Any] = read_json(folder / ABOUT)
    parts = {"metric", "blocks", "default", "approximate", "about", "rows", "size", "columns"}
    whole = isinstance(content, dict) and parts <= set(content)
    if not whole or content["triptych-index"] != FORMAT:
        raise InputError(
            f"{folder / ABOUT} is not that of an index of format {FORMAT}; build the index anew"
        )
    return content


def arrays(folder: Path, content: Mapping[str, Any]) -> tuple[Any, StoredTable]:
    """Latents and columns, mapped."""
    rows = content["rows"]
    meta = StoredTable()
    for place, each in enumerate(content["columns"]):
        values = mapped(folder / column_file(place), rows, (each["dtype"], ()))
        words = each["words"]
        meta[each["name"]] = Column(values, None if words is None else tuple(words))
    return mapped(folder / LATENTS, rows, ("<f4", (content["size"],))), meta


def lists_file(rows: int) -> str:
    """Name of faiss's file for the first `rows`; another number is another file."""
    return f"lists-{rows}.faiss"


def keep_lists(folder: Path, content: dict[str, Any], lists: Lists | None, rows: int) -> None:
    """Write lists (None: none are worth it), let them count, and remove older ones."""
    if lists is not None:
        lists.write(folder / lists_file(rows))
    kept = {"rows": rows, "probes": None if lists is None else lists.probes}
    write_json(folder / ABOUT, {**content, "lists": kept})
    for old in folder.glob("lists-*.faiss"):
        if old.name != lists_file(rows):
            old.unlink()
