"""Several label columns, and numbers to learn: of tables, arrays, attributes and objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.datasets import cut, from_arrays, from_frame, load
from triptych.datasets.readers.labels import as_sets, target_events
from triptych.errors import InputError
from triptych.training.settings import Data
from triptych.training.task import kind_of

N = 400
WAVE = np.random.default_rng(0).standard_normal((3, N))


@given(st.lists(st.sampled_from(["60", "61.5", ""]), min_size=1, max_size=40))
def test_the_event_nearest_to_a_sample_has_its_number(values: list[str]) -> None:
    events = target_events(np.array(values))
    for place, value in enumerate(values):
        near = int(np.abs(events.sample - place).argmin())
        assert events.label[near] == value


def test_columns_of_a_table_are_one_label() -> None:
    table = pd.DataFrame({"ecg": WAVE[0], "AF": [1.0] * 300 + [np.nan] * 100, "PVC": [0, 1] * 200})
    table["PVC"] = np.repeat([0, 1, 0, 0], 100)
    data = from_frame(table, rate=100, subject="p", label_column=["AF", "PVC"])
    assert [each.label for each in data.recordings] == ["AF", "AF;PVC", "AF", None]
    assert data.recordings[0].channels == ("ecg",)
    with pytest.raises(InputError, match="'VT', but 'AF'"):
        from_frame(table, rate=100, subject="p", label_column=["AF", "VT"])
    with pytest.raises(InputError, match="'2', expected 0"):
        from_frame(table.assign(PVC=2), rate=100, subject="p", label_column=["AF", "PVC"])


def test_a_number_of_every_sample_is_the_label_of_windows() -> None:
    rate = np.repeat([60.5, 72.0, np.nan, 80.0], 100)
    table = pd.DataFrame({"ecg": WAVE[0], "activity": "walk", "hr": rate})
    data = from_frame(table, rate=100, subject="p", target_column="hr")
    (one,) = data.recordings
    assert one.channels == ("ecg",)
    assert cut(data, 1.0).label.tolist() == ["60.5", "72", "", "80"]


def test_arrays_and_attributes_name_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", signals=WAVE[:2, None], rate=100, hr=[60.5, 70], AF=[1, 0],
             PVC=[1, 0], subject=["a", "b"])  # fmt: skip
    sets = load("folder", tmp_path / "a.npz", label_column=["AF", "PVC"])
    assert [each.label for each in sets.recordings] == ["AF;PVC", ";"]
    numbers = load("folder", tmp_path / "a.npz", target_column="hr")
    assert [each.label for each in numbers.recordings] == ["60.5", "70"]
    folder = tmp_path / "tables"
    folder.mkdir()
    for k in range(2):
        pd.DataFrame({"ecg": WAVE[k]}).to_csv(folder / f"{k}.csv", index=False)
    manifest = {"file": ["0.csv", "1.csv"], "age": [54, ""], "AF": [1, 0], "PVC": [0, 0]}
    pd.DataFrame(manifest).to_csv(folder / "recordings.csv", index=False)
    ages = load("folder", folder, rate=100, target_column="age")
    assert [each.label for each in ages.recordings] == ["54", None]
    sets = load("folder", folder, rate=100, label_column=["AF", "PVC"])
    assert [each.label for each in sets.recordings] == ["AF", ";"]


def test_a_separator_makes_sets_of_labels_of_files_tables_and_moments(tmp_path: Path) -> None:
    words = np.repeat(["AF, pvc", "PVC,AF", "PVC", ""], 100)
    pd.DataFrame({"ecg": WAVE[0], "label": words}).to_csv(tmp_path / "a.csv", index=False)
    asked = {"rate": 100, "subject_column": None, "label_separator": ","}
    cut_up = load("folder", tmp_path, **asked)
    assert [each.label for each in cut_up.recordings] == ["AF;PVC", "AF;PVC", "PVC", None]
    whole = load("folder", tmp_path, **asked, min_share=0.6)
    assert cut(whole, 1.0).label.tolist() == ["AF;PVC", "AF;PVC", "PVC", ""]
    held = from_arrays(WAVE[:2], rate=100, labels=["AF/PVC", "/"], label_separator="/")
    assert [each.label for each in held.recordings] == ["AF;PVC", ";"]
    with pytest.raises(InputError, match="label_separator"):
        load("folder", tmp_path, label_separator="")


def test_a_separator_says_that_labels_are_sets() -> None:
    kinds = [kind_of(Data(name="folder", options=each), None) for each in (
        {"label_separator": "/"}, {"label_column": "a"},
    )]  # fmt: skip
    assert kinds == ["multi", "single"]


@pytest.mark.parametrize(
    "labels",
    [
        [["PVC", "AF"], ["AF"], []],
        {"AF": [1, 1, 0], "PVC": [1, 0, 0]},
        pd.DataFrame({"AF": [True, True, False], "PVC": [1, 0, 0]}),
    ],
)
def test_recordings_in_memory_have_several_labels(labels: object) -> None:
    data = from_arrays(WAVE, rate=100, labels=labels)
    assert [each.label for each in data.recordings] == ["AF;PVC", "AF", ";"]


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="differ in length"):
        as_sets({"AF": [1, 0], "PVC": [1]}, "labels")
