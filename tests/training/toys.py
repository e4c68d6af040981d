"""Small windows and recipes for the tests of training: seconds of work, every term in use."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from triptych.datasets import Windows
from triptych.training import Recipe

RATE, LENGTH, CONTEXT = 100.0, 80, 20

CONTENT: dict[str, Any] = {
    "name": "toy",
    "data": {"name": "simulated", "rate": RATE, "low": None, "high": 40, "length_s": 0.8},
    "transforms": [{"name": "phase_shift", "max_shift": 0.2}],
    "latent": [
        {"name": "morphology", "size": 8, "invariant_to": "phase_shift"},
        {"name": "timing", "size": 4, "variant_to": "phase_shift"},
        {"name": "detail", "size": 4},
    ],
    "encoder": {"widths": [8, 8], "kernels": [7, 5], "strides": [4, 2]},
    "objective": {"name": "scl"},
    "training": {"epochs": 3, "batch": 16},
}
POPULATIONS = [
    {"name": "shared", "size": 4, "role": "common"},
    {"name": "own", "size": 3, "role": "salient", "invariant_to": "phase_shift"},
]


def recipe(**changes: Any) -> Recipe:
    """The toy recipe with values at dotted places changed (``__`` stands for the dot)."""
    made = Recipe.of(CONTENT)
    return made.replace({place.replace("__", "."): value for place, value in changes.items()})


def windows(n: int = 48, seed: int = 0, context: int = CONTEXT, channels: int = 1) -> Windows:
    """Noisy sinusoids of three records, others with another seed; label "slow" or "fast"."""
    generator = torch.Generator().manual_seed(seed)
    frequency = 1 + 3 * torch.rand(n, 1, 1, generator=generator)
    phase = 2 * torch.pi * torch.rand(n, 1, 1, generator=generator)
    time = torch.arange(LENGTH + 2 * context) / RATE
    noise = torch.randn(n, channels, len(time), generator=generator)
    signals = torch.sin(2 * torch.pi * frequency * time + phase) + 0.1 * noise
    record = np.array([f"record {seed}.{i % 3}" for i in range(n)])
    label = np.where(frequency[:, 0, 0].numpy() < 2.5, "slow", "fast")
    start = np.arange(n, dtype=float)
    return Windows(signals, RATE, context, record, record, start, label, np.full(n, np.nan))
