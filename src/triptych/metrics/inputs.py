"""What every measurement accepts: rows of numbers and one label a row, from numpy or torch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Rows: TypeAlias = Union[NDArray[Any], "Tensor"]
"""Anything that reads as a float array: numpy of any number type, or a tensor on any device."""
Labels: TypeAlias = Sequence[Any] | NDArray[Any]
"""One label a row: strings, integers or booleans."""
Floats: TypeAlias = NDArray[np.float64]


def as_array(values: Rows, name: str, dims: int = 2) -> NDArray[np.floating[Any]]:
    """Return `values` as a float32 or float64 array with `dims` dimensions, rows first.

    Raises
    ------
    InputError
        If the number of dimensions differs, if there is no row, or if a value is NaN or infinite.
    """
    if not isinstance(values, np.ndarray) and hasattr(values, "detach"):  # a tensor, of torch
        held = values.detach()
        array = np.asarray(held.float().cpu() if held.dtype.itemsize < 4 else held.cpu())
    else:
        array = np.asarray(values)
    if array.dtype.kind == "O":  # as pandas gives columns
        with suppress(TypeError, ValueError):
            array = array.astype(np.float64)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} holds {array.dtype} values, expected real numbers")
    if array.dtype.name not in ("float32", "float64"):
        array = array.astype(np.float64)
    if array.ndim != dims or array.shape[0] == 0:
        raise InputError(
            f"{name} has the shape {array.shape}: expected {dims} dimension(s) with at least one "
            "row; give one row a window"
        )
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argwhere(~finite)[0][0])
        raise InputError(
            f"{name} holds NaN or infinity, first in row {row}: expected finite numbers; check the "
            "signals and the model before measuring"
        )
    return array


def as_labels(labels: Labels, n: int, name: str) -> NDArray[Any]:
    """Return `labels` as a flat array of length `n`; another length raises InputError."""
    array = np.asarray(labels)
    if array.shape != (n,):
        raise InputError(
            f"{name} has the shape {array.shape}: expected ({n},), one entry for every row"
        )
    return array


def same_shape(a: NDArray[Any], b: NDArray[Any], names: str) -> None:
    """Raise InputError unless `a` and `b` agree in shape."""
    if a.shape != b.shape:
        raise InputError(
            f"{names} have the shapes {a.shape} and {b.shape}: expected the same rows and columns "
            "on both sides; give both views of the same windows"
        )


def unit_rows(z: NDArray[Any]) -> NDArray[Any]:
    """Scale every row of (n, d) to norm 1; a row of zeros stays zero, so its cosines are 0."""
    square = np.einsum("ij,ij->i", z, z)
    odd = ~(np.isfinite(square) & (square > np.finfo(square.dtype).tiny)) & z.any(axis=1)
    if odd.any():  # squares that overflow or vanish, of rows that have a direction
        z, square = z.copy(), square.copy()
        z[odd] /= np.abs(z[odd]).max(axis=1, keepdims=True)
        square[odd] = np.einsum("ij,ij->i", z[odd], z[odd])
    norm = np.sqrt(square)[:, None]
    return z / np.where(norm > 0, norm, 1)


def centre_and_spread(z: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean and standard deviation (d,) of the columns of (n, d), by which rows are standardised.

    The spread of a column that is constant up to rounding is infinite, so that it comes out as 0.
    """
    centre, spread = z.mean(axis=0), z.std(axis=0)
    return centre, np.where(spread > 1e-7 * np.abs(z).max(axis=0), spread, np.inf)
