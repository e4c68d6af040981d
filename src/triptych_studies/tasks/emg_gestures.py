"""Gestures by an armband of 8 electrodes that was put on turned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from triptych import datasets
from triptych.datasets import Dataset, Windows, cut
from triptych_studies.tasks.benchmark import STATISTICS, BenchmarkTask

NEAR_S = 0.25  # a view lies that close to its window, so that what lasts is what is learned


class EmgGestures(BenchmarkTask):
    """Windows of 0.25 s at 200 Hz, one subject left out; the nuisance turns the armband.

    Gestures are held for 3 s, so that a neighbour in time is of the same one.
    """

    title: ClassVar[str] = "emg-gestures"
    nuisance: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "channel_shift", "channels": 8},
        {"name": "gain", "max_gain": 6.0},
    )
    varied: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "phase_shift", "max_shift": NEAR_S},
        {"name": "noise_snr"},
        {"name": "time_scale"},
    )
    main: ClassVar[str] = "channel_shift"
    # which electrode is loud is what tells gestures: no channel is standardised by itself
    front_end: ClassVar[Any] = {"name": "scaled", "scales": [0.1]}
    exact: ClassVar[Any] = {"name": "ring_aligned", "per_loudness": True}
    encoder: ClassVar[Mapping[str, Any]] = {
        "widths": [32, 64, 96, 96],
        "kernels": [9, 5, 5, 3],
        "strides": [2, 2, 2, 1],
        "statistics": STATISTICS,
    }
    leave_out: ClassVar[int] = 0
    longer: ClassVar[int] = 8

    @classmethod
    def read(cls, data: Path | None) -> tuple[Dataset, Windows]:
        """Windows overlap by half; every gesture is held, so each has one label."""
        dataset = datasets.load("emg_gestures", data)
        return dataset, cut(dataset, 0.25, NEAR_S, starts=0.125)
