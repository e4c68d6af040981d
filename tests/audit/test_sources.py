from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.audit import tiny

from triptych.audit.parts import WindowParts, embed_parts
from triptych.audit.search import search
from triptych.audit.sources import (
    data_for,
    fit_to,
    random_windows_of,
    seen_before,
    subjects_or_records,
    windows_of,
)
from triptych.datasets import Dataset, simulated
from triptych.datasets.sources import open_data
from triptych.errors import InputError
from triptych.model import Preprocessing
from triptych.transforms import PhaseShift

FORM = Preprocessing(100.0, ("MLII",), 80, 0.5, 40.0)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.recordings(tmp_path_factory.mktemp("data") / "own")


def fitted(own: Path) -> Dataset:
    return fit_to(open_data(str(own)), FORM)


def test_sets_of_labels_are_read_from_the_column_of_the_recipe(own: Path, tmp_path: Path) -> None:
    recordings = tiny.recordings(tmp_path / "sets", subjects=2)
    files = sorted(each.name for each in recordings.glob("*.npz"))
    (recordings / "recordings.csv").write_text(f"file,found\n{files[0]},a;b\n{files[1]},b\n")
    said = {"name": "folder", "label_separator": ";", "options": {"label_column": "found"}}
    sets = data_for(tiny.model(info={"recipe": {"data": said}}), str(recordings))
    assert [each.label for each in sets.recordings] == ["a;b", "b"]
    usual = data_for(tiny.model(), str(recordings))
    assert [each.label for each in usual.recordings] == ["ill", "well"]


def test_own_recordings_take_the_models_form(own: Path) -> None:
    source = fitted(own)
    assert {each.rate for each in source.recordings} == {100.0}
    assert {each.channels for each in source.recordings} == {("MLII",)}
    assert any("their order" in note for note in source.notes)
    cut = windows_of(source, FORM)
    assert cut.signals.shape[1:] == (1, 80)
    assert set(cut.label) == {"well", "ill"}
    assert len(windows_of(source, FORM, 0.4)) > 1.8 * len(cut)
    drawn = random_windows_of(source, FORM, PhaseShift(0.2, 100.0), 7, seed=3)
    assert len(drawn) == 28
    assert drawn.context == 20


def test_a_model_of_single_channels_takes_several_one_by_one(tmp_path: Path) -> None:
    both = np.random.default_rng(0).normal(size=(2, 1200))
    np.savez(tmp_path / "two.npz", signal=both, channels=["I", "V1"], rate=120.0)
    model = tiny.model(info={"each_channel": True})
    source = data_for(model, str(tmp_path / "two.npz"))
    assert [each.channels for each in source.recordings] == [("MLII",)] * 2
    assert [each.name.rpartition(" ")[2] for each in source.recordings] == ["I", "V1"]
    alone = open_data(str(tmp_path / "two.npz"), {"channels": "V1"})
    expected = fit_to(alone, FORM).recordings[0].signal
    np.testing.assert_allclose(source.recordings[1].signal, expected)
    with pytest.raises(InputError, match="has 2 channels"):
        data_for(tiny.model(), str(tmp_path / "two.npz"))


@pytest.mark.parametrize(("scale", "told"), [(1.0, False), (3.0, False), (9.81, True), (0.1, True)])
def test_recordings_in_another_unit_are_noticed(own: Path, scale: float, told: bool) -> None:
    level = [float(np.sqrt(np.mean(r.signal**2))) for r in fitted(own).recordings]
    model = tiny.model(info={"level": float(np.median(level)) / scale})
    notes = [note for note in data_for(model, str(own)).notes if "another unit" in note]
    assert len(notes) == told
    if told:
        assert notes[0].startswith(f"the recordings are {scale:.2g} times")


@pytest.mark.parametrize("level", [None, 0.0, "1", True])
def test_a_model_that_does_not_say_how_strong_its_data_were_notices_nothing(
    own: Path, level: Any
) -> None:
    assert data_for(tiny.model(info={"level": level}), str(own)).notes == fitted(own).notes


