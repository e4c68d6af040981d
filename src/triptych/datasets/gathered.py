"""Windows that stay where they are, in a file or a store, and are read batch by batch."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.errors import InputError

HELD = 256 * 2**20  # bytes of a mapped file that may lie in memory before they are let go
NEIGHBOURHOOD = 2 * 2**20  # bytes that a system may map around one row: a huge page
PIECE = 16_384  # windows that are looked at at a time

Rows = NDArray[Any] | torch.Tensor | slice | int


class Gathered:
    """Windows ``(n, channels, time)`` of anything with a shape and rows, as `Windows.signals`.

    It answers as a float32 tensor does where windows are trained on or embedded: rows are read when
    they are asked for (``signals[3:5]``, `index_select`), a part of the time is cut when they are
    (``signals[..., 2:-2]``), and `take` chooses rows without reading any.

    Parameters
    ----------
    source
        ``(n, channels, time)`` or ``(n, time)``, real numbers: a memory-mapped file, an array of
        HDF5 or zarr, or whatever has ``shape`` and gives rows for a slice and for sorted numbers.
    rows
        Which of them, in which order; None: all.
    span
        First sample and the one behind the last; None: all.

    Raises
    ------
    InputError
        For another shape.
    """

    def __init__(
        self,
        source: Any,
        rows: NDArray[np.integer[Any]] | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        shape = tuple(map(int, getattr(source, "shape", ())))
        if len(shape) not in (2, 3) or 0 in shape or not hasattr(source, "__getitem__"):
            raise InputError(
                f"windows of a {type(source).__name__} of shape {shape or 'unknown'}, expected "
                "(n, channels, time) or (n, time)"
            )
        self.source, self.rows, self.span = source, rows, span or (0, shape[-1])
        n = shape[0] if rows is None else len(rows)
        channels = 1 if len(shape) == 2 else shape[1]
        self.shape = torch.Size((n, channels, self.span[1] - self.span[0]))
        self.dtype = torch.float32
        self._map, self._read = _map_of(source), [0]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Rows | tuple[EllipsisType, slice]) -> Any:
        if isinstance(key, tuple):
            first, end, _ = key[1].indices(self.shape[-1])
            return self._part(self.rows, (self.span[0] + first, self.span[0] + end))
        if isinstance(key, int):
            return self[key : key + 1 or None][0]
        if isinstance(key, slice):  # not all numbers, which take 80 MB of ten million rows
            return self._tensor(np.arange(*key.indices(len(self))))
        return self._tensor(np.asarray(key))

    def index_select(self, dim: int, rows: torch.Tensor) -> torch.Tensor:
        """Read rows, as of a tensor; `dim` is 0."""
        assert dim == 0
        return self._tensor(rows.numpy())

    def take(self, rows: NDArray[np.integer[Any]]) -> Gathered:
        """The windows at these positions, none of which is read."""
        return self._part(rows if self.rows is None else self.rows[rows], self.span)

    def contiguous(self) -> Gathered:
        """Itself: what is read lies in order anyway."""
        return self

    def _part(self, rows: NDArray[np.integer[Any]] | None, span: tuple[int, int]) -> Gathered:
        made = Gathered(self.source, rows, span)
        made._read = self._read  # one file, one count
        return made

    def _tensor(self, places: NDArray[np.integer[Any]]) -> torch.Tensor:
        places = places if self.rows is None else self.rows[places]
        # sorted and once, since stores on disk ask for that, and neighbours are read together
        different, back = np.unique(places, return_inverse=True)
        n = len(different)
        together = n > 0 and int(different[-1] - different[0]) == n - 1
        if together:
            values = np.asarray(self.source[slice(int(different[0]), int(different[-1]) + 1)])
            self._let_go(values.nbytes)
        else:
            values = self._scattered(different)
        values = values.reshape(n, self.shape[1], int(self.source.shape[-1]))[
            ..., self.span[0] : self.span[1]
        ]
        return torch.as_tensor(np.ascontiguousarray(values[back], dtype=np.float32))

    def _scattered(self, rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Rows apart; of a mapped file so few at a time that what lies around them can go again."""
        if self._map is None:
            return np.asarray(self.source[rows])
        few = max(1, HELD // NEIGHBOURHOOD)
        held = np.empty((len(rows), *self.source.shape[1:]), self.source.dtype)
        for first in range(0, len(rows), few):
            part = rows[first : first + few]
            held[first : first + few] = self.source[part]
            self._let_go(len(part) * NEIGHBOURHOOD)
        return held

    def _let_go(self, read: int) -> None:
        """Give pages of a mapped file back: until then they count as this process's memory."""
        self._read[0] += read
        if self._read[0] > HELD and self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._read[0] = 0


def _map_of(source: Any) -> mmap.mmap | None:
    """The file that an array lies in, if it is mapped and its pages can be given back."""
    while isinstance(source, np.ndarray):
        source = source.base
    mapped = isinstance(source, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED")
    return source if mapped else None


def rows_of(signals: Any, rows: NDArray[np.integer[Any]]) -> Any:
    """Windows at these positions; those in a file stay there."""
    return signals.take(rows) if isinstance(signals, Gathered) else signals[torch.as_tensor(rows)]


def numbers_of(n: int, indices: Any) -> NDArray[np.integer[Any]]:
    """Numbers of the rows that a mask, a slice or numbers choose; of ten million in 40 MB."""
    kind = np.int32 if n <= np.iinfo(np.int32).max else np.int64
    return np.ascontiguousarray(np.arange(n, dtype=kind)[indices])


def values_of(values: Any, rows: NDArray[np.integer[Any]]) -> Any:
    """Entries of windows at these positions; one for all takes no memory."""
    if len(values) and getattr(values, "strides", None) == (0,):
        return np.broadcast_to(values[0], rows.shape)
    return values[rows]


def pieces(signals: Any) -> Iterator[Any]:
    """Windows some thousand at a time, if they are many: as much as may be held at once."""
    for start in range(0, len(signals), PIECE):
        yield signals[start : start + PIECE]


def table_windows(
    path: str | Path, column: str, kept: str | Path, channels: int = 1
) -> NDArray[np.float32]:
    """Windows in a list column of a Parquet file as a mapped .npy file, `kept`, written once.

    A Parquet file is read from front to back, a training reads at random. Needs the extra
    ``tables``.

    Raises
    ------
    InputError
        If there is no such column, or its lists differ in length.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise InputError(
            "a .parquet file needs the extra 'tables'; run pip install 'triptych[tables]'"
        ) from error
    from triptych.files import write_atomically

    opened: Any = parquet
    with opened.ParquetFile(path) as file:
        if column not in file.schema_arrow.names:
            known = ", ".join(file.schema_arrow.names)
            raise InputError(f"{path} has no column {column!r}; it has {known}")
        n, size = file.metadata.num_rows, 0
        with write_atomically(kept, "wb") as out:
            for batch in file.iter_batches(PIECE, columns=[column]):
                lists: Any = batch.column(0)
                values = np.asarray(lists.flatten(), dtype=np.float32)
                size = size or len(values) // max(len(lists), 1)
                lengths = set(np.asarray(lists.value_lengths()).tolist())
                if lengths != {size} or size % channels:
                    raise InputError(
                        f"{column} of {path} has lists of {sorted(lengths)[:5]} samples, expected "
                        f"one length, a multiple of {channels} channels"
                    )
                if not out.tell():
                    shape = (n, channels, size // channels)
                    head = {"descr": "<f4", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(out, head)
                out.write(values.astype("<f4").data)
    return np.load(kept, mmap_mode="r", allow_pickle=False)
