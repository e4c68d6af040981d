"""PPG, EMG and EEG sets: small files in the official layout, the real ones for their figures."""

from __future__ import annotations

import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triptych import datasets
from triptych.datasets import eeg_bonn, emg_gestures, mitdb, ppg_spc2015
from triptych.datasets.recordings import Recording
from triptych.datasets.rhythms import by_rhythm
from triptych.errors import InputError

savemat: Any = pytest.importorskip("scipy.io").savemat


def write_ppg(folder: Path, name: str = "01_TYPE01", seconds: float = 20, rates: int = 7) -> None:
    signal = np.random.default_rng(0).normal(size=(6, round(seconds * 125)))
    savemat(folder / f"DATA_{name}.mat", {"sig": signal})
    savemat(folder / f"REF_{name}.mat", {"BPM0": 60.0 + np.arange(rates)[:, None]})


def test_each_window_of_the_reference_has_its_heart_rate(tmp_path: Path) -> None:
    write_ppg(tmp_path)
    write_ppg(tmp_path, "04_TYPE02")
    dataset = ppg_spc2015.load(tmp_path)
    one = dataset.recordings[0]
    assert (dataset.names, one.subject, one.rate) == (("01 TYPE01", "04 TYPE02"), "01", 125.0)
    assert one.channels == ("ppg 1", "ppg 2", "acc x", "acc y", "acc z")  # without the ECG
    windows = datasets.cut(dataset.select(subjects="01"), 8.0, starts=2.0)
    assert windows.label.tolist() == [f"{60 + k}.0" for k in range(7)]
    assert np.abs(windows.event_offset).max() < 1e-9
    report = datasets.check(tmp_path, "ppg_spc2015")
    assert not report.ok  # 11 are missing
    assert not report.unreadable


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda f: write_ppg(f, rates=6), "6 heart rates"),
        (lambda f: (f / "REF_01_TYPE01.mat").unlink(), "no reference"),
        (lambda f: (f / "DATA_01_TYPE01.mat").write_bytes(b"MATLAB"), "damaged"),
        (lambda f: savemat(f / "DATA_01_TYPE01.mat", {"x": 1}), "no sig"),
    ],
)
def test_ppg_that_does_not_fit_is_refused(tmp_path: Path, spoil: Any, word: str) -> None:
    write_ppg(tmp_path)
    spoil(tmp_path)
    with pytest.raises(InputError, match=word):
        ppg_spc2015.load(tmp_path)
    assert ppg_spc2015.check(tmp_path).unreadable


