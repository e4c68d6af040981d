"""Gestures by an armband of 8 electrodes that was put on turned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from triptych import datasets
from triptych.datasets import Dataset, Windows, cut
from triptych_studies.tasks.benchmark import BenchmarkTask


class EmgGestures(BenchmarkTask):
    """Windows of 0.25 s at 200 Hz, one subject left out; the nuisance turns the armband."""

    title: ClassVar[str] = "emg-gestures"
    nuisance: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "channel_shift", "channels": 8},
        {"name": "gain", "max_gain": 6.0},
    )
    main: ClassVar[str] = "channel_shift"
    # which electrode is loud is what tells gestures: no channel is standardised by itself
    front_end: ClassVar[Any] = {"name": "scaled", "scales": [0.1]}
    no_exact: ClassVar[str] = "no front end is known that is invariant to turns of the armband"
    encoder: ClassVar[Mapping[str, Any]] = {
        "widths": [32, 64, 96, 96],
        "kernels": [9, 5, 5, 3],
        "strides": [2, 2, 2, 1],
    }
    leave_out: ClassVar[int] = 0

    @classmethod
    def read(cls, data: Path | None) -> tuple[Dataset, Windows]:
        """Windows overlap by half; every gesture is held, so each has one label."""
        dataset = datasets.load("emg_gestures", data)
        return dataset, cut(dataset, 0.25, starts=0.125)
