"""Shape-based distance: how alike two windows are in morphology, whatever their phase."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.audit.inputs import Rows, as_array
from triptych.errors import InputError

# Transforms that stay in the cache are three times faster than large batches: 1.6 MB of float32.
_CHUNK_FLOATS = 400_000


def shape_based_distance(queries: Rows, gallery: Rows, max_lag: int) -> NDArray[np.float32]:
    """1 − max over |lag| ≤ max_lag of the zero-padded normalised cross-correlation.

    NCC(lag) = Σ_t q(t + lag) g(t) / (‖q‖ ‖g‖), with zeros outside the windows; several channels
    share the lag and the norm. Exact, by real FFTs long enough that no lag asked for wraps.

    Parameters
    ----------
    queries, gallery
        Windows (q, t) and (g, t), or (q, c, t) and (g, c, t).
    max_lag
        In samples, 0 to t − 1.

    Returns
    -------
    (q, g) in [0, 2]; 1 where either window is all zeros.

    Raises
    ------
    InputError
        If the windows differ in channels or length, are not finite, or the lag is out of range.

    Notes
    -----
    Paparrizos and Gravano, "k-Shape", SIGMOD 2015 (there over all lags).
    """
    a, b = _units(queries, "queries"), _units(gallery, "gallery")
    if a.shape[1:] != b.shape[1:]:
        raise InputError(
            f"queries are windows of (channels, samples) {tuple(a.shape[1:])} and the gallery of "
            f"{tuple(b.shape[1:])}: expected the same; cut both alike"
        )
    t = a.shape[2]
    if not 0 <= max_lag < t:
        raise InputError(f"max_lag is {max_lag} samples: expected 0 to {t - 1} for windows of {t}")
    # lag l aliases with l ± length: t − 1 + max_lag < length keeps the wanted lags clean; powers
    # of two are about twice as fast as the shortest admissible length
    length = 1 << (t - 1 + max_lag).bit_length()
    fft = cast(Any, torch.fft)
    fa: torch.Tensor = fft.rfft(a, length)
    fb: torch.Tensor = fft.rfft(b, length).conj()
    out = torch.empty(len(a), len(b))
    columns = max(1, min(len(b), 100, _CHUNK_FLOATS // length))
    rows = max(1, _CHUNK_FLOATS // (length * columns))
    for i in range(0, len(a), rows):
        for j in range(0, len(b), columns):
            spectrum = fa[i : i + rows, None, 0] * fb[None, j : j + columns, 0]
            for channel in range(1, a.shape[1]):
                spectrum += fa[i : i + rows, None, channel] * fb[None, j : j + columns, channel]
            ncc: torch.Tensor = fft.irfft(spectrum, length)
            best = ncc[..., : max_lag + 1].amax(-1)
            if max_lag:
                best = torch.maximum(best, ncc[..., -max_lag:].amax(-1))
            out[i : i + rows, j : j + columns] = best
    return (1 - out).clamp(0, 2).numpy()


def _units(windows: Rows, name: str) -> torch.Tensor:
    """Windows as (n, c, t) float32 of norm 1; windows of zeros stay zero."""
    dims = windows.ndim if windows.ndim == 2 else 3
    x = torch.as_tensor(as_array(windows, name, dims).astype(np.float64))
    x = x[:, None] if dims == 2 else x
    norm = x.square().sum(dim=(1, 2), keepdim=True).sqrt()
    return (x / torch.where(norm > 0, norm, 1.0)).float()