def emg_table(gap: bool = False) -> str:
    """Unmarked, fist, unmarked, fist: rows per ms that repeat what came every 5 ms."""
    time = np.arange(0, 4000)
    held = (time // 5)[:, None] * 1e-6 + np.arange(8) * 1e-4
    code = np.where((time // 1000) % 2 == 1, 2, 0)
    if gap:
        time = time + 500 * (time >= 1500)
    rows = [
        "\t".join(map(str, [t, *np.round(v, 9).tolist(), c]))
        for t, v, c in zip(time.tolist(), held, code.tolist(), strict=True)
    ]
    head = "\t".join(["time", *(f"channel{k}" for k in range(1, 9)), "class"])
    return "\n".join([head, *rows]) + "\n"


def write_emg(folder: Path, text: str, subject: str = "01", packed: bool = False) -> Path:
    file = folder / subject / "1_raw_data_13-12_22.03.16.txt"
    file.parent.mkdir(parents=True)
    if packed:
        file = file.with_name(file.name + ".xz")
        file.write_bytes(lzma.compress(text.encode()))
    else:
        file.write_text(text)
    return file


def test_a_held_gesture_is_a_recording_without_repeated_values(tmp_path: Path) -> None:
    write_emg(tmp_path / "a", emg_table())
    write_emg(tmp_path / "b", emg_table(), packed=True)
    dataset, same = emg_gestures.load(tmp_path / "a"), emg_gestures.load(tmp_path / "b")
    assert dataset.names == ("01 series 1 fist 1", "01 series 1 fist 2")
    first = dataset.recordings[0]
    assert (first.label, first.subject, first.rate, first.start) == ("fist", "01", 200.0, 1.0)
    expected = 1000 * (np.arange(200, 400) * 1e-6 + np.arange(8)[:, None] * 1e-4)
    np.testing.assert_allclose(first.signal, expected[:, :200], rtol=1e-5)
    assert dataset.fingerprint == same.fingerprint
    assert datasets.check(tmp_path / "a", "emg_gestures").ok


def test_emg_with_gaps_or_other_columns(tmp_path: Path) -> None:
    write_emg(tmp_path / "gap", emg_table(gap=True))
    dataset = emg_gestures.load(tmp_path / "gap")
    assert dataset.names == ("01 series 1 fist 2",)
    assert "fist 1" in dataset.notes[1]
    write_emg(tmp_path / "bad", emg_table().replace("channel8", "other"))
    with pytest.raises(InputError, match="other"):
        emg_gestures.load(tmp_path / "bad")
    assert not emg_gestures.check(tmp_path / "bad").ok
    with pytest.raises(InputError, match="no EMG recordings"):
        emg_gestures.load(tmp_path)
    with pytest.raises(InputError, match="6 or 7"):
        emg_gestures.load(tmp_path / "gap", classes=5)


def test_emg_is_fetched_as_one_archive(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        name = "EMG_data_for_gestures-master/01/1_raw_data_13-12_22.03.16.txt"
        archive.writestr(name, emg_table())
        archive.writestr("EMG_data_for_gestures-master/README.txt", "")

    def serves(url: str, file: str, _pooch: Any) -> None:
        assert url == emg_gestures.ADDRESS
        Path(file).write_bytes(held.getvalue())

    assert emg_gestures.fetch(tmp_path, downloader=serves) == ("01/1_raw_data_13-12_22.03.16.txt",)
    assert len(emg_gestures.load(tmp_path)) == 2


def write_eeg(folder: Path, samples: int = eeg_bonn.SAMPLES) -> None:
    folder.mkdir(exist_ok=True)
    text = "\r\n".join(map(str, range(samples))) + "\r\n"
    with zipfile.ZipFile(folder / "S.zip", "w") as archive:
        archive.writestr("S/S001.txt", text)
    (folder / "N002.TXT").write_text(text)


def test_an_eeg_segment_has_a_set_and_no_subject(tmp_path: Path) -> None:
    write_eeg(tmp_path)
    dataset = eeg_bonn.load(tmp_path)
    assert [(r.name, r.label) for r in dataset.recordings] == [("C 002", "C"), ("E 001", "E")]
    assert dataset.subjects == dataset.names  # each is its own, and the first note says why
    assert "not subject-disjoint" in dataset.notes[0]
    assert "not subject-disjoint" in dataset.title
    assert dataset.recordings[1].signal[0, :3].tolist() == [0, 1, 2]
    report = datasets.check(tmp_path, "eeg_bonn")
    assert len(report.missing) == 498
    write_eeg(tmp_path / "short", samples=4000)
    with pytest.raises(InputError, match="4000 samples"):
        eeg_bonn.load(tmp_path / "short")
    assert eeg_bonn.check(tmp_path / "short").unreadable
    (tmp_path / "S.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"S\.zip"):
        eeg_bonn.load(tmp_path)


@pytest.mark.parametrize("name", ["ppg_spc2015", "eeg_bonn"])
def test_what_has_no_download_says_where_to_get_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="authors"):
        datasets.fetch(name, tmp_path)
    with pytest.raises(InputError, match="looked for"):
        datasets.load(name, tmp_path)


def test_a_rhythm_lasts_until_another_begins() -> None:
    signal = np.arange(20, dtype=np.float32)[None]
    whole = Recording("7", "7", signal, 10.0, ("ECG",), start=1.0)
    first, second = by_rhythm(whole, [2, 5, 9], ["(N\0", "", "(AFIB\0"])
    assert [first.name, second.name] == ["7 N 1", "7 AFIB 2"]
    assert (first.signal[0].tolist(), first.start) == (list(range(2, 9)), 1.2)
    assert (second.signal.shape[1], second.label) == (11, "AFIB")
    assert by_rhythm(whole, [3], ["note"]) == []


@pytest.mark.data
def test_the_real_sets_are_whole(data_root: Path) -> None:
    ppg = ppg_spc2015.load(data_root / "ppg_spc2015")
    assert (len(ppg), len(ppg.subjects)) == (13, 12)
    rates = np.concatenate([np.float64(r.events.label) for r in ppg.recordings if r.events])
    assert 60 < rates.min() < rates.max() < 180
    emg = emg_gestures.load(data_root / "emg_gestures")
    assert (len(emg), len(emg.subjects)) == (192, 8)
    assert {r.label for r in emg.recordings} == set(emg_gestures.GESTURES[:6])
    eeg = eeg_bonn.load(data_root / "eeg_bonn")
    spread = {
        label: np.mean([r.signal.std() for r in eeg.recordings if r.label == label])
        for label in "ABCDE"
    }
    expected = dict(zip("ABCDE", (41, 61, 51, 66, 307), strict=True))
    assert spread == pytest.approx(expected, abs=0.6)


@pytest.mark.data
def test_real_rhythms_are_stretches_of_either_lead(data_root: Path) -> None:
    first, second = (
        mitdb.load(data_root / "mitdb", ["201", "203"], lead=lead, rhythms=True) for lead in (0, 1)
    )
    assert first.names == second.names
    assert {"AFIB", "N"} <= {r.label for r in first.recordings}
    assert second.recordings[0].channels == ("V1",)
    whole = mitdb.load(data_root / "mitdb", ["201"])
    own = first.select(subjects="201/202").recordings
    assert sum(r.signal.shape[1] for r in own) == pytest.approx(650_000, abs=400)
    at = round(own[1].start * 360)
    np.testing.assert_array_equal(own[1].signal[0, :9], whole.recordings[0].signal[0, at : at + 9])
