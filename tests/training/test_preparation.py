from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.training import toys

from triptych.datasets import Dataset, Recording
from triptych.errors import InputError
from triptych.training import Recipe, prepare
from triptych.training.preparation import validation_people


def recording(subject: str, part: int = 0, channels: int = 1) -> Recording:
    rng = np.random.default_rng([ord(subject[0]), part])
    signal = rng.standard_normal((channels, 2000)).astype(np.float32)
    names = tuple(f"lead {i}" for i in range(channels))
    return Recording(f"{subject}{part}", subject, signal, 200.0, names)


def dataset(*recordings: Recording) -> Dataset:
    return Dataset("toy", "toy", recordings, "sha256:0")


def write(folder: Path, subjects: str, channels: int = 1) -> Recipe:
    for subject in subjects:
        np.save(folder / f"{subject}.npy", recording(subject, 0, channels).signal)
    options = {"rate": 200}
    data = {"name": "folder", "path": str(folder), "options": options, "per_recording": 7}
    return toys.recipe().replace({f"data.{name}": value for name, value in data.items()})


def test_windows_are_split_by_person(tmp_path: Path) -> None:
    prepared = prepare(write(tmp_path, "abcde"))
    train, validation = prepared.train, prepared.validation
    assert len(set(train.subject)) == 4
    assert len(set(validation.subject)) == 1
    assert not set(train.subject) & set(validation.subject)
    assert train.signals.shape == (28, 1, toys.LENGTH + 2 * toys.CONTEXT)
    assert train.rate == toys.RATE
    assert prepared.fingerprint.startswith("sha256:")
    assert len(prepared.channels) == 1


def test_the_same_seed_gives_the_same_windows(tmp_path: Path) -> None:
    recipe = write(tmp_path, "abcde")
    first, second = prepare(recipe), prepare(recipe)
    assert first.train.signals.equal(second.train.signals)
    assert set(first.validation.subject) == set(second.validation.subject)


def test_recordings_of_a_person_stay_together() -> None:
    made = dataset(*(recording(subject, part) for subject in "abcd" for part in (0, 1)))
    assert len(validation_people(made, 0.5, 0)) == 2
    assert len(validation_people(made, 0.01, 0)) == 1
    assert len(validation_people(made, 0.99, 0)) == 3


def test_one_person_cannot_be_split() -> None:
    with pytest.raises(InputError, match="1 subject; validation"):
        validation_people(dataset(recording("a", 0), recording("a", 1)), 0.2, 0)


def test_the_folder_can_be_given_apart(tmp_path: Path) -> None:
    recipe = write(tmp_path, "abc").replace({"data.path": None})
    assert len(prepare(recipe, tmp_path).train) == 14
    with pytest.raises(InputError, match="folder"):
        prepare(recipe)


def labelled(folder: Path, **labels: str) -> Recipe:
    for subject, label in labels.items():
        held = {"signal": recording(subject).signal, "rate": 200.0, "label": label}
        np.savez(folder / f"{subject}.npz", **held)
    changes = {"data.name": "folder", "data.path": str(folder), "data.per_recording": 7}
    return toys.recipe().replace({**changes, "classes": sorted(set(labels.values()))})


def test_every_class_is_on_both_sides(tmp_path: Path) -> None:
    recipe = labelled(tmp_path, a="x", b="x", c="x", d="y", e="y", f="z", g="z")
    prepared = prepare(recipe)
    for side in (prepared.train, prepared.validation):
        assert set(side.label) == {"x", "y", "z"}
    assert "another split" in prepared.notes[-1]
    assert "no validation subject" in prepared.notes[-1]


def test_a_class_of_one_subject_is_named(tmp_path: Path) -> None:
    recipe = labelled(tmp_path, a="x", b="x", c="x", d="y")
    with pytest.raises(InputError, match=r"no (training|validation) subject has .* class 'y'"):
        prepare(recipe)
