"""Windows whose classes dimensions may mean: activities, beats, or images of digits, by subject."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych import InputError, datasets
from triptych.datasets import Recording, Windows, event_windows, mitdb, preprocess
from triptych_studies.base import Budget
from triptych_studies.images import base as images
from triptych_studies.tasks import imu_windows

MODALITY = {
    "watch-18": "imu",
    "hapt-6": "imu",
    "mitdb": "ecg",
    "digits": "image",
    "simulated": "imu",
}
MOST: dict[Budget, dict[str, int]] = {  # windows at most
    "smoke": {"train": 256, "fitted": 256, "validation": 128, "test": 300},
    "quick": {"train": 4000, "fitted": 4000, "validation": 1000, "test": 4000},
    "full": {"train": 12_000, "fitted": 12_000, "validation": 3000, "test": 8000},
}
BEATS = ("N", "S", "V")  # fusion beats are nearly one subject's
MAX_SHIFT_S = 0.25
GROUPS = 20  # of the digits' test images, whose writers are not recorded


def load(name: str, data: Path | None, budget: Budget) -> dict[str, Any]:
    """Read one data set and cut its windows: what `ClassDimensions` holds, by name.

    The three sides share no subject. An unknown name raises InputError.
    """
    if name not in MODALITY:
        raise InputError(
            f"gated-contrast has no data set {name!r}; choose one of {', '.join(MODALITY)}"
        )
    cut = {"imu": _activities, "ecg": _beats, "image": _digits}[MODALITY[name]]
    found = cut(name, data, budget)
    return found | {side: _some(found[side], most) for side, most in MOST[budget].items()}


def _activities(name: str, data: Path | None, budget: Budget) -> dict[str, Any]:
    """Windows of the IMU study's first fold."""
    found = imu_windows.load(name, data)
    train, validation, test = imu_windows.sides(
        found.train, found.test, found.folds, "subject", 0, budget
    )
    about = ("fingerprint", "channels", "notes", "simulated")
    sides = {"train": train, "validation": validation, "fitted": train, "test": test}
    return {each: getattr(found, each) for each in about} | sides


def _beats(name: str, data: Path | None, budget: Budget) -> dict[str, Any]:
    """Windows around beats, with room for a shift; training does not know their classes."""
    del budget
    loaded = datasets.load(name, data).map(lambda each: preprocess(each, 400.0, 0.5, 40.0))
    train, validation, test = mitdb.split(loaded)
    cut = (0.0, 1.0, MAX_SHIFT_S)
    return {
        "fingerprint": loaded.fingerprint,
        "channels": ("ECG",),
        "notes": loaded.notes,
        "train": event_windows(train.map(_unlabelled), ("beat",), 800, *cut, seed=1),
        "validation": event_windows(validation, BEATS, 100, *cut, seed=2),
        "fitted": event_windows(train, BEATS, 100, *cut, seed=3),
        "test": event_windows(test, BEATS, 100, *cut, seed=4),
    }


def _unlabelled(recording: Recording) -> Recording:
    events = recording.events
    if events is None:
        return recording
    return replace(recording, events=replace(events, label=np.full(len(events.label), "beat")))


def _digits(name: str, data: Path | None, budget: Budget) -> dict[str, Any]:
    """scikit-learn's handwritten digits, which come with it."""
    del name, data, budget
    sides = {side: _pictures(*images.handwriting(side), side) for side in images.SIDES}
    note = (
        f"The writers of the digits are not recorded: {GROUPS} random groups of test images "
        "stand for subjects in the intervals, which may be too narrow."
    )
    fingerprint = images.fingerprint({"name": "scikit-learn's digits"})
    about = {"fingerprint": fingerprint, "channels": ("grey",), "notes": (note,)}
    return {**about, **sides, "fitted": sides["train"]}


def _pictures(pixels: NDArray[np.float32], digits: NDArray[np.int64], side: str) -> Windows:
    n = len(pixels)
    group = np.random.default_rng(0).permutation(n) % GROUPS
    return Windows(
        signals=torch.tensor(pixels)[:, None],
        rate=1.0,
        context=0,
        record=np.array([f"{side} {i}" for i in range(n)]),
        subject=np.array([f"{side} {i:02d}" for i in group]),
        start=np.zeros(n),
        label=digits.astype(str),
        event_offset=np.full(n, np.nan),
    )


def _some(windows: Windows, most: int) -> Windows:
    """At most so many windows, drawn at random, in their order."""
    return windows.take(np.sort(np.random.default_rng(0).permutation(len(windows))[:most]))
