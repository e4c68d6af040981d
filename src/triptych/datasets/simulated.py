"""A labelled cohort of virtual people, for machines without data and without the network."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triptych.datasets import ecg_model, imu_model
from triptych.datasets.ecg_person import draw_person
from triptych.datasets.recordings import Dataset, Events, Recording
from triptych.errors import InputError

VERSION = 1  # of the generators: raise it whenever their output changes
_GOLDEN = (math.sqrt(5) - 1) / 2
_RATE = {"ecg": 360.0, "imu": 20.0}
_LOWEST_RATE = {"ecg": 100.0, "imu": 10.0}


def load(
    kind: Literal["ecg", "imu"] = "ecg",
    people: int = 40,
    seconds: float = 300,
    seed: int = 0,
    rate: float | None = None,
) -> Dataset:
    """Simulate a cohort; virtual person i is the same however many people are asked for.

    Parameters
    ----------
    kind
        ``"ecg"``: one lead in mV a person, R peaks as events of AAMI class N, S, V or F.
        ``"imu"``: a three-axis accelerometer in g (gravity included) in a trouser pocket, one
        recording a person and activity (walking, jogging, stairs, sitting, standing).
    people
        How many, at least 1.
    seconds
        Length of each recording, at least 10 s.
    seed
        Another seed is another population.
    rate
        Hz; by default 360 (ECG, as in mitdb) or 20 (IMU). At least 100 or 10.

    Returns
    -------
    Dataset
        Its fingerprint is the hash of these settings and of the generator's version.

    Raises
    ------
    InputError
        If a setting is out of range.
    """
    if kind not in _RATE:
        raise InputError(f"simulated data of kind {kind!r} is unknown; expected 'ecg' or 'imu'")
    rate = _RATE[kind] if rate is None else float(rate)
    if people < 1:
        raise InputError(f"simulated: people is {people}, expected at least 1")
    if not (math.isfinite(seconds) and seconds >= 10):
        raise InputError(f"simulated: seconds is {seconds}, expected at least 10")
    if not (math.isfinite(rate) and rate >= _LOWEST_RATE[kind]):
        raise InputError(
            f"simulated: rate is {rate} Hz, expected at least {_LOWEST_RATE[kind]:g} Hz for {kind}"
        )
    if seed < 0:
        raise InputError(f"simulated: seed is {seed}, expected 0 or a positive integer")
    settings = {"kind": kind, "people": people, "seconds": seconds, "seed": seed, "rate": rate}
    settings_text = json.dumps({"version": VERSION, **settings}, sort_keys=True)
    one = _ecg if kind == "ecg" else _imu
    recordings = [each for i in range(people) for each in one(i, float(seconds), seed, rate)]
    return Dataset(
        name=f"simulated-{kind}",
        title=f"simulated {kind.upper()} of {people} virtual people",
        recordings=tuple(recordings),
        fingerprint="sha256:" + hashlib.sha256(settings_text.encode()).hexdigest(),
        notes=("all signals are simulated: figures say nothing about patients or products",),
    )


def split(
    dataset: Dataset, validation_fraction: float = 0.2, seed: int = 0
) -> tuple[Dataset, Dataset, Dataset]:
    """Divide the people: half for testing, the others for training and validation.

    Each side is the fairest of 200 draws, so that it has its share of every class if it can.

    Parameters
    ----------
    validation_fraction
        Share of the training side's people that is set apart; between 0 and 1.
    seed
        Of the draws.

    Returns
    -------
    (train, validation, test)

    Raises
    ------
    InputError
        If there are fewer than 4 people, or the fraction is not between 0 and 1.
    """
    if not 0 < validation_fraction < 1:
        raise InputError(f"validation_fraction is {validation_fraction!r}, expected 0 to 1")
    people = dataset.subjects
    if len(people) < 4:
        raise InputError(
            f"{dataset.name} has {len(people)} people, expected at least 4 to make a training, "
            "a validation and a test side; ask for more people"
        )
    rng = np.random.default_rng(seed)
    counts = [_counts(recordings) for recordings in dataset.by_subject().values()]
    classes = sorted({label for each in counts for label in each})
    table = np.array([[each[label] for label in classes] for each in counts], dtype=np.float64)
    test = _fair_draw(table, len(people) // 2, rng)
    rest = np.setdiff1d(np.arange(len(people)), test)
    held_out = min(max(1, round(validation_fraction * len(rest))), len(rest) - 1)
    validation = rest[_fair_draw(table[rest], held_out, rng)]
    training = np.setdiff1d(rest, validation)

    def side(rows: NDArray[np.int64]) -> Dataset:
        return dataset.select(subjects=[people[int(row)] for row in rows])

    return side(training), side(validation), side(test)


def _counts(recordings: tuple[Recording, ...]) -> Counter[str]:
    """How many events, or recordings, of each class a person has."""
    found: Counter[str] = Counter()
    for each in recordings:
        if each.events is not None:
            found.update(map(str, each.events.label))
        if each.label is not None:
            found[each.label] += 1
    return found


def _fair_draw(
    table: NDArray[np.float64], size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw `size` rows whose share of every column comes close to their share of the rows."""
    share = table / np.maximum(table.sum(axis=0), 1.0)
    draws = np.stack([rng.permutation(len(table))[:size] for _ in range(200)])
    held = np.maximum(share[draws].sum(axis=1) * len(table) / size, 1e-3)
    unfair = np.abs(np.log(held)).max(axis=1, initial=0.0)
    return np.sort(draws[unfair.argmin()]).astype(np.int64)


def _generator(purpose: str, seed: int, person: int) -> np.random.Generator:
    """One stream a purpose and person, so that none depends on how much another one draws."""
    return np.random.default_rng([seed, person, *purpose.encode()])


def _ecg(person: int, seconds: float, seed: int, rate: float) -> list[Recording]:
    # Golden-ratio steps spread arrhythmias evenly over any number of people.
    place = (_generator("place", seed, 0).uniform() + person * _GOLDEN) % 1.0
    traits = draw_person(_generator("heart", seed, person), place)
    signal, sample, label = ecg_model.synthesise(
        traits, seconds, rate, _generator("ecg", seed, person)
    )
    name = f"ecg-{person:03d}"
    return [
        Recording(
            name=name,
            subject=name,
            signal=signal[None],
            rate=rate,
            channels=("MLII",),
            units=("mV",),
            events=Events(sample, label),
        )
    ]


def _imu(person: int, seconds: float, seed: int, rate: float) -> list[Recording]:
    walker = imu_model.draw_walker(_generator("walker", seed, person))
    name = f"imu-{person:03d}"
    return [
        Recording(
            name=f"{name}-{activity}",
            subject=name,
            signal=imu_model.synthesise(
                walker, activity, seconds, rate, _generator(activity, seed, person)
            ),
            rate=rate,
            channels=("acc x", "acc y", "acc z"),
            units=("g", "g", "g"),
            label=activity,
        )
        for activity in imu_model.ACTIVITIES
    ]
