"""A thousand single-lead ECGs at once: time for a second of all of them, as a share of the second.

With the encoder that ships (`ecg-1lead`, windows of 3 s, one a second): causal filters, windows and
latents. Below 100 % one process keeps up.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.timing import Effort, Row, Spread, seconds_of
from triptych.model import Model
from triptych.model.stream import Stream

BOUND = 100.0  # %


def run(effort: Effort) -> Iterator[Row]:
    """One row: all streams get one second of samples in a push, again and again."""
    streams = 10 if effort.smallest else 1000
    model = Model.from_pretrained("ecg-1lead")
    rate, length = model.preprocessing.rate, model.preprocessing.length
    stream, rng = Stream(model, 1.0), np.random.default_rng(0)
    second = rng.standard_normal((streams, 1, round(rate))).astype(np.float32)
    for _ in range(-(-length // round(rate))):  # until windows are whole
        stream.push(second)
    taken = [seconds_of(lambda: stream.push(second)) for _ in range(max(effort.rounds, 1))]
    spread = Spread.of(100 * each for each in taken)
    case = f"{streams:,} ECGs at {rate:g} Hz, a window a second"
    yield Row("stream", case, spread, "%", BOUND, "at most", {"push": spread.median / 100})
