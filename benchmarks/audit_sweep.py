"""The audit of a sweep: time against embedding the windows once a shift, and memory.

The audited encoder is the one of the ECG phase study on windows of noise. Memory is the peak of a
fresh interpreter whose encoder costs next to nothing, with few shifts and with many.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import ECG
from benchmarks.timing import Effort, Row, Spread, peak_mb, seconds_of
from triptych.audit import audit
from triptych.datasets import Windows
from triptych.training import Recipe
from triptych.training.build import build
from triptych.transforms import PhaseShift

TIME_BOUND, MEMORY_BOUND = 3.0, 1.05
# glibc otherwise keeps freed arrays for later, and the peak is then of them as well (1.1 to 1.3 ×).
RETURNING = os.environ | dict.fromkeys(
    ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), "1000000"
)
PEOPLE, SIZE = 40, 128
MAX_SHIFT_S, RATE = 0.25, 400.0
SHIFT = PhaseShift(MAX_SHIFT_S, RATE)


def run(effort: Effort) -> Iterator[Row]:
    """One row for time, one for memory; a round is one audit, since it takes minutes."""
    count, shifts, few = (200, 5, 3) if effort.smallest else (20_000, 41, 11)
    windows, grid = noise(count), np.linspace(-MAX_SHIFT_S, MAX_SHIFT_S, shifts)
    recipe = Recipe.read(ECG)
    encoder = build(recipe, 1, recipe.length).encoder.eval()

    def embed(x: Tensor) -> Tensor:
        with torch.no_grad():
            return encoder(x)

    def once_a_shift() -> None:
        for theta in grid:
            for x in windows.signals.split(512):
                embed(SHIFT.apply(x, torch.full((len(x), 1), float(theta))))

    sides = {"audit": partial(audit, embed, windows, SHIFT, grid=grid), "embedding": once_a_shift}
    seconds = {name: seconds_of(side) for name, side in sides.items()}
    yield Row(
        "audit_sweep",
        f"time, {count:,} windows × {shifts} shifts",
        Spread.of([seconds["audit"] / seconds["embedding"]]),
        "×",
        TIME_BOUND,
        "at most",
        seconds,
    )
    peaks = [_peak(count, each) for each in (few, shifts)]
    yield Row(
        "audit_sweep",
        f"peak memory, {shifts} shifts / {few} shifts",
        Spread.of([peaks[1] / peaks[0]]),
        "×",
        MEMORY_BOUND,
        "at most",
        {},
    )


def noise(count: int) -> Windows:
    """Windows of noise of forty people, with the shift's context."""
    generator = torch.Generator().manual_seed(0)
    signals = torch.randn(count, 1, round(RATE) + 2 * SHIFT.context, generator=generator)
    who = np.array([f"person {i % PEOPLE}" for i in range(count)])
    start: Any = np.arange(count, dtype=float)
    return Windows(
        signals, RATE, SHIFT.context, who, who, start, np.full(count, ""), np.full(count, np.nan)
    )


def _peak(count: int, shifts: int) -> float:
    command = [sys.executable, "-m", "benchmarks.audit_sweep", str(count), str(shifts)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=RETURNING)
    return float(done.stdout)


def _audit_cheaply(count: int, shifts: int) -> float:
    """Peak memory of this process after an audit; latents are the first samples of the window."""
    grid = np.linspace(-MAX_SHIFT_S, MAX_SHIFT_S, shifts)
    audit(lambda x: x[:, 0, :SIZE], noise(count), SHIFT, grid=grid)
    return peak_mb()


if __name__ == "__main__":
    print(_audit_cheaply(*map(int, sys.argv[1:])))
