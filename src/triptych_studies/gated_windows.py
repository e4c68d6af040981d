"""Data of the gated-contrast study: IMU windows, ECG beats, or images of digits, by person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from triptych import InputError, datasets
from triptych.datasets import Recording, Windows, event_windows, mitdb, preprocess
from triptych_studies.base import Options, Prepared
from triptych_studies.images import base as images
from triptych_studies.tasks import imu_windows

IMU = ("watch-18", "hapt-6", "simulated")
NAMES = (*IMU[:2], "mitdb", "digits", IMU[2])
# Windows at most: to train on, to validate on, to measure on.
MOST = {"smoke": (256, 128, 300), "quick": (4000, 1000, 4000), "full": (12_000, 3000, 8000)}
BEATS = ("N", "S", "V")  # fusion beats are nearly one person's
MAX_SHIFT_S = 0.25
GROUPS = 20  # of the digits' test images, whose writers are not recorded


@dataclass(frozen=True, kw_only=True)
class GatedData(Prepared):
    """Windows of three sides that share nobody.

    `fitted` are training windows that the probes are fitted on, `test` those that are measured.
    `kind` is ``imu``, ``ecg`` or ``image``.
    """

    train: Windows
    validation: Windows
    fitted: Windows
    test: Windows
    channels: tuple[str, ...]
    kind: str


def prepare(name: str, data: Path | None, options: Options) -> GatedData:
    """Read one data set and cut its windows; an unknown name raises InputError."""
    if name not in NAMES:
        raise InputError(
            f"gated-contrast has no data set {name!r}; choose one of {', '.join(NAMES)}"
        )
    makers: dict[str, Callable[..., GatedData]] = {"mitdb": _beats, "digits": _digits}
    prepared = makers.get(name, _activities)(name, data, options)
    train, validation, test = MOST[options.budget]
    return replace(
        prepared,
        train=_some(prepared.train, train),
        validation=_some(prepared.validation, validation),
        fitted=_some(prepared.fitted, train),
        test=_some(prepared.test, test),
    )


def _activities(name: str, data: Path | None, options: Options) -> GatedData:
    """Windows of the IMU study's first fold."""
    found = imu_windows.load(name, data)
    train, validation, test = imu_windows.sides(
        found.train, found.test, found.folds, "subject", 0, options.budget
    )
    return GatedData(
        data_name=name,
        fingerprint=found.fingerprint,
        simulated=found.simulated,
        notes=found.notes,
        options=options,
        train=train,
        validation=validation,
        fitted=train,
        test=test,
        channels=found.channels,
        kind="imu",
    )


def _beats(name: str, data: Path | None, options: Options) -> GatedData:
    """Windows around beats, with room for a shift; training does not know their classes."""
    loaded = datasets.load(name, data).map(lambda each: preprocess(each, 400.0, 0.5, 40.0))
    train, validation, test = mitdb.split(loaded)
    cut = (0.0, 1.0, MAX_SHIFT_S)
    return GatedData(
        data_name=name,
        fingerprint=loaded.fingerprint,
        notes=loaded.notes,
        options=options,
        train=event_windows(train.map(_unlabelled), ("beat",), 800, *cut, seed=1),
        validation=event_windows(validation, BEATS, 100, *cut, seed=2),
        fitted=event_windows(train, BEATS, 100, *cut, seed=3),
        test=event_windows(test, BEATS, 100, *cut, seed=4),
        channels=("ECG",),
        kind="ecg",
    )


def _unlabelled(recording: Recording) -> Recording:
    events = recording.events
    if events is None:
        return recording
    return replace(recording, events=replace(events, label=np.full(len(events.label), "beat")))


def _digits(name: str, data: Path | None, options: Options) -> GatedData:
    """scikit-learn's handwritten digits, which come with it."""
    del data
    train, validation, test = (_pictures(*images.handwriting(side), side) for side in images.SIDES)
    return GatedData(
        data_name=name,
        fingerprint=images.fingerprint({"name": "scikit-learn's digits"}),
        notes=(
            f"The writers of the digits are not recorded: {GROUPS} random groups of test images "
            "stand for people in the intervals, which may be too narrow.",
        ),
        options=options,
        train=train,
        validation=validation,
        fitted=train,
        test=test,
        channels=("grey",),
        kind="image",
    )


def _pictures(pixels: np.ndarray, digits: np.ndarray, side: str) -> Windows:
    n = len(pixels)
    group = np.random.default_rng(0).permutation(n) % GROUPS
    return Windows(
        signals=torch.tensor(pixels)[:, None],
        rate=1.0,
        context=0,
        record=np.array([f"{side} {i}" for i in range(n)]),
        person=np.array([f"{side} {i:02d}" for i in group]),
        start=np.zeros(n),
        label=digits.astype(str),
        event_offset=np.full(n, np.nan),
    )


def _some(windows: Windows, most: int) -> Windows:
    """At most so many windows, drawn at random, in their order."""
    return windows.take(np.sort(np.random.default_rng(0).permutation(len(windows))[:most]))
