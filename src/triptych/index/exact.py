"""The most similar rows among all, and what latents and a number of neighbours have to be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from triptych.errors import InputError
from triptych.signals import as_tensor

Array = Tensor | NDArray[Any]
Floats = NDArray[np.float32]
Hidden = Callable[[slice], NDArray[np.bool_]] | NDArray[np.bool_] | Tensor
ROWS = 8192  # of a gallery at a time: 4 MB of 128 dimensions, which stay in the cache


@dataclass(frozen=True, eq=False)
class Matches:
    """What a search finds: `rows` of the gallery ``(q, k)``, most similar first."""

    rows: Int[Tensor, "q k"]
    similarity: Float[Tensor, "q k"]


def nearest(
    similarity: Callable[[slice], Tensor],
    shape: tuple[int, int],
    k: int,
    hidden: Hidden | None,
    step: int,
) -> Matches:
    """Find the `k` most similar rows for each query, exactly; `step` queries at a time.

    `similarity` gives those of a slice of queries to every row, `shape` is the number of either,
    and `hidden` (a table, or what gives that of a slice) says which rows must not be found.
    Raises InputError for a table of another shape, or fewer than `k` rows to choose from.
    """
    queries, rows = shape
    require_rows(k, rows)
    found: list[tuple[Tensor, Tensor]] = []
    for start in range(0, queries, step):
        part = slice(start, min(start + step, queries))
        scores = similarity(part)
        if hidden is not None:
            barred = torch.as_tensor(hidden(part) if callable(hidden) else hidden[part])
            if barred.shape != scores.shape or barred.dtype != torch.bool:
                raise InputError(
                    f"the exclusion rule gave {barred.dtype} of shape {tuple(barred.shape)} for "
                    f"{len(scores)} queries: expected booleans of shape {tuple(scores.shape)}"
                )
            require_rows(k, int((~barred).sum(dim=1).min()), rows)
            scores = scores.masked_fill(barred, -math.inf)
        best = scores.topk(k, dim=1)
        found.append((best.indices, best.values))
    indices, values = zip(*found, strict=True)
    return Matches(torch.cat(indices), torch.cat(values))


def require_rows(k: int, left: int, rows: int | None = None, what: str = "rows") -> None:
    """Raise InputError unless `k` can be chosen of the `left` (of so many rows in all)."""
    if not 1 <= k <= left:
        of = "" if rows is None else f" (of {rows}, without those excluded)"
        raise InputError(
            f"a search for k={k} among {left} {what}{of}: expected 1 <= k <= {left}; lower k, or "
            "give a gallery of more records"
        )


def checked(latents: Array, name: str, width: int | None = None) -> Floats:
    """Latents as float32 ``(n, d)``; InputError for another shape, NaN or infinity."""
    held = latents if isinstance(latents, np.ndarray) else None
    if held is not None and held.dtype == np.dtype("<f4"):
        values: Floats = np.asarray(held)  # a map of a file stays one
    else:
        values = as_tensor(latents).detach().cpu().float().numpy()
    if values.ndim != 2 or 0 in values.shape or width not in (None, values.shape[1]):
        raise InputError(
            f"{name} has shape {tuple(values.shape)}, expected latents "
            f"({'n' if width is None else 'q'}, {width or 'd'}) with at least one row"
        )
    bad = np.concatenate(
        [~np.isfinite(values[i : i + ROWS]).all(axis=1) for i in range(0, len(values), ROWS)]
    )
    if bad.any():
        raise InputError(
            f"row {int(bad.argmax())} of {name} holds NaN or infinity ({int(bad.sum())} such rows "
            "in all); leave them out"
        )
    return values


def inverse_norms(latents: Floats) -> Floats:
    """1 / ‖z‖ of every row, 0 for a row of zeros, which is then similar to nothing."""
    norms = np.sqrt(np.einsum("ij,ij->i", latents, latents, dtype=np.float64))
    return np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0).astype(np.float32)
