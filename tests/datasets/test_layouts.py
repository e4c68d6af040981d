"""Public data sets in their official layouts: labels from what lies beside the recordings."""

from __future__ import annotations

import warnings
from datetime import date, time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych import datasets
from triptych.datasets.readers import load, options_of, read
from triptych.datasets.readers.marks import ENDING, LOOSE, partner
from triptych.datasets.recordings import Recording, Spans
from triptych.errors import InputError


def wave(n: int, rate: float = 100.0) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(n) / rate)


def record(folder: Path, name: str, *comments: str, n: int = 1000) -> None:
    """A WFDB record of `n` samples at 100 Hz with comments in its header."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.round(200 * wave(n) + len(name)).astype("<i2")
    values[: 8 * 2 : 2] += np.frombuffer(name.ljust(8)[:8].encode(), np.uint8)  # no two are alike
    (folder / f"{name}.dat").write_bytes(values.tobytes())
    lines = [f"{name} 1 100 {n}", f"{name}.dat 16 200 16 0 {values[0]} 0 0 II"]
    lines += [f"# {each}" for each in comments]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


def edf(path: Path, seconds: int, notes: list[Any] | None = None, **about: Any) -> None:
    edfio = pytest.importorskip("edfio")
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).normal(size=100 * seconds)
    signals = [edfio.EdfSignal(noise, 100, label="EEG Fpz-Cz")] if seconds else []
    held = [edfio.EdfAnnotation(*each) for each in notes or ()]
    edfio.Edf(signals, annotations=held, **about).write(path)


def labels(data: datasets.Dataset) -> dict[str, str | None]:
    return {each.name: each.label for each in data.recordings}


# Headers and tables


def test_headers_of_the_challenges_state_labels(tmp_path: Path) -> None:
    record(tmp_path, "A0001", "Age: 74", "Sex: Male", "Dx: 59118001,426783006")
    record(tmp_path, "A0002", "Age: 49", "Sex: Female", "Dx: 426783006")
    data = load(tmp_path, label_column="Dx")
    assert labels(data) == {"A0001": "59118001,426783006", "A0002": "426783006"}
    assert dict(data.recordings[0].attributes) == {"age": "74", "sex": "Male"}
    with pytest.raises(InputError, match=r"no attribute 'rhythm' .* age, dx, sex"):
        load(tmp_path, label_column="rhythm")


def test_one_line_of_a_header_may_state_several_attributes(tmp_path: Path) -> None:
    """As those of INCART and PTB do."""
    record(tmp_path, "I01", "<age>: 65 <sex>: F <diagnoses> Coronary artery disease",
           "Catheterization date: 16-Oct-90")  # fmt: skip
    (one,) = load(tmp_path, label_column="diagnoses").recordings
    assert one.label == "Coronary artery disease"
    assert dict(one.attributes) == {"age": "65", "sex": "F", "catheterization date": "16-Oct-90"}


def test_references_without_titles_are_manifests(tmp_path: Path) -> None:
    """REFERENCE-v3.csv of the challenge of 2017."""
    for name in ("A00001", "A00002", "A00003"):
        record(tmp_path, name)
    (tmp_path / "REFERENCE-v3.csv").write_text("A00001,N\nA00002,A\nA00003,~\n")
    assert labels(load(tmp_path)) == {"A00001": "N", "A00002": "A", "A00003": "~"}


def test_the_manifest_of_ptb_xl_states_codes_for_both_rates(tmp_path: Path) -> None:
    rows = ["ecg_id,patient_id,age,device,scp_codes,filename_lr,filename_hr"]
    for k, codes in ((1, "{'NORM': 100.0, 'SR': 0.0}"), (2, "{'IMI': 80.0}")):
        for rate, end in (("100", "lr"), ("500", "hr")):
            record(tmp_path / f"records{rate}" / "00000", f"{k:05d}_{end}")
        paths = ",".join(f"records{r}/00000/{k:05d}_{e}" for r, e in (("100", "lr"), ("500", "hr")))
        rows.append(f'{k},{15708 + k}.0,56.0,CS-12,"{codes}",{paths}')
    rows.append('3,9.0,40.0,CS-12,"{}",records100/00000/00003_lr,records500/00000/00003_hr')
    (tmp_path / "ptbxl_database.csv").write_text("\n".join(rows) + "\n")
    data = load(tmp_path, label_column="scp_codes")
    assert set(labels(data).values()) == {"NORM,SR", "IMI"}
    assert [each.subject for each in data.recordings] == ["15709.0", "15710.0"] * 2
    assert dict(data.recordings[0].attributes) == {"age": "56.0", "device": "CS-12", "ecg_id": "1"}
    windows = datasets.cut(data, 2.0)
    assert set(windows.attributes["device"]) == {"CS-12"}  # evaluate --by device


def test_a_table_of_subjects_may_state_the_label_and_the_subject_column_is_chosen(
    tmp_path: Path,
) -> None:
    for name in ("a", "b", "c"):
        record(tmp_path, name)
    (tmp_path / "recordings.csv").write_text("file,who\na,p1\nb,p2\n")
    (tmp_path / "subjects.csv").write_text("subject,diagnosis,sex\np1,well,F\np2,sick,M\n")
    data = load(tmp_path, subject_column="who", label_column="diagnosis")
    found = [(e.subject, e.label, e.attributes.get("sex")) for e in data.recordings]
    assert found == [("p1", "well", "F"), ("p2", "sick", "M"), ("c", None, None)]


# Annotations in other files


def test_hypnograms_of_sleep_edf_label_their_recordings(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    began = {
        "recording": edfio.Recording(startdate=date(1989, 4, 24)), "starttime": time(16, 13),
    }  # fmt: skip
    edf(tmp_path / "SC4001E0-PSG.edf", 120, **began)
    edf(tmp_path / "SC4002E0-PSG.edf", 60, **began)
    stages = [(0, 60, "Sleep stage W"), (60, 30, "Sleep stage 1"), (90, 9000, "Sleep stage ?")]
    edf(tmp_path / "SC4001EC-Hypnogram.edf", 0, stages, **began)
    edf(tmp_path / "SC4011EH-Hypnogram.edf", 0, stages, **began)
    data = load(tmp_path, no_label="Sleep stage ?", subject_pattern=r"(SC4\d{2})")
    assert [(e.name, e.label, e.start, e.signal.shape[1]) for e in data.recordings] == [
        ("SC4001E0-PSG#0", "Sleep stage W", 0, 6000),
        ("SC4001E0-PSG#1", "Sleep stage 1", 60, 3000),
        ("SC4001E0-PSG#2", None, 90, 3000),
        ("SC4002E0-PSG", None, 0, 6000),
    ]
    assert any("without a recording" in n and "SC4011EH" in n for n in data.notes)
    whole = load(tmp_path, min_share=0.6)
    assert labels(whole)["SC4001E0-PSG"] is None
    windows = datasets.cut([whole.recordings[0]], 20.0)
    assert windows.label.tolist() == [f"Sleep stage {k}" for k in ("W", "W", "W", "1", "?")]


SUMMARY = """Data Sampling Rate: 256 Hz
*************************

