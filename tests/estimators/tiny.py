"""Settings that train in a tenth of a second, and windows in which there is something to learn."""

from __future__ import annotations

from typing import Any

import numpy as np

TINY: dict[str, Any] = {
    "encoder": {"name": "conv", "widths": [8], "kernels": [3], "strides": [1], "where": 1},
    "epochs": 1,
    "batch": 32,
    "device": "cpu",
    "random_state": 0,
}


def rhythms(n: int = 60, channels: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Windows of three frequencies that start anywhere, and which one it is."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    start = rng.random((n, 1))
    X = np.sin(2 * np.pi * (2 + y[:, None]) * (np.arange(40) / 40 + start))
    X = X + 0.1 * rng.standard_normal(X.shape)
    return (np.stack([X] * channels, axis=1) if channels else X), y
