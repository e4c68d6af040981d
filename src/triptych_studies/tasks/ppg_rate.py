"""Heart rate by a wrist that runs: PPG and accelerometer, one subject left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from triptych import datasets
from triptych.datasets import Dataset, Recording, Windows, cut, preprocess
from triptych_studies.tasks.benchmark import BenchmarkTask

BAND = (0.3, 8.0)
LENGTH_S, CONTEXT_S = 8.0, 0.5  # the windows are the reference's


class PpgRate(BenchmarkTask):
    """Windows of 8 s at 25 Hz; the nuisance shifts, scales, wanders, and turns the wrist."""

    title: ClassVar[str] = "ppg-rate"
    nuisance: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "phase_shift", "max_shift": CONTEXT_S},
        {"name": "gain", "max_gain": 6.0},
        {"name": "baseline_wander", "max_amplitude": 1.0},
        {"name": "rotation", "triads": [[2, 3, 4]]},
    )
    main: ClassVar[str] = "phase_shift"
    band: ClassVar[tuple[float | None, float | None]] = BAND
    tempo: ClassVar[Mapping[str, Any] | None] = {"name": "time_scale", "max_scale": 1.5}
    exact: ClassVar[Any] = {"name": "log_frequency", "motion": 2}  # motion's channels: 2 to 4
    number: ClassVar[str] = "BPM"
    number_within: ClassVar[float] = 5.0
    leave_out: ClassVar[int] = 0
    longer: ClassVar[int] = 4

    @classmethod
    def read(cls, data: Path | None) -> tuple[Dataset, Windows]:
        """A window per reference heart rate, but where its context leaves the recording.

        PPG is brought to a standard deviation of 1 per recording (its unit is the sensor's own), so
        that wander has a size; accelerations stay in g.
        """
        dataset = datasets.load("ppg_spc2015", data).map(_prepared)
        starts = [_starts(each) for each in dataset.recordings]
        return dataset, cut(dataset, LENGTH_S, CONTEXT_S, starts)


def _prepared(recording: Recording) -> Recording:
    found = preprocess(recording, 25.0, *BAND)
    found.signal[:2] /= found.signal[:2].std(axis=1, keepdims=True)
    return found


def _starts(recording: Recording) -> NDArray[np.int64]:
    if recording.events is None:
        return np.empty(0, np.int64)
    length, context = round(LENGTH_S * recording.rate), math.ceil(CONTEXT_S * recording.rate)
    first = recording.events.sample - length // 2
    inside = first + length + context <= recording.signal.shape[1]
    return first[inside & (first >= context)]
