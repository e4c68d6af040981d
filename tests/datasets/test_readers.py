"""Own recordings: what a file says is used, what it does not say is asked for."""

from __future__ import annotations

import gzip
import json
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych import datasets
from triptych.datasets.readers import load, options_of, read
from triptych.datasets.recordings import Recording
from triptych.errors import InputError

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
T = np.arange(1500) / 50


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def table(path: Path, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def wave(n: int = 1500, hertz: float = 1.0, rate: float = 50.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(n) / rate)


def only(path: Path, **options: Any) -> Recording:
    (recording,) = load(path, **options).recordings
    return recording


# Every case of ../shared/cases: what must be read, or a word of the reason.

READ: dict[str, dict[str, Any]] = {
    "broken-symlink": {"refused": "missing", "names": ["a"]},
    "channels-case-order": {"channels": ("x", "y", "z"), "same": True},
    "channels-comma": {"options": {"channels": "acc, x [g]", "rate": 50}, "units": ("g",)},
    "channels-other-lead": {"channels": ("II",), "said": "differ in their channels", "same": True},
    "csv-99hz-pieces": {"rate": 99.4, "labels": ["sit", "stand", "walk"]},
    "csv-actigraph": {"rate": 30},
    "csv-comment": {"rate": 50, "channels": ("x", "y")},
    "csv-counter": {"options": {"rate": 50}, "channels": ("x", "y"), "said": "'sample' counts"},
    "csv-counter-time": {"options": {"rate": 4}, "rate": 4, "samples": 2000},
    "csv-dup-stamps": {"rate": 100, "samples": 3000, "said": "coarse clock"},
    "csv-excel": {"rate": 50},
    "csv-iso": {"rate": 50},
    "csv-label-blank": {"labels": ["walk", None, "run"]},
    "csv-label-none": {"labels": ["walk", "None", "run"], "said": "--no-label None"},
    "csv-large-offset": {"std": 7.07},
    "csv-ms-stamps-emg": {"options": {"time_unit": "ms"}, "rate": 2000},
    "csv-nul": {"rate": 50, "said": "NUL"},
    "csv-semicolon": {"rate": 50, "channels": ("x", "y")},
    "csv-sentinel": {"said": "--missing-value -9999"},
    "csv-time-with-unit": {"rate": 50, "samples": 3000},
    "csv-wide": {"options": {"rows": "windows", "rate": 125}, "samples": 187},
    "csv-stamps-upsample": {"options": {"rate": 128}, "rate": 128, "std": 0.863},
    "csv-rest-piece": {"labels": ["walk", "lying", "walk"], "said": "constant"},
    "duplicate-files": {"names": ["S1", "S2", "S3"], "said": "a copy of S1.npz"},
    "embed-short-recording": {"names": ["a", "b", "c"]},
    "lfs-pointer": {"refused": "Git LFS", "names": []},
    "manifest-Recordings.csv": {"subjects": ["p1", "sub/b"]},
    "manifest-subject-col": {"subjects": ["p1", "sub/b"]},
    "npy-int32-offset": {"options": {"rate": 50}, "std": 42.4},
    "npz-label-blanks": {"said": "'walk' (also 'Walk')"},
    "npz-label-nan": {"classes": {"0", "1", None}},
    "npz-person-column": {"options": {"subject_column": "subject"}, "subjects": ["S1", "S2"]},
    "npz-x-y-subject": {"rate": 50, "samples": 128},
    "parquet-hive": {"subjects": ["p1", "p2", "p3"]},
    "parquet-multiindex": {"subjects": ["p1", "p2", "p3"], "rate": 50},
    "parquet-nested": {"refused": "every cell", "names": []},
    "parquet-time-index": {"rate": 50, "samples": 1500, "starts": [1.6e9, 1.6e9 + 3600]},
    "person-spellings": {"subjects": ["1"], "said": "'1' (also '001', '1.0')"},
    "person-unicode": {"subjects": ["Zoë"]},
    "wfdb-atr-fs": {"events": [50, 100, 1450]},
    "wfdb-bad-atr": {"events": [], "said": "damaged annotation file"},
    "wfdb-gap": {"samples": 1000, "said": "gaps", "starts": [0, 15]},
    "wfdb-latin1": {"units": ("µV",)},
    "wfdb-length-0": {"samples": 1000},
    "wfdb-multi-frequency": {"rate": 500, "said": "several rates"},
    "wfdb-skew": {"samples": 980},
    "wfdb-symbols": {"beats": {"N": 39, "S": 10, "V": 10}},
    "wfdb-checksum": {"said": "checksum of signal ECG"},
}  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize("case", READ)
def test_cases_read_to_their_truth(case: str) -> None:
    if not CASES.is_dir():
        pytest.skip("no ../shared/cases beside the checkout")
    truth = READ[case]
    done = read(CASES / case, options_of(truth.get("options", {})))
    found = done.recordings
    assert not done.fault
    said = done.findings.sentences()
    assert all(len(each) < 300 for each in [*said, *done.refused.values()])
    assert truth.get("said", "") in " ".join(said)
    assert bool(done.refused) == ("refused" in truth)
    assert all(truth.get("refused", "") in each for each in done.refused.values())
    if "names" in truth:
        assert [each.name for each in found] == truth["names"]
    if "labels" in truth:
        assert [each.label for each in found] == truth["labels"]
    if "classes" in truth:
        assert {each.label for each in found} == truth["classes"]
    if "subjects" in truth:
        assert sorted({each.subject for each in found}) == truth["subjects"]
    if truth.get("same"):
        assert np.abs(found[0].signal - found[1].signal).max() < 1e-6
    if "starts" in truth:
        assert [each.start for each in found] == pytest.approx(truth["starts"])
    if "beats" in truth:
        assert Counter(found[0].events.label.tolist()) == truth["beats"]
    if "events" in truth:
        events = found[0].events
        assert ([] if events is None else events.sample.tolist()) == truth["events"]
    for each in found:
        assert each.rate == pytest.approx(truth.get("rate", each.rate), rel=1e-4)
        assert each.signal.shape[1] == truth.get("samples", each.signal.shape[1])
        assert each.channels == truth.get("channels", each.channels)
        assert each.units == truth.get("units", each.units)
        assert float(each.signal[0].std()) == pytest.approx(
            truth.get("std", float(each.signal[0].std())), rel=2e-3
        )


@pytest.mark.data
def test_the_ecg_of_a_record_of_two_rates_keeps_its_tone() -> None:
    if not CASES.is_dir():
        pytest.skip("no ../shared/cases beside the checkout")
    ecg = only(CASES / "wfdb-multi-frequency").signal[0]
    power = np.abs(np.fft.rfft(ecg))
    assert power.argmax() / len(ecg) * 500 == pytest.approx(90, abs=0.1)
    assert float(np.sqrt((ecg**2).mean())) == pytest.approx(0.707, abs=0.01)


# Tables


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_delimiters_and_decimals(tmp_path: Path, delimiter: str, decimal: str) -> None:
    if delimiter == decimal:
        return
    rows = [delimiter.join(("time", "x", "y"))]
    for t, x in zip(T, wave(), strict=True):
        rows.append(delimiter.join(f"{v:.6f}".replace(".", decimal) for v in (t, x, -x)))
    found = only(write(tmp_path / "a.csv", "\n".join(rows)))
    assert found.rate == 50
    np.testing.assert_allclose(found.signal, [wave(), -wave()], atol=1e-6)


def test_a_packed_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeff" + pd.DataFrame({"time": T, "x": wave()}).to_csv(index=False)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    found = only(tmp_path)
    assert (found.name, found.rate, found.channels) == ("a", 50, ("x",))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_encodings(tmp_path: Path, encoding: str, end: str) -> None:
    rows = "\n".join(f"{k / 50:.2f},{k % 7}" for k in range(200))
    (tmp_path / "a.csv").write_bytes(f"time,Größe [µV]\n{rows}{end}".encode(encoding))
    found = only(tmp_path)
    assert found.channels == ("Größe [µV]",)
    assert found.signal[0, -3:].tolist() == [1, 2, 3]


def test_units_below_the_titles_and_comments_above(tmp_path: Path) -> None:
    rows = "\n".join(f"{t:.2f},{x:.5f}" for t, x in zip(T, wave(), strict=True))
    text = f"# made by a device\n# 50 Hz\ntime,acc\n[s],[g]\n{rows}\n"
    found = only(write(tmp_path / "a.csv", text))
    assert (found.rate, found.units, found.signal.shape) == (50, ("g",), (1, 1500))


@pytest.mark.parametrize(
    ("title", "scale"),
    [("Time (ms)", 1000), ("t_us", 1e6), ("seconds_elapsed", 1), ("timestamp [s]", 1)],
)
def test_units_of_times_stand_in_the_title(tmp_path: Path, title: str, scale: float) -> None:
    found = only(table(tmp_path / "a.csv", **{title: T * scale, "x": wave()}))
    assert (found.rate, found.channels) == (50, ("x",))


@pytest.mark.parametrize(("scale", "unit"), [(1, "s"), (1000, "ms"), (10**9, "ns")])
def test_times_since_1970_say_their_unit(tmp_path: Path, scale: int, unit: str) -> None:
    stamps = [round(1_600_000_000 * scale + k * scale / 50) for k in range(1500)]
    if unit == "s":
        stamps = [1_600_000_000 + k / 50 for k in range(1500)]
    data = load(table(tmp_path / "a.csv", epoch=stamps, x=wave()))
    (found,) = data.recordings
    assert (found.rate, found.start) == (50, pytest.approx(1.6e9))
    assert any(f"read as {unit} since 1970" in note for note in data.notes)


DAY = pd.Timestamp("2024-02-01 23:59:50") + pd.to_timedelta(T, unit="s")


@pytest.mark.parametrize(
    "form",
    [
        "%d/%m/%Y %H:%M:%S.%f",
        "%m/%d/%Y %I:%M:%S.%f %p",
        "%Y-%m-%dT%H:%M:%S.%f",
        "%d.%m.%y %H:%M:%S.%f",
    ],
)
def test_dates_are_read_so_that_the_clock_goes_on(tmp_path: Path, form: str) -> None:
    found = only(table(tmp_path / "a.csv", when=DAY.strftime(form), x=wave()))
    assert (found.rate, found.signal.shape[1]) == (50, 1500)
    assert found.start == pytest.approx(DAY[0].timestamp())


def test_a_column_of_dates_and_one_of_times(tmp_path: Path) -> None:
    day, hour = DAY.strftime("%Y-%m-%d"), DAY.strftime("%H:%M:%S.%f")
    data = load(table(tmp_path / "a.csv", Date=day, Time=hour, x=wave()))
    assert data.recordings[0].signal.shape == (1, 1500)
    assert any("together are" in note for note in data.notes)
    alone = only(table(tmp_path / "a.csv", Time=hour, x=wave()))  # past midnight
    assert (alone.rate, alone.signal.shape[1]) == (50, 1500)


def test_whole_seconds_are_a_coarse_clock(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=DAY.strftime("%H:%M:%S"), x=wave())
    assert only(path).rate == 50


def test_a_line_of_words_is_left_out_and_said(tmp_path: Path) -> None:
    rows = [f"{t:.2f},{x:.5f}," for t, x in zip(T, wave(), strict=True)]
    rows[100] = "ERROR: sensor"
    data = load(write(tmp_path / "a.csv", "time,x\n" + "\n".join(rows)))
    assert data.recordings[0].signal.shape == (1, 1500)
    assert any("words among numbers" in note for note in data.notes)


def test_a_file_has_one_rate(tmp_path: Path) -> None:
    stamps = np.sort(np.random.default_rng(0).uniform(0, 60, 3000))
    rates = {
        each.rate for each in load(table(tmp_path / "a.csv", time=stamps, x=wave(3000))).recordings
    }
    assert len(rates) == 1


def test_a_gap_in_the_clock_makes_two_recordings(tmp_path: Path) -> None:
    stamps = T + 60 * (np.arange(1500) >= 700)
    first, second = load(table(tmp_path / "a.csv", time=stamps, x=wave())).recordings
    assert (first.signal.shape[1], second.signal.shape[1]) == (700, 800)
    assert second.start == pytest.approx(74.0)
    cut = datasets.cut([second], 2.0)
    assert cut.start[0] == pytest.approx(74.0)


def test_a_clock_that_starts_again_begins_a_recording(tmp_path: Path) -> None:
    stamps = np.concatenate([T[:800], T[:700]])
    found = load(table(tmp_path / "a.csv", time=stamps, x=wave())).recordings
    assert [each.signal.shape[1] for each in found] == [800, 700]


def test_uneven_times_are_resampled_and_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stamps = T + rng.uniform(-0.008, 0.008, 1500)
    stamps.sort()
    data = load(table(tmp_path / "a.csv", time=stamps, x=np.sin(2 * np.pi * stamps)), rate=50)
    (found,) = data.recordings
    start = stamps[0]
    expected = np.sin(2 * np.pi * (start + np.arange(found.signal.shape[1]) / 50))
    assert np.abs(found.signal[0] - expected).max() < 0.02


def test_labels_and_subjects_cut_recordings(tmp_path: Path) -> None:
    label = np.repeat(["walk", "", "run"], 500)
    subject = np.repeat(["p1", "p2"], 750)
    path = table(tmp_path / "a.csv", time=T, x=wave(), activity=label, subject=subject)
    found = load(path).recordings
    assert [(each.subject, each.label) for each in found] == [
        ("p1", "walk"), ("p1", None), ("p2", None), ("p2", "run"),
    ]  # fmt: skip
    assert [each.start for each in found] == pytest.approx([0, 10, 15, 20])


def test_what_is_not_used_is_named(tmp_path: Path) -> None:
    words = ["a"] * 1500
    data = load(table(tmp_path / "a.csv", time=T, x=wave(), note=words, index=np.arange(1500)))
    said = " ".join(data.notes)
    assert "'note' holds words" in said
    assert "'index' counts" in said
    assert data.recordings[0].channels == ("x",)


def test_a_ramp_is_asked_about(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", x=wave(), battery=np.linspace(4, 3, 1500))
    with pytest.raises(InputError, match=r"'battery' .*constant step"):
        load(path, rate=50)
    assert only(path, rate=50, channels="x").channels == ("x",)


@pytest.mark.parametrize("missing", ["interpolate", "cut"])
def test_missing_values_are_bridged_or_cut(tmp_path: Path, missing: str) -> None:
    x = wave()
    x[700:703], x[1000:1100] = np.nan, np.nan
    path = table(tmp_path / "a.csv", time=T, x=x)
    with pytest.raises(InputError, match=r"NaN|lacks a value"):
        load(path)
    found = load(path, missing=missing).recordings
    expected = [1000, 400] if missing == "interpolate" else [700, 297, 400]
    assert [each.signal.shape[1] for each in found] == expected
    assert all(np.isfinite(each.signal).all() for each in found)


def test_a_missing_value_has_a_number(tmp_path: Path) -> None:
    x = wave()
    x[100:102] = -9999
    path = table(tmp_path / "a.csv", time=T, x=x)
    found = only(path, missing_value=-9999, missing="interpolate")
    assert float(np.abs(found.signal).max()) < 1.01


# Arrays


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "<i2", ">i4", "bool"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_number_types_and_orders(tmp_path: Path, dtype: str, order: Any) -> None:
    values = np.array([wave(), -wave()]) * (1 if "f" in dtype else 100)
    array = np.asarray(values > 0.3 if dtype == "bool" else values).astype(dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    found = only(tmp_path / "a.npy", rate=50)
    np.testing.assert_allclose(found.signal, array.astype(np.float32), atol=1e-3)


def test_the_long_side_is_time_and_a_square_is_asked_about(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([wave(), -wave()]).T)
    data = load(tmp_path, rate=50)
    assert data.recordings[0].signal.shape == (2, 1500)
    assert any("(time, channels)" in note for note in data.notes)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(20, 12)))
    with pytest.raises(InputError, match="which side"):
        load(tmp_path, rate=50)


def test_code_in_files_is_not_run(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="could execute code"):
        load(tmp_path)


def test_matlab_files(tmp_path: Path) -> None:
    from scipy import io

    io.savemat(tmp_path / "a.mat", {"signals": np.array([wave()]), "fs": 50.0, "subject": "p7"})
    found = only(tmp_path)
    assert (found.rate, found.subject, found.signal.shape) == (50, "p7", (1, 1500))


# Records


def wfdb_record(folder: Path, name: str = "r1", header: str = "", fmt: str = "16") -> Path:
    import wfdb

    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wfdb.wrsamp(
            name, fs=100, units=["mV"], sig_name=["II"], p_signal=wave(3000, rate=100)[:, None],
            fmt=[fmt], write_dir=str(folder),
        )  # fmt: skip
        at = np.array([100, 300, 500])
        wfdb.wrann(name, "atr", at, symbol=["N", "V", "+"], write_dir=str(folder))
    path = folder / f"{name}.hea"
    if header:
        lines = path.read_text().splitlines()
        path.write_text("\n".join([header, *lines[1:]]) + "\n# Age: 54\n#Dx: 426783006,164889003\n")
    return path


@pytest.mark.parametrize(
    "first",
    [
        "",
        "r1 1 100 3000 16-May-2020 12:33:31",
        "r1 1 100 3000 12:33 16/05/2020",
        "r1 1 100/100 3000",
    ],
)
@pytest.mark.parametrize("fmt", ["16", "212", "24"])
def test_records_open_whatever_their_date(tmp_path: Path, first: str, fmt: str) -> None:
    wfdb_record(tmp_path, header=first, fmt=fmt)
    found = only(tmp_path)
    np.testing.assert_allclose(found.signal[0], wave(3000, rate=100), atol=2e-3)
    assert found.events is not None
    assert found.events.label.tolist() == ["N", "V"]
    if first:
        assert found.attributes == {"age": "54", "dx": "426783006,164889003"}


def test_names_of_channels_end_without_a_comma(tmp_path: Path) -> None:
    """Those of BIDMC have one."""
    path = wfdb_record(tmp_path)
    path.write_text(path.read_text().replace(" II\n", " II,\n"))
    assert only(tmp_path, channels="II").channels == ("II",)


def test_the_report_counts_beats(tmp_path: Path) -> None:
    wfdb_record(tmp_path)
    assert "no labels; events: N (1), V (1)" in str(datasets.check(tmp_path))


def test_a_beat_speaks_only_for_its_neighbourhood(tmp_path: Path) -> None:
    wfdb_record(tmp_path)
    windows = datasets.cut(load(tmp_path), 1.0)
    assert windows.label[:6].tolist() == ["N", "N", "V", "V", "V", ""]  # V at 3 s reaches to 5 s
    assert not any(windows.label[6:])


def test_a_table_of_ages_beside_records_is_no_recording(tmp_path: Path) -> None:
    for name in ("100", "101", "102"):  # named as those of MIT-BIH are
        wfdb_record(tmp_path, name)
    table(tmp_path / "ages.csv", record=["100", "101", "102"], age=[50, 60, 70])
    data = load(tmp_path)
    assert [each.attributes["age"] for each in data.recordings] == ["50", "60", "70"]
    assert datasets.check(tmp_path).ok


def test_edf_annotations_that_last_are_labels(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    signals = [
        edfio.EdfSignal(wave(3000, rate=100), sampling_frequency=100, label="EEG"),
        edfio.EdfSignal(wave(1500, rate=50), sampling_frequency=50, label="resp"),
    ]  # fmt: skip
    marks = [edfio.EdfAnnotation(0, 10, "wake"), edfio.EdfAnnotation(15, None, "spike")]
    edfio.Edf(signals, annotations=marks).write(tmp_path / "a.edf")
    awake, rest = load(tmp_path).recordings
    assert (awake.label, rest.label, awake.rate) == ("wake", None, 100)
    assert awake.signal.shape == (2, 1000)
    np.testing.assert_allclose(awake.signal[1, 50:-50], wave(1000, rate=100)[50:-50], atol=0.01)


# Folders


def test_a_folder_is_a_folder_whatever_its_files_are_called(tmp_path: Path) -> None:
    wfdb_record(tmp_path / "mitdb", "100")
    name, place = datasets.named(str(tmp_path / "mitdb"))
    assert (name, place) == (None, tmp_path / "mitdb")
    assert datasets.named(f"mitdb:{tmp_path}") == ("mitdb", tmp_path)
    with pytest.raises(InputError, match="neither a file"):
        datasets.named("nowhere")


def test_one_bad_file_does_not_refuse_a_folder(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", time=T, x=wave())
    for k in range(5):
        write(tmp_path / f"bad{k}.csv", f"time,x\n0,eins\n1,{k}\n2,drei\n3,vier\n")
    data = load(tmp_path)
    assert len(data) == 1
    assert "5 of 6" in data.notes[0]
    report = datasets.check(tmp_path)
    assert not report.ok
    assert "1 of 6" in str(report)
    assert len(report.unreadable) == 1  # one sentence for five files
    assert "bad1.csv, bad2.csv, bad3.csv and 1 more)" in report.unreadable[0]
    assert len(datasets.check(tmp_path, verbose=True).to_dict()["refused"]) == 5


def test_the_manifest_and_a_table_of_subjects_speak(tmp_path: Path) -> None:
    table(tmp_path / "one" / "a.csv", x=wave())
    table(tmp_path / "two" / "a.csv", x=-wave())
    write(
        tmp_path / "recordings.csv",
        "file,rate,label,subject,device\none/a.csv,50,sick,s1,A\ntwo/a.csv,100,well,s2,B\n",
    )
    write(tmp_path / "participants.tsv", "participant_id\tage\ns1\t40\ns2\t50\n")
    found = load(tmp_path).recordings
    assert [(e.rate, e.label, e.subject) for e in found] == [
        (50, "sick", "s1"),
        (100, "well", "s2"),
    ]
    assert [dict(e.attributes) for e in found] == [
        {"age": "40", "device": "A"}, {"age": "50", "device": "B"},
    ]  # fmt: skip


def test_a_column_that_a_manifest_is_understood_by_can_be_named_too(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", x=wave())
    write(tmp_path / "recordings.csv", "file,rate,activity,patient\na.csv,50,run,p1\n")
    (found,) = load(tmp_path, label_column="Activity", subject_column="patient").recordings
    assert (found.label, found.subject) == ("run", "p1")
    with pytest.raises(InputError, match="posture"):
        load(tmp_path, label_column="posture")


def test_a_manifest_may_name_records_by_their_paths_without_extension(tmp_path: Path) -> None:
    """As that of PTB-XL does, which is large."""
    for k in (1, 2):
        wfdb_record(tmp_path / "records100" / "00000", f"{k:05d}_lr")
    rows = "".join(f"{k},157.0,records100/00000/{k:05d}_lr,{'x' * 3_000_000}\n" for k in (1, 2))
    write(tmp_path / "ptbxl_database.csv", "ecg_id,patient_id,filename_lr,report\n" + rows)
    write(tmp_path / "scp_statements.csv", "name,description\nNORM,normal ECG\n")
    write(tmp_path / "LICENSE.txt", "A license\n\nFreely share it, modify it,\nuse it.\n")
    sums = "".join(f"{'0f' * 32} records100/00000/{k:05d}_lr.hea\n" for k in (1, 2))
    write(tmp_path / "SHA256SUMS.txt", sums)
    data = load(tmp_path)
    assert not any("cannot be read" in note for note in data.notes)
    found = data.recordings
    assert {each.subject for each in found} == {"157.0"}
    assert [each.attributes["ecg_id"] for each in found] == ["1", "2"]


def test_missing_values_name_the_option(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", time=T, x=np.where(np.arange(1500) == 7, np.nan, wave()))
    with pytest.raises(InputError, match="--missing mask"):
        load(tmp_path)


def test_channels_of_one_name_are_told_apart(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    rows = [wave(), 2 * wave()]
    signals = [edfio.EdfSignal(row, 50, label="T8-P8", physical_range=(-2, 2)) for row in rows]
    edfio.Edf(signals).write(tmp_path / "a.edf")
    found = only(tmp_path)
    assert found.channels == ("T8-P8 1", "T8-P8 2")
    assert found.signal[1].std() == pytest.approx(2 * found.signal[0].std(), rel=1e-3)


def test_subjects_are_found_in_paths(tmp_path: Path) -> None:
    for place in ("S01_walk.csv", "S01_run.csv", "S02_walk.csv"):
        table(tmp_path / place, time=T, x=wave() + ord(place[2]) + ord(place[4]))
    found = load(tmp_path, subject_pattern=r"(S\d+)_").recordings
    assert [each.subject for each in found] == ["S01", "S01", "S02"]
    with pytest.raises(InputError, match="finds no subject"):
        load(tmp_path, subject_pattern=r"(X\d+)")


def test_units_that_contradict_are_refused(tmp_path: Path) -> None:
    for name, unit in (("a", "mV"), ("b", "V")):
        table(tmp_path / f"{name}.csv", **{"time": T, f"II [{unit}]": wave()})
    with pytest.raises(InputError, match="2 recordings"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("time,x\n", "no rows"),
        ("# a\n\n# b\n", "holds comments only"),
        ("1,2\n3,4\n5,6\n", "of titles"),
        ("x,x\n1,2\n3,4\n", "columns called 'x'"),
        ("time,x\n0,1\n5,2\n10,3\n15,4\n", "their unit"),
        ("x\n" + "1\n" * 20, "constant"),
        ("x\n" + "1\n2\n" * 9, "sampling rate"),
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_faults_are_one_sentence(tmp_path: Path, content: str, reason: str) -> None:
    rate = 50.0 if reason == "constant" else None
    with pytest.raises(InputError, match=reason) as refused:
        load(write(tmp_path / "a.csv", content), rate=rate)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"colour": "red"}, "no option colour"),
        ({"missing": "drop"}, "missing is 'drop'"),
        ({"rate": 0}, "rate is 0"),
        ({"channels": "z"}, "no column 'z'"),
        ({"time_unit": "parsec"}, "unit of time"),
        ({"label_column": "kind"}, "no column 'kind'"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    table(tmp_path / "a.csv", time=T, x=wave())
    with pytest.raises(InputError, match=reason):
        load(tmp_path, **options)


def test_the_report_is_plain_data_and_agrees_with_what_is_loaded(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", time=T, x=wave(), subject=["p"] * 1500)
    told = json.loads(json.dumps(datasets.check(tmp_path).to_dict()))
    (one,) = told["recordings"]
    found = only(tmp_path)
    assert one["file"] == str(tmp_path / "a.csv")
    assert (one["record"], one["subject"], one["rate"], one["samples"]) == ("a", "p", 50, 1500)
    assert one["std"] == pytest.approx([float(found.signal.std())])
    assert told["sound"]
    assert told["refused"] == []


def test_the_fingerprint_covers_files_and_options(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", time=T, x=wave())
    first = load(tmp_path).fingerprint
    assert load(tmp_path).fingerprint == first
    assert load(tmp_path, label_column="x", channels="x").fingerprint != first
    table(path, time=T, x=2 * wave())
    assert load(tmp_path).fingerprint != first


# Laws


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["csv", "tsv", "parquet", "npz"]),
    rate=st.sampled_from([20.0, 50.0, 128.0, 256.0, 1000.0]),
    channels=st.integers(1, 4),
    n=st.integers(60, 400),
    subject=st.sampled_from(["S1", "007", "Zoë", "p 3"]),
    label=st.sampled_from([None, "walk", "3"]),
    seed=st.integers(0, 10),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, kind: str, rate: float, channels: int, n: int,
    subject: str, label: str | None, seed: int,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("law")
    x = np.random.default_rng(seed).normal(size=(channels, n))
    if kind == "npz":
        extra = {} if label is None else {"label": label}
        np.savez(folder / "a.npz", signals=x, rate=rate, subject=subject, **extra)
    else:
        frame = pd.DataFrame({f"c{k}": x[k] for k in range(channels)})
        frame["time"], frame["subject"] = np.round(np.arange(n) / rate, 6), subject
        if label is not None:
            frame["label"] = label
        if kind == "parquet":
            frame.to_parquet(folder / "a.parquet")
        else:
            frame.to_csv(folder / f"a.{kind}", index=False, sep="," if kind == "csv" else "\t")
    found = only(folder)
    assert found.rate == pytest.approx(rate, rel=1e-4)
    assert (found.subject, found.label) == (subject, label)
    np.testing.assert_allclose(found.signal, x, atol=1e-4)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    kind = rng.integers(4)
    at = int(rng.integers(len(data)))
    if kind == 0:
        return data[:at]
    if kind == 1:
        flipped = bytearray(data)
        for place in rng.integers(len(data), size=8):
            flipped[place] ^= 1 << int(rng.integers(8))
        return bytes(flipped)
    if kind == 2:
        return data.decode("latin-1").encode("utf-16")
    return data[:at] + data[at // 2 :]


def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    """The full run of 5,000 files: TRIPTYCH_FUZZ=5000."""
    table(tmp_path / "w" / "a.csv", time=T[:200], x=wave(200), label=["a"] * 200)
    pd.read_csv(tmp_path / "w" / "a.csv").to_parquet(tmp_path / "w" / "b.parquet")
    np.savez(tmp_path / "w" / "c.npz", signals=np.array([wave(200)]), rate=50.0)
    wfdb_record(tmp_path / "w", "d")
    originals = {each.name: each.read_bytes() for each in (tmp_path / "w").iterdir()}
    rng = np.random.default_rng(0)
    for _ in range(int(os.environ.get("TRIPTYCH_FUZZ", "60"))):
        name = str(rng.choice(list(originals)))
        place = tmp_path / "w" / name
        place.write_bytes(mutated(originals[name], rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = read(tmp_path / "w", options_of({}))
        assert all("\n" not in text and len(text) < 700 for text in done.refused.values())
        place.write_bytes(originals[name])
