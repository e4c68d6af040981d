"""Windows out of one recording: where they start, and their samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from triptych.errors import InputError

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


def cut_windows(signal: Floats, starts: ArrayLike, length: int, context: int = 0) -> Floats:
    """Cut windows out of one recording, all at once.

    Returns copies ``(n, channels, length + 2 * context)`` of ``signal (channels, time)``; `starts`
    ``(n,)`` are the first samples of the windows proper, `context` the samples on either side.
    Raises InputError if a window with its context would leave the recording.
    """
    first = np.asarray(starts, dtype=np.int64) - context
    width = length + 2 * context
    outside = (first < 0) | (first + width > signal.shape[-1])
    if outside.any():
        start = int(first[np.argmax(outside)])
        raise InputError(
            f"a window covers samples {start} to {start + width - 1}, but the recording has "
            f"samples 0 to {signal.shape[-1] - 1}; use shorter windows or less context"
        )
    if len(first) == 0:
        return np.empty((0, signal.shape[0], width), dtype=signal.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(signal, width, axis=-1)
    return np.ascontiguousarray(windows[:, first].swapaxes(0, 1))


def random_starts(
    n: int, n_samples: int, length: int, context: int, rng: np.random.Generator
) -> Ints:
    """Draw `n` starts uniformly (with repetition) so that window and context fit.

    Raises InputError if the recording is too short for a single window.
    """
    last = n_samples - length - context
    if last < context:
        raise InputError(
            f"a recording of {n_samples} samples is too short for windows of {length} samples "
            f"with {context} of context on either side; use shorter windows or leave it out"
        )
    return rng.integers(context, last, size=n, dtype=np.int64, endpoint=True)


def regular_starts(n_samples: int, length: int, step: int, context: int = 0) -> Ints:
    """Place starts every `step` samples; none where the recording is too short for a window."""
    if step < 1:
        raise InputError(f"windows every {step} samples, expected a step of at least 1 sample")
    return np.arange(context, n_samples - length - context + 1, step, dtype=np.int64)
