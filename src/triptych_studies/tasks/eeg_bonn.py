"""Sets of the Bonn EEG: who was recorded is not known, so nothing here is subject-disjoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from triptych import datasets
from triptych.datasets import Dataset, Windows, cut, preprocess
from triptych_studies.tasks.benchmark import DESCRIBED, BenchmarkTask

CONTEXT_S = 0.5


class EegBonn(BenchmarkTask):
    """Windows of 4 s at 128 Hz, split by segments; the nuisance is a phase shift and a gain."""

    title: ClassVar[str] = "eeg-bonn"
    divided: ClassVar[str] = "segments, not subject-disjoint"
    nuisance: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "phase_shift", "max_shift": CONTEXT_S},
        {"name": "gain", "max_gain": 6.0},
    )
    main: ClassVar[str] = "phase_shift"
    band: ClassVar[tuple[float | None, float | None]] = (0.5, 40.0)
    exact: ClassVar[Any] = "power_spectrum"
    encoder: ClassVar[Mapping[str, Any]] = DESCRIBED
    by_recording: ClassVar[bool] = True

    @classmethod
    def read(cls, data: Path | None) -> tuple[Dataset, Windows]:
        """Five windows per segment, side by side."""
        dataset = datasets.load("eeg_bonn", data)
        dataset = dataset.map(lambda each: preprocess(each, 128.0, *cls.band))
        return dataset, cut(dataset, 4.0, CONTEXT_S, starts=4.0)
