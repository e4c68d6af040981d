"""Windows that are cut already, of any number, as `fit` and `Model.embed` take them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.datasets.coded import Coded
from triptych.datasets.gathered import PIECE, Gathered, table_windows
from triptych.datasets.windows import Windows
from triptych.errors import InputError


def from_windows(
    X: Any,
    *,
    rate: float,
    subjects: Any = "",
    labels: Any = "",
    records: Any = "",
    starts: Any = 0.0,
    context: int = 0,
    attributes: Mapping[str, Any] | None = None,
) -> Windows:
    """Windows in a large array, of which only a batch at a time is read.

    Ten million windows need not fit into memory: neither `fit` nor `Model.embed` copies them.
    Unlike `from_arrays`, which makes recordings, nothing is checked before a window is used.

    Parameters
    ----------
    X
        ``(n, channels, time)`` or ``(n, time)`` in physical units: ``np.load(..., mmap_mode="r")``,
        an array of HDF5 or zarr, or whatever has ``shape`` and gives rows for a slice and for
        sorted row numbers.
    rate
        Hz.
    subjects, labels, records, starts
        One for each window, or one for all; starts in s.
    context
        Samples on either side of each window that are neighbours, for transforms that crop.
    attributes
        Name → one word or number for each window, or one for all.

    Raises
    ------
    InputError
        Another shape, a rate that is no number above 0, or not as many entries as windows.

    Examples
    --------
    >>> windows = from_windows(np.zeros((1000, 2, 64), np.float32), rate=50.0, subjects="s1")
    >>> len(windows), tuple(windows.take(slice(0, 3)).signals.shape)
    (1000, (3, 2, 64))
    """
    signals = Gathered(X)
    n, _, length = signals.shape
    if not rate > 0 or not 0 <= 2 * context < length:
        raise InputError(
            f"rate is {rate!r} Hz and context {context} samples of {length}, expected a rate above "
            "0 and less context than there are samples"
        )

    def each(name: str, given: Any, kind: type[Any]) -> Any:
        held: NDArray[Any] = np.asarray(given)
        if held.shape not in ((), (1,), (n,)):
            raise InputError(
                f"{name} has the shape {held.shape} for {n} windows, expected one each"
            )
        if held.shape != (n,):
            return np.broadcast_to(held.astype(kind), (n,))  # one for all takes no memory
        if kind is str:
            return Coded.of(held) if n > PIECE else held.astype(str)
        return held.astype(kind, copy=False)

    return Windows(
        cast(torch.Tensor, signals),
        float(rate),
        context,
        each("records", records, str),
        each("subjects", subjects, str),
        each("starts", starts, float),
        each("labels", labels, str),
        np.broadcast_to(np.float64(np.nan), (n,)),
        {name: each(name, value, str) for name, value in (attributes or {}).items()},
    )


def from_parquet(
    path: str | Path, column: str, *, kept: str | Path, channels: int = 1, **options: Any
) -> Windows:
    """Windows in a list column of a Parquet file (one row per window), as `from_windows`.

    They are written to the file `kept` (.npy) first, some thousand at a time, since a training
    reads at random. `options` are those of `from_windows`; needs the extra ``tables``.
    """
    return from_windows(table_windows(path, column, kept, channels), **options)
