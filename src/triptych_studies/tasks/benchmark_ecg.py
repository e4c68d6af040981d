"""ECG windows that start anywhere, and whose gain and baseline move: beats and rhythm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from triptych import datasets
from triptych.datasets import Dataset, Recording, Windows, cut, event_windows, mitdb, preprocess
from triptych_studies.base import Options
from triptych_studies.tasks.benchmark import DESCRIBED, BenchmarkTask

SHIFT_S = 0.25
BEATS = 100  # windows of a class per record
RHYTHM_SHIFT_S = 0.5
AF = "atrial fibrillation"
BAND = (0.5, 40.0)


class BenchmarkPhase(BenchmarkTask):
    """Windows of 1 s at 400 Hz around beats, off the centre by up to 0.25 s; N, S and V."""

    title: ClassVar[str] = "mitdb-phase"
    nuisance: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "phase_shift", "max_shift": SHIFT_S},
    )
    main: ClassVar[str] = "phase_shift"
    band: ClassVar[tuple[float | None, float | None]] = BAND
    exact: ClassVar[Any] = "canonical_phase"
    encoder: ClassVar[Mapping[str, Any]] = {"widths": [32, 64, 96, 128]}

    @classmethod
    def read(cls, data: Path | None) -> tuple[Dataset, Windows]:
        """Record 202 is left out: its subject is in DS1, too."""
        dataset = datasets.load("mitdb", data)
        dataset = dataset.select(name for name in dataset.names if name != "202")
        dataset = dataset.map(lambda each: preprocess(each, 400.0, *BAND))
        return dataset, event_windows(dataset, ("N", "S", "V"), BEATS, SHIFT_S, 1.0, SHIFT_S)

    @classmethod
    def division(cls, dataset: Dataset, windows: Windows, options: Options) -> dict[str, Any]:
        """DS1 trains, of it the subjects of `mitdb.split` validate, and DS2 is tested."""
        train, validation, test = mitdb.split(dataset)
        folds = dict.fromkeys((*train.subjects, *validation.subjects), -1)
        folds |= dict.fromkeys(test.subjects, 0)
        return {"folds": folds, "validating": validation.subjects}


class MitdbRhythm(BenchmarkTask):
    """Windows of 10 s at 100 Hz, both leads one at a time: atrial fibrillation or not."""

    title: ClassVar[str] = "mitdb-rhythm"
    nuisance: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"name": "phase_shift", "max_shift": RHYTHM_SHIFT_S},
        {"name": "gain", "max_gain": 6.0},
        {"name": "baseline_wander", "max_amplitude": 0.5},
    )
    main: ClassVar[str] = "phase_shift"
    band: ClassVar[tuple[float | None, float | None]] = BAND
    exact: ClassVar[Any] = "envelope_spectrum"
    encoder: ClassVar[Mapping[str, Any]] = DESCRIBED
    by_recording: ClassVar[bool] = True

    @classmethod
    def read(cls, data: Path | None) -> tuple[Dataset, Windows]:
        """Windows within one annotated rhythm, overlapping by half; 202 is left out as above."""
        records = [name for name in (*mitdb.DS1, *mitdb.DS2) if name != "202"]
        both = [
            datasets.load("mitdb", data, records=records, lead=lead, rhythms=True).map(
                partial(_of_lead, lead=lead)
            )
            for lead in (0, 1)
        ]
        dataset = replace(both[0], recordings=both[0].recordings + both[1].recordings)
        long = [each for each in dataset.recordings if each.duration_s >= 10 + 2 * RHYTHM_SHIFT_S]
        return dataset, cut(long, 10.0, RHYTHM_SHIFT_S, starts=5.0)

    @classmethod
    def division(cls, dataset: Dataset, windows: Windows, options: Options) -> dict[str, Any]:
        """DS1 trains and DS2 is tested; of those who validate one has fibrillation.

        Two subjects of DS1 have it: one trains, and probes are fitted on both.
        """
        here = np.unique(windows.subject).tolist()
        development = {mitdb.person(name) for name in mitdb.DS1}
        ill = np.unique(windows.subject[windows.label == AF]).tolist()
        known = [name for name in here if name in development]
        free = [name for name in known if name not in ill]
        drawn = np.random.default_rng(1).permutation(free)[:3].tolist()
        drawn += [name for name in known if name in ill][:1]
        folds = {name: -1 if name in development else 0 for name in here}
        return {"folds": folds, "validating": tuple(drawn)}


def _of_lead(recording: Recording, lead: int) -> Recording:
    found = preprocess(recording, 100.0, *BAND)
    label = AF if recording.label == "AFIB" else "other"
    return replace(found, name=f"{recording.name} lead {lead}", label=label)