File Name: chb01_03.edf
File Start Time: 13:43:04
File End Time: 14:43:04
Number of Seizures in File: 1
Seizure Start Time: 20 seconds
Seizure End Time: 30 seconds

File Name: chb01_04.edf
Number of Seizures in File: 0
"""


def test_seizures_of_chb_mit(tmp_path: Path) -> None:
    import wfdb

    for name, seconds in (("chb01_03", 60), ("chb01_04", 40), ("chb02_16", 50)):
        edf(tmp_path / name[:5] / f"{name}.edf", seconds)
    (tmp_path / "chb01" / "chb01-summary.txt").write_text(SUMMARY)
    (tmp_path / "chb09-summary.txt").write_text(SUMMARY.replace("chb01", "chb09"))
    wfdb.wrann("x", "seizures", np.array([500, 1500]), symbol=["[", "]"], write_dir=str(tmp_path))
    (tmp_path / "x.seizures").rename(tmp_path / "chb02" / "chb02_16.edf.seizures")
    data = load(tmp_path, subject_pattern=r"chb(\d\d)")
    assert [(e.label, e.signal.shape[1]) for e in data.recordings] == [
        ("no seizure", 2000), ("seizure", 1000), ("no seizure", 3000), ("no seizure", 4000),
        ("no seizure", 500), ("seizure", 1000), ("no seizure", 3500),
    ]  # fmt: skip
    assert any("without a recording" in n and "chb09" in n for n in data.notes)
    assert not any("other kinds" in n for n in data.notes)


def test_minutes_of_apnea(tmp_path: Path) -> None:
    import wfdb

    record(tmp_path, "a01", n=24_500)
    minutes, beats = np.arange(4) * 6000, np.arange(100, 24_000, 90)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wfdb.wrann("a01", "apn", minutes, symbol=list("NAAN"), write_dir=str(tmp_path))
        wfdb.wrann("a01", "qrs", beats, symbol=["N"] * len(beats), write_dir=str(tmp_path))
    data = load(tmp_path)
    assert [(e.label, e.signal.shape[1]) for e in data.recordings] == [
        ("N", 6000), ("A", 12_000), ("N", 6000), (None, 500),
    ]  # fmt: skip
    assert load(tmp_path, annotations="qrs").recordings[0].events is not None
    assert load(tmp_path, annotations="qrs").recordings[0].label is None


def test_tables_of_events_name_their_files_or_are_named_as_they_are(tmp_path: Path) -> None:
    for name in ("a", "b"):
        record(tmp_path / "x", name)
    rows = "file,start (ms),end (ms),label\nx/a,0,4000,walk\nx/a,4000,10000,run\nx/z,0,1,run\n"
    (tmp_path / "events.csv").write_text(rows)
    (tmp_path / "x" / "b_events.tsv").write_text(
        "onset\tduration\ttrial_type\n2.0\t3.0\tgo\n7.5\t0\ttone\n"
    )
    data = load(tmp_path)
    assert [(e.name, e.label) for e in data.recordings] == [
        ("x/a#0", "walk"), ("x/a#1", "run"), ("x/b#0", None), ("x/b#1", "go"), ("x/b#2", None),
    ]  # fmt: skip
    assert any("files that" in n for n in data.notes)


def test_events_of_a_bids_folder(tmp_path: Path) -> None:
    place = tmp_path / "sub-01" / "eeg"
    edf(place / "sub-01_task-rest_eeg.edf", 30)
    edf(place / "sub-01_task-go_eeg.edf", 40)
    (place / "sub-01_task-go_events.tsv").write_text(
        "onset\tduration\ttrial_type\tvalue\n0\t10\tleft\t1\n10\t30\tright\t2\n"
    )
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t31\n")
    data = load(tmp_path, label_column="trial_type")
    assert [(e.subject, e.label) for e in data.recordings] == [
        ("sub-01", "left"), ("sub-01", "right"), ("sub-01", None),
    ]  # fmt: skip
    data = load(tmp_path)
    assert {e.attributes["age"] for e in data.recordings} == {"31"}


def test_damaged_annotations_refuse_no_folder(tmp_path: Path) -> None:
    edf(tmp_path / "a.edf", 20)
    edf(tmp_path / "bb.edf", 20)
    (tmp_path / "a_events.csv").write_text("onset,duration,label\nsoon,1,walk\nlater,2,run\n")
    (tmp_path / "a_summary.txt").write_text("a text\n")
    (tmp_path / "bb.edf.seizures").write_bytes(b"\x01\x02\x03")
    data = load(tmp_path)
    assert [each.name for each in data.recordings] == ["a", "bb"]
    assert sum("annotations are left" in note for note in data.notes) == 2


@pytest.mark.parametrize(
    ("file", "others", "ending", "expected"),
    [
        ("SC4001EC-Hypnogram.edf", ["SC4001E0-PSG.edf", "SC4002E0-PSG.edf"], LOOSE, 0),
        ("SC4001EC-Hypnogram.edf", ["SC4002E0-PSG.edf"], LOOSE, None),
        ("S-2-Hypnogram.edf", ["S-1-PSG.edf"], LOOSE, None),
        ("a_events.csv", ["a.csv", "ab.csv"], ENDING, 0),
        ("a_events.csv", ["a_eeg.edf", "b_eeg.edf"], ENDING, 0),
        ("a12_events.csv", ["a1.csv"], ENDING, None),
        ("walking_events.csv", ["walk.csv"], ENDING, None),
        ("sub-1_task-b_events.tsv", ["sub-1_task-a_eeg.edf"], ENDING, None),
        (
            "sub-1_task-b_events.tsv",
            ["sub-1_task-b_eeg.edf", "sub-1_task-b_ecg.edf"],
            ENDING,
            None,
        ),
    ],
)
def test_pairs_are_made_by_names(
    file: str, others: list[str], ending: Any, expected: int | None
) -> None:
    places = [Path(each) for each in others]
    assert partner(Path(file), places, ending) == (None if expected is None else places[expected])


# Within a recording


def labelled_table(path: Path) -> Path:
    """20 s at 100 Hz: walk to 10 s, run to 16 s, nothing after; the watch turned at 5 s."""
    t = np.arange(2000) / 100
    label = np.select([t < 10, t < 16], ["walk", "run"], "")
    frame = pd.DataFrame({"time": t, "x": wave(2000), "activity": label})
    frame["orientation"] = np.where(t < 5, "up", "down")
    frame["session"] = 7
    frame.to_csv(path, index=False)
    return path


def test_attributes_are_constant_within_recordings(tmp_path: Path) -> None:
    path = labelled_table(tmp_path / "a.csv")
    data = load(path, attributes=["orientation", "session"])
    assert [(e.label, dict(e.attributes), e.start) for e in data.recordings] == [
        ("walk", {"orientation": "up", "session": "7"}, 0),
        ("walk", {"orientation": "down", "session": "7"}, 5),
        ("run", {"orientation": "down", "session": "7"}, 10),
        (None, {"orientation": "down", "session": "7"}, 16),
    ]
    assert set(datasets.cut(data, 2.0).attributes["orientation"]) == {"up", "down"}
    with pytest.raises(InputError, match="no column 'device'"):
        load(path, attributes="device")


def test_most_of_a_window_gives_the_label(tmp_path: Path) -> None:
    path = labelled_table(tmp_path / "a.csv")
    (one,) = load(path, min_share=0.7, channels="x").recordings
    windows = datasets.cut([one], 4.0, starts=[np.array([0, 700, 720, 800, 1200, 1600])])
    assert windows.label.tolist() == ["walk", "walk", "walk", "run", ""]
    assert windows.start.tolist() == [0, 7, 7.2, 12, 16]
    (one,) = load(path, min_share=0.7, transitions="mixed", channels="x").recordings
    kept = datasets.cut([one], 4.0, starts=[np.array([700, 800])])
    assert kept.label.tolist() == ["walk", "mixed"]
    slower = datasets.preprocess(one, 50, None, None)
    again = datasets.cut([slower], 4.0, starts=[np.array([350, 400])])
    assert again.label.tolist() == ["walk", "mixed"]
    told = datasets.check(path, min_share=0.7, channels="x").to_dict()["recordings"][0]["spans"]
    assert told == [{"begin": 0, "end": 1000, "label": "walk"},
                    {"begin": 1000, "end": 1600, "label": "run"}]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    runs=st.lists(st.tuples(st.sampled_from("ab "), st.integers(1, 30)), min_size=2, max_size=8),
    length=st.integers(1, 12), share=st.sampled_from([0.4, 0.5, 0.8, 1.0]), cut=st.integers(0, 9),
)  # fmt: skip
def test_spans_agree_with_counting_samples(
    runs: list[tuple[str, int]], length: int, share: float, cut: int
) -> None:
    samples = np.concatenate([[k] * n for k, n in runs])
    edges = np.cumsum([0, *(n for _, n in runs)]).astype(float)
    held = [k for k, (label, _) in enumerate(runs) if label != " "]
    spans = Spans(edges[held], edges[np.array(held, int) + 1],
                  np.array([runs[k][0] for k in held], "<U1"), share)  # fmt: skip
    spans, samples = spans.within(cut, len(samples)), samples[cut:]
    starts = np.arange(max(0, len(samples) - length + 1))
    label, kept = spans.over(starts, length)
    for start in starts:
        counts = {k: int((samples[start : start + length] == k).sum()) for k in " ab"}
        most = max(counts, key=lambda k: counts[k])
        assert kept[start] == (counts[most] >= share * length - 1e-6)
        if kept[start]:
            assert counts[str(label[start]) or " "] == counts[most]


def test_arrays_state_starts_and_attributes(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(3, 1, 200))
    np.savez(tmp_path / "a.npz", X=x, fs=100, start=[0.0, 2.0, 4.5], y=["a", "b", "b"],
             device=["left", "left", "right"])  # fmt: skip
    data = load(tmp_path, attributes="device")
    assert [(e.start, e.attributes["device"]) for e in data.recordings] == [
        (0, "left"), (2, "left"), (4.5, "right"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"min_share": 0}, "min_share is 0"), ({"transitions": "x"}, "pass min_share")],
)
def test_shares_that_cannot_be(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load(labelled_table(tmp_path / "a.csv"), **options)


# Files without titles


def test_pamap2(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 54)).round(4)
    values[:, 0] = 8.38 + np.arange(400) / 100
    values[:, 1] = np.repeat([0, 1, 4, 4], 100)
    rows = [" ".join(f"{v:g}" for v in row) for row in values]
    rows[5] = rows[5].replace(rows[5].split()[2], "NaN", 1)
    (tmp_path / "Protocol").mkdir()
    (tmp_path / "Protocol" / "subject101.dat").write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match=r"no recordings"):
        load(tmp_path)
    data = load(
        tmp_path, titles=["timestamp", "activity", "heart_rate", "..."], no_label=["0"],
        channels=["column 5", "column 6", "column 7"], subject_pattern=r"subject(\d+)",
    )  # fmt: skip
    assert [(e.label, e.rate, e.signal.shape, e.subject) for e in data.recordings] == [
        (None, 100, (3, 100), "101"), ("1", 100, (3, 100), "101"), ("4", 100, (3, 200), "101"),
    ]  # fmt: skip
    np.testing.assert_allclose(data.recordings[0].signal[0], values[:100, 4], atol=1e-5)


@pytest.mark.parametrize(
    ("text", "titles", "reason"),
    [
        ("1,2\n3,4\n5,6\n", (), "--titles"),
        ("1,2\n3,4\n5,6\n", ("a", "b", "c"), "--titles names 3"),
        ("a,b\n3,4\n5,6\n7,8\n", ("a", "b"), "leave --titles out"),
    ],
)
def test_titles_that_cannot_be(
    tmp_path: Path, text: str, titles: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=reason):
        load(tmp_path, titles=titles)


def test_what_is_left_of_the_titles_may_stand_in_the_middle(tmp_path: Path) -> None:
    rows = "".join(f"{k % 5}\t{k % 7}\t{k % 3}\t{int(k > 60)}\n" for k in range(200))
    (tmp_path / "mHealth_subject1.log").write_text(rows)
    found = load(tmp_path, titles=["chest", "...", "label"], rate=50).recordings
    assert [(e.channels, e.label) for e in found] == [
        (("chest", "column 2", "column 3"), "0"), (("chest", "column 2", "column 3"), "1"),
    ]  # fmt: skip


def test_numbers_stay_as_they_are_written_where_they_are_names(tmp_path: Path) -> None:
    rows = "".join(f"{k / 50:.2f},{k % 7},007,1.50,True\n" for k in range(100))
    (tmp_path / "a.csv").write_text("time,x,subject,firmware,moving\n" + rows)
    (one,) = load(tmp_path, attributes="firmware").recordings
    assert (one.subject, dict(one.attributes)) == ("007", {"firmware": "1.50"})
    assert one.channels == ("x",)


def test_a_recording_knows_its_labels() -> None:
    spans = Spans(np.array([0.0]), np.array([5.0]), np.array(["a"]))
    x = np.zeros((1, 9), np.float32)
    assert Recording("r", "s", x, 1.0, ("c",), label="b", spans=spans).labels == ("b", "a")


def test_damaged_edf_files_are_read_or_refused(tmp_path: Path) -> None:
    """edfio notices some damage only when a part of the file is first used."""
    path, rng = tmp_path / "a.edf", np.random.default_rng(0)
    edf(path, 5, [(0, 2, "wake"), (3, None, "spike")])
    whole = path.read_bytes()
    for _ in range(40):
        broken = bytearray(whole)
        for place in rng.integers(len(whole), size=60):
            broken[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = read(path, options_of({}))
        assert all("\n" not in text and len(text) < 700 for text in done.refused.values())


def test_windows_of_a_file_per_channel_are_joined_where_they_overlap(tmp_path: Path) -> None:
    """The layout of UCI HAR: 128 samples in each row, half of them again in the next."""
    (tmp_path / "activity_labels.txt").write_text("1 WALKING\n5 STANDING\n")
    (tmp_path / "features.txt").write_text("1 tBodyAcc-mean()-X\n2 tBodyAcc-mean()-Y\n")
    whole: dict[str, np.ndarray] = {}
    for split, who in (("train", [1, 3]), ("test", [2])):
        folder = tmp_path / split
        (folder / "Inertial Signals").mkdir(parents=True)
        bouts = np.random.default_rng(len(who)).standard_normal((2 * len(who), 2, 64 * 4)).round(3)
        rows = np.stack([bouts[..., 64 * k : 64 * k + 128] for k in range(3)], axis=1)
        for k, name in enumerate(("body_acc_x", "total_acc_x")):
            file = folder / "Inertial Signals" / f"{name}_{split}.txt"
            np.savetxt(file, rows[:, :, k].reshape(-1, 128), fmt=" %15.7e", delimiter="")
        np.savetxt(folder / f"X_{split}.txt", np.zeros((len(rows) * 3, 561)))
        np.savetxt(folder / f"y_{split}.txt", np.repeat([5, 1] * len(who), 3), fmt="%d")
        np.savetxt(folder / f"subject_{split}.txt", np.repeat(who, 6), fmt="%d")
        whole[split] = bouts
    data = load(tmp_path, rate=50)
    held = [each for each in data.recordings if each.name.startswith("train")]
    assert [(each.subject, each.label, each.rate) for each in held] == [
        ("1", "STANDING", 50), ("1", "WALKING", 50), ("3", "STANDING", 50), ("3", "WALKING", 50),
    ]  # fmt: skip
    assert data.recordings[0].channels == ("body_acc_x", "total_acc_x")
    for each, bout in zip(held, whole["train"], strict=True):
        np.testing.assert_allclose(each.signal, bout, atol=1e-6)
    assert any("X_train.txt" in note for note in data.notes)
    with pytest.raises(InputError, match="--rate"):
        load(tmp_path)
    with pytest.raises(InputError, match="folder above"):
        load(tmp_path / "train" / "Inertial Signals", rate=50)
    np.savetxt(tmp_path / "test" / "subject_test.txt", [2] * 5, fmt="%d")
    assert all(each.subject != "2" for each in load(tmp_path, rate=50).recordings)
