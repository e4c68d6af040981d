"""PhaseShift on a batch against the loop over its windows that it replaces.

The loop gets its shifts ready-made, in samples or in radians, and gives the same float32 batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.timing import Effort, Row, Sides, ratio
from triptych.transforms import PhaseShift

BOUNDS = {"crop": 1.5, "circular": 5.0}
RATE, LENGTH = 400.0, 400


def run(effort: Effort) -> Iterator[Row]:
    """One row for each mode."""
    batch = 8 if effort.smallest else 256
    for mode, sides in (("crop", _crop(batch)), ("circular", _circular(batch))):
        ours, loop = (side() for side in sides.values())
        np.testing.assert_allclose(ours, loop, atol=1e-5)
        case = f"{mode}, batch {batch}, 1 channel, {LENGTH} samples"
        yield ratio("phase_shift", case, sides, effort, at_least=BOUNDS[mode])


def _crop(batch: int) -> Sides:
    shift = PhaseShift(0.25, RATE)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 1, LENGTH + 2 * shift.context, generator=generator)
    params = shift.sample(batch, generator)
    signals, starts = x.numpy(), (params[:, 0] * RATE).round().int().numpy() + shift.context

    def loop() -> np.ndarray:
        out = np.empty((batch, 1, LENGTH), np.float32)
        for i, start in enumerate(starts):
            out[i] = signals[i, :, start : start + LENGTH]
        return out

    return {"triptych": lambda: shift.apply(x, params), "NumPy loop": loop}


def _circular(batch: int) -> Sides:
    shift = PhaseShift(0.25, RATE, mode="circular")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 1, LENGTH, generator=generator)
    params = shift.sample(batch, generator)
    signals, shifts = x.numpy(), params[:, 0].numpy()
    radians = 2j * np.pi * np.fft.rfftfreq(LENGTH, 1 / RATE)

    def loop() -> np.ndarray:
        out = np.empty((batch, 1, LENGTH), np.float32)
        for i, theta in enumerate(shifts):
            out[i] = np.fft.irfft(np.fft.rfft(signals[i]) * np.exp(radians * theta), LENGTH)
        return out

    return {"triptych": lambda: shift.apply(x, params), "NumPy loop": loop}