def test_words_name_data_sets(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nor .*\(mitdb"):
        open_data("nowhere")
    with pytest.raises(InputError, match="nowhere"):
        open_data(f"mitdb:{tmp_path / 'nowhere'}")
    with pytest.raises(InputError, match="unknown; expected 'ecg'"):
        open_data("simulated:eeg")
    with pytest.raises(InputError, match="simulated does"):
        open_data("simulated", {"rate": 250.0})


def test_a_folder_is_a_data_set_only_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "100.hea").write_text("100 2 360 650000\n")
    with pytest.raises(InputError, match="of mitdb"):
        open_data(f"mitdb:{tmp_path}")
    with pytest.raises(InputError, match="promises 2 signals"):
        open_data(str(tmp_path))


def test_channels_are_chosen_by_name_before_place(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    t = np.arange(1200) / 120
    both = np.stack([np.sin(9 * t), rng.normal(size=1200)], axis=1)
    rows = "\n".join(f"{a:.4f},{b:.4f}" for a, b in both)
    (tmp_path / "two.csv").write_text(f"MLII,V1\n{rows}\n")
    source = open_data(str(tmp_path / "two.csv"), {"rate": 120.0})
    assert fit_to(source, FORM).recordings[0].signal.shape[0] == 1
    other = Preprocessing(100.0, ("I",), 80)
    with pytest.raises(InputError, match=r"2 channels \(MLII, V1\).* 1"):
        fit_to(source, other)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Preprocessing(400.0, ("MLII",), 80, 0.5, 150.0), "nothing above 60"),
        (Preprocessing(100.0, ("MLII",), 5000, None, None), "recording lasts 12"),
    ],
)
def test_recordings_that_cannot_fit_are_refused(own: Path, form: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        windows_of(fit_to(open_data(str(own)), form), form)


def test_steps_and_counts_have_to_be_positive(own: Path) -> None:
    with pytest.raises(InputError, match=r"0 s .*0.01 s"):
        windows_of(fitted(own), FORM, 0.0)
    with pytest.raises(InputError, match="1 or more"):
        random_windows_of(fitted(own), FORM, PhaseShift(0.2, 100.0), 0)


def test_embedding_in_parts_changes_nothing(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, cut = tiny.model(), windows_of(fitted(own), FORM)
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("triptych.audit.parts.FLOATS", 7 * 80)
    found = list(
        embed_parts(model, WindowParts(fitted(own), FORM), lambda *each: told.append(each))
    )
    assert all(7 <= len(windows) < 14 for _, windows in found[:-1])
    torch.testing.assert_close(torch.cat([z.all for z, _ in found]), model.embed(cut.centred).all)
    for name in ("record", "start", "label"):
        joined = np.concatenate([getattr(windows, name) for _, windows in found])
        np.testing.assert_array_equal(joined, getattr(cut, name))
    assert told[-1] == (len(cut), len(cut))
    assert subjects_or_records(cut)[1] == "subjects"


def test_the_nearest_windows_are_found_without_the_query_itself(own: Path) -> None:
    model, source = tiny.model(), fitted(own)
    name = source.names[1]
    found = search(model, source, f"{name}:3", 5)
    assert [each.rank for each in found.found] == [1, 2, 3, 4, 5]
    similarity = [each.similarity for each in found.found]
    assert similarity == sorted(similarity, reverse=True)
    assert found.blocks == ("morphology",)
    near = [e for e in found.found if e.record == name and abs(e.start - found.query.start) <= 5]
    assert not near
    by_file = search(model, source, f"{own / name}.npz:3", 5)
    assert [replace(each, similarity=0.0) for each in by_file.found] == [
        replace(each, similarity=0.0) for each in found.found
    ]
    np.testing.assert_allclose([e.similarity for e in by_file.found], similarity, atol=1e-5)
    assert search(model, source, f"{name}:0", 1, near="timing").blocks == ("timing",)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("ecg-001", "is not FILE:INDEX"),
        ("ecg-001:x", "is not FILE:INDEX"),
        ("ecg-001:99", "counted from 0"),
        ("nobody:1", "no file nobody"),
    ],
)
def test_queries_that_are_not_there_are_said(own: Path, query: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        search(tiny.model(), fitted(own), query)


def test_searches_that_cannot_be_are_said(own: Path) -> None:
    with pytest.raises(InputError, match="k=900"):
        search(tiny.model(), fitted(own), "ecg-001:1", 900)
    still = tiny.model()
    for parameter in still.encoder.parameters():
        parameter.data.zero_()
    with pytest.raises(InputError, match="same morphology"):
        search(still, fitted(own), "ecg-001:1", 1)
    with pytest.raises(InputError, match="no block 'other'"):
        search(tiny.model(), fitted(own), "ecg-001:1", near="other")


def test_virtual_people_that_were_trained_on_are_told() -> None:
    trained = simulated.load(people=3, seconds=10)
    data = {"title": trained.title, "fingerprint": trained.fingerprint}
    model = tiny.model(info={"data": data})
    same, longer = trained, simulated.load(people=2, seconds=20)
    other = simulated.load(kind="imu", people=1, seconds=10)
    assert "these very recordings" in seen_before(model, same)[0]
    assert "simulated subjects" in seen_before(model, longer)[0]
    assert seen_before(model, other) == ()
    assert seen_before(tiny.model(), same) == ()
