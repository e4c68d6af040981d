"""Data sets of turned sensors: how each is read and cut, and who is on which side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych import InputError, datasets
from triptych.datasets import Dataset, Recording, Windows, cut, wisdm
from triptych.model import Preprocessing
from triptych_studies.base import Budget

FOLDS = 5
SPLITS = ("subject", "random")
REMOVED = "-linear"  # ending of a data set's name: gravity removed
CROSS = ">"  # "watch-18>phone-5": trained on the one, tested on the other
CROSS_S = 2.56


@dataclass(frozen=True)
class Source:
    """A data set of the study: which module loads it, how, and how it is cut (Hz, s).

    Test windows begin every `step_s`; training windows always overlap by half.
    """

    module: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    rate: float = 20.0
    length_s: float = 5.0
    step_s: float = 5.0


SOURCES = {
    **{name: Source("wisdm", dict(options)) for name, options in wisdm.PRESETS.items()},
    "v1.1-6": Source("wisdm_v1"),
    **{  # cut as they were published
        f"hapt-{classes}": Source("hapt", {"classes": classes}, 50.0, 2.56, 1.28)
        for classes in (6, 12)
    },
    "simulated": Source("simulated", {"kind": "imu", "people": 30, "seconds": 120}),
}


@dataclass(frozen=True)
class Cuts:
    """Windows to train on and to be tested on, and what a task says of them."""

    data_name: str
    fingerprint: str
    simulated: bool
    notes: tuple[str, ...]
    train: Windows
    test: Windows
    folds: dict[str, int]
    classes: tuple[str, ...]
    channels: tuple[str, ...]


def load(name: str, data: Path | None) -> Cuts:
    """Load one data set, or two for a cross test, and cut its windows.

    Raises
    ------
    InputError
        For an unknown name, or data that cannot be read.
    """
    removed = name.endswith(REMOVED)
    here, _, there = name.removesuffix(REMOVED).partition(CROSS)
    unknown = [each for each in (here, there) if each and each not in SOURCES]
    if unknown or not here:
        raise InputError(
            f"imu-rotation has no data set {name!r}; choose one of {', '.join(SOURCES)}, two of "
            f"them as A{CROSS}B to train on A and to test on B, or add {REMOVED} for removed "
            "gravity"
        )
    first = _load(here, data, removed)
    other = _load(there, data, removed) if there else first
    source = SOURCES[here]
    if there:
        source = replace(source, rate=20.0, length_s=CROSS_S, step_s=CROSS_S)
        first, other = _shared(first, other)
    train, test = (_at(each, source.rate) for each in (first, other))
    subjects = sorted(set(train.subjects) | set(test.subjects))
    rng = np.random.default_rng(0)
    folds = {subject: i % FOLDS for i, subject in enumerate(rng.permutation(subjects).tolist())}
    return Cuts(
        data_name=name,
        fingerprint=first.fingerprint + (other.fingerprint if there else ""),
        simulated="simulated" in first.title + other.title,
        notes=tuple(dict.fromkeys(first.notes + other.notes)),
        train=_windows(train, source.length_s, source.length_s / 2),
        test=_windows(test, source.length_s, source.step_s),
        folds=folds,
        classes=tuple(sorted({str(each.label) for each in train.recordings})),
        channels=train.recordings[0].channels,
    )


def sides(
    train: Windows, test: Windows, folds: Mapping[str, int], split: str, fold: int, budget: Budget
) -> tuple[Windows, Windows, Windows]:
    """Training, validation and test windows of one fold: by subject, or at random (leaky)."""
    if split == "random":
        train = test  # windows side by side: none shares samples with another one
        held, watched = _random_sides(train, fold)
    else:
        held = _of(train.subject, folds, fold)
        test = test.take(np.flatnonzero(_of(test.subject, folds, fold)))
        watched = ~held & np.isin(train.subject, _validation_subjects(train.subject[~held], fold))
    parts = [np.flatnonzero(~held & ~watched), np.flatnonzero(watched)]
    if split == "random":
        test = test.take(np.flatnonzero(held))
    if budget == "smoke":
        rng = np.random.default_rng(0)
        parts = [np.sort(rng.permutation(each)[:600]) for each in parts]
        test = test.take(np.sort(rng.permutation(len(test))[:400]))
    return train.take(parts[0]), train.take(parts[1]), test


def _of(subject: NDArray[np.str_], folds: Mapping[str, int], fold: int) -> NDArray[np.bool_]:
    return np.array([folds[str(each)] == fold for each in subject])


def _validation_subjects(subjects: NDArray[np.str_], fold: int) -> NDArray[np.str_]:
    names = np.random.default_rng([1, fold]).permutation(np.unique(subjects))
    return names[: max(1, round(0.2 * len(names)))]


def _random_sides(windows: Windows, fold: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """One fifth of every class to test on, and one fifth of the rest to validate on."""
    rng = np.random.default_rng([2, fold])
    place = np.zeros(len(windows))
    for label in np.unique(windows.label):
        rows = np.flatnonzero(windows.label == label)
        place[rng.permutation(rows)] = np.arange(len(rows)) / len(rows)
    return place < 0.2, (place >= 0.2) & (place < 0.36)


def _load(name: str, data: Path | None, removed: bool) -> Dataset:
    source = SOURCES[name]
    where = None if source.module == "simulated" else data
    loaded = datasets.load(source.module, where, **source.options)
    return loaded.map(_without_gravity) if removed else loaded


def _without_gravity(recording: Recording) -> Recording:
    """High-pass the accelerations: what changes slowly is gravity."""
    return datasets.preprocess(recording, Preprocessing(recording.rate, gravity=False))


def _shared(first: Dataset, other: Dataset) -> tuple[Dataset, Dataset]:
    """The accelerations of the activities that both have; two kinds of stairs become one."""
    both = [each.map(_stairs) for each in (first, other)]
    labels = [{recording.label for recording in each.recordings} for each in both]
    common = labels[0] & labels[1]
    if len(common) < 2:
        raise InputError(
            f"{first.name} and {other.name} share {len(common)} activities; a cross test needs two"
        )
    kept = [
        replace(each, recordings=tuple(r for r in each.recordings if r.label in common))
        for each in both
    ]
    return kept[0], kept[1]


def _stairs(recording: Recording) -> Recording:
    label = "stairs" if recording.label in ("upstairs", "downstairs") else recording.label
    return replace(
        recording,
        label=label,
        signal=recording.signal[:3],
        channels=("acc x", "acc y", "acc z"),
        units=("g", "g", "g"),
    )


def _at(dataset: Dataset, rate: float) -> Dataset:
    return dataset.map(lambda recording: datasets.preprocess(recording, rate))


def _windows(dataset: Dataset, length_s: float, step_s: float) -> Windows:
    long = [each for each in dataset.recordings if each.duration_s >= length_s]
    return cut(long, length_s, 0.0, starts=step_s)


def gravity(x: Tensor) -> Tensor:
    """Mean acceleration of each window, (n, 3)."""
    return x[:, :3].mean(dim=2)


def has_gravity(windows: Windows) -> bool:
    """Whether the mean acceleration of the windows has a direction to be read."""
    return float(np.median(np.linalg.norm(gravity(windows.signals).numpy(), axis=1))) >= 0.3
