"""Own recordings: every kind of file, and one clear sentence for everything that can be wrong."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.datasets.wfdb_records import write_record

from triptych import datasets
from triptych.datasets import folder
from triptych.errors import InputError


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def write_csv(path: Path, **columns: Any) -> Path:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_folder_of_arrays(tmp_path: Path) -> None:
    signal = noise(2, 50)
    np.save(tmp_path / "b.npy", signal)
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "sub" / "a.npy", noise(3, 2, 40))
    (tmp_path / "README.txt").write_text("hello")
    (tmp_path / ".hidden.csv").write_text("not to be read")
    read = datasets.load("folder", tmp_path, rate=25)
    assert read.names == ("b", "sub/a#0", "sub/a#1", "sub/a#2")
    assert read.people == ("b", "sub/a")
    np.testing.assert_array_equal(read.recordings[0].signal, signal.astype(np.float32))
    assert {(each.rate, each.channels) for each in read.recordings} == {(25.0, ("0", "1"))}
    assert "1 files of other kinds are not read: README.txt" in read.notes
    assert any("one file = one person" in note for note in read.notes)
    assert "simulated" not in read.title


def test_one_file_and_the_keys_of_npz(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    people, labels = np.array(["p", "q", "q"]), np.array([b"walk", b"run", b""])
    np.savez(file, signals=noise(3, 1, 30), rate=50, label=labels, person=people, other=np.ones(2))
    read = folder.load(file)
    assert read.names == ("x#0", "x#1", "x#2")
    assert [each.person for each in read.recordings] == ["p", "q", "q"]
    assert [each.label for each in read.recordings] == ["walk", "run", None]
    assert read.recordings[0].rate == 50
    assert read.notes == ()
    np.savez(file, noise(3, 1, 30), record=np.array([7, 7, 8]), rate=[50, 50, 50])
    assert folder.load(file).names == ("x#7.0", "x#7.1", "x#8.2")
    np.savez(file, noise(3, 1, 30), record=["a", "b", "c"], rate=[50, 50, 60])
    with pytest.raises(InputError, match=r"mixes rates: x#a has 50 Hz and x#c 60 Hz"):
        folder.load(file)


def test_tables_change_recording_with_label_and_person(tmp_path: Path) -> None:
    x, y = noise(2, 90)
    person = ["007"] * 60 + ["008"] * 30
    label = ["sit"] * 30 + ["walk"] * 60
    write_csv(tmp_path / "t.csv", x=x, rate=[20] * 90, y=y, label=label, person=person)
    read = folder.load(tmp_path)
    assert read.names == ("t#0", "t#1", "t#2")
    assert [(each.person, each.label) for each in read.recordings] == [
        ("007", "sit"),
        ("007", "walk"),
        ("008", "walk"),
    ]
    first = read.recordings[0]
    assert (first.channels, first.rate) == (("x", "y"), 20.0)
    np.testing.assert_allclose(first.signal, [x[:30], y[:30]], rtol=1e-6)
    named = write_csv(tmp_path / "u.csv", x=x, note=["a"] * 90, who=person, y=y)
    read = folder.load(named, rate=10, person_column="who", signal_columns=["y", "x"])
    assert read.people == ("007", "008")
    assert read.recordings[0].channels == ("y", "x")
    assert folder.load(named, 10, person_column="who", signal_columns="x").recordings[0].rate == 10


def test_parquet_is_read_like_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    x = noise(40)
    table = pandas.DataFrame({"x": x, "label": pandas.Categorical(["a"] * 20 + ["b"] * 20)})
    table.to_parquet(tmp_path / "t.parquet")
    read = folder.load(tmp_path, rate=10)
    assert [each.label for each in read.recordings] == ["a", "b"]
    np.testing.assert_allclose(read.recordings[1].signal[0], x[20:], rtol=1e-6)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(InputError, match=r"t\.parquet cannot be read as a parquet table"):
        folder.load(tmp_path, rate=10)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"needs pyarrow; install it with `pip install 'triptych"):
        folder.load(tmp_path, rate=10)


def test_wfdb_records_bring_their_beats(tmp_path: Path) -> None:
    write_record(tmp_path, "100")
    write_record(tmp_path, "101", leads=("V1", "MLII"))
    read = folder.load(tmp_path)
    assert read.names == ("100", "101")
    one, other = read.recordings
    assert (one.rate, one.channels, one.units) == (360.0, ("MLII", "V1"), ("mV", "mV"))
    assert other.channels == one.channels  # brought into the first one's order
    assert one.events is not None
    assert "".join(one.events.label) == "NNVNSSFQNQ"
    assert not any("other kinds" in note for note in read.notes)
    only = folder.load(tmp_path, signal_columns=["V1"])
    assert only.recordings[0].signal.shape[0] == 1
    assert only.fingerprint != read.fingerprint
    whole = (tmp_path / "100.dat").read_bytes()
    for size in (3, len(whole) - 1):  # 3 bytes are a sample that could be repeated for ever
        (tmp_path / "100.dat").write_bytes(whole[:size])
        with pytest.raises(
            InputError, match=rf"100\.dat is cut off: it has {size} bytes, but 100\.h"
        ):
            folder.load(tmp_path)
    (tmp_path / "100.dat").unlink()
    with pytest.raises(InputError, match=r"100\.hea cannot be read as a WFDB record"):
        folder.load(tmp_path)


def test_a_wfdb_record_of_several_segments(tmp_path: Path) -> None:
    write_record(tmp_path, "100")
    write_record(tmp_path, "101")
    (tmp_path / "both.hea").write_text("both/2 2 360 7200\n100 3600\n101 3600\n")
    both = folder.load(tmp_path / "both.hea").recordings[0]
    parts = [folder.load(tmp_path / f"{name}.hea").recordings[0].signal for name in (100, 101)]
    np.testing.assert_array_equal(both.signal, np.concatenate(parts, axis=1))


def test_segments_in_another_folder_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "whole.hea").write_text("whole/1 2 360 10\nsub/s1 10\n")
    with pytest.raises(InputError, match="cannot be read as a WFDB record"):
        folder.load(tmp_path)


def test_the_segments_of_a_record_are_not_read_a_second_time(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write_record(tmp_path, name, n=1200)
    (tmp_path / "whole.hea").write_text("whole/2 2 360 2400\n1 1200\n2 1200\n")
    read = folder.load(tmp_path)
    assert read.names == ("whole",)
    assert read.recordings[0].signal.shape == (2, 2400)
    assert not any("not read" in note for note in read.notes)
    before = read.fingerprint
    write_record(tmp_path, "2", n=1200, symbols=("+", "N", "V"))
    assert folder.load(tmp_path).fingerprint != before


@pytest.mark.data
def test_real_records_are_those_of_mitdb(data_root: Path, tmp_path: Path) -> None:
    for kind in ("hea", "dat", "atr"):
        (tmp_path / f"100.{kind}").symlink_to(data_root / "mitdb" / f"100.{kind}")
    own = folder.load(tmp_path, signal_columns="MLII").recordings[0]
    official = datasets.load("mitdb", data_root, records=["100"]).recordings[0]
    np.testing.assert_array_equal(own.signal, official.signal)
    assert own.events is not None
    assert official.events is not None
    np.testing.assert_array_equal(own.events.sample, official.events.sample)
    np.testing.assert_array_equal(own.events.label, official.events.label)


def test_the_manifest_speaks_for_files(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        np.save(tmp_path / f"{name}.npy", noise(1, 30))
    manifest = tmp_path / "recordings.csv"
    manifest.write_text("\ufefffile,rate,label,person\na.npy,20,x,p\nb,,y,\nc.npy,20\n")
    read = folder.load(tmp_path, rate=20)
    assert [each.label for each in read.recordings] == ["x", "y", None]
    assert read.people == ("p", "b", "c")
    assert any(note.startswith("2 of 3 files do not state a person") for note in read.notes)
    manifest.write_text("file,label,severity, side\na.npy,x,3.5,left\nb.npy,y,,right,more\nc.npy\n")
    known = [each.attributes for each in folder.load(tmp_path, rate=20).recordings]
    assert known[:2] == [{"severity": "3.5", "side": "left"}, {"severity": "", "side": "right"}]
    assert known[2] == {"severity": "", "side": ""}
    cut = datasets.cut(folder.load(tmp_path, rate=20), 0.5)
    assert set(cut.attributes["side"][cut.record == "a"]) == {"left"}
    manifest.write_text("file,person\na.npy,p\n")
    assert "recordings.csv does not name 2 of 3 files" in folder.load(tmp_path, rate=20).notes
    for text, said in (
        ("file\nz.npy\n", r"line 2 of .* names 'z\.npy' which is not a recording in this folder"),
        ("file\na.npy\na\n", r"line 3 of .* names 'a' twice"),
        ("file,rate\na.npy,fast\n", r"has rate 'fast', expected a number of Hz"),
        ("name,rate\na.npy,20\n", r"has no column 'file'"),
    ):
        manifest.write_text(text)
        with pytest.raises(InputError, match=said):
            folder.load(tmp_path, rate=20)
    manifest.write_bytes(b"file\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"recordings\.csv cannot be read as a table"):
        folder.load(tmp_path, rate=20)


def test_regular_times_give_the_rate(tmp_path: Path) -> None:
    time = np.round(np.arange(300) / 360, 3)  # stamps in whole ms
    file = write_csv(tmp_path / "t.csv", time=time, x=noise(300))
    read = folder.load(file)
    assert read.recordings[0].rate == 360.0
    assert read.recordings[0].signal.shape == (1, 300)
    assert not any("resampled" in note for note in read.notes)
    slower = folder.load(file, rate=90)
    assert slower.recordings[0].signal.shape == (1, 75)
    assert "1 of 1 files are resampled by their times to 90 Hz" in slower.notes


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), jitter=st.floats(0.55, 0.95))
def test_irregular_times_are_resampled(tmp_path: Path, seed: int, jitter: float) -> None:
    rng = np.random.default_rng(seed)
    time = np.arange(400) / 20 + rng.uniform(0, jitter / 20, 400)
    order = rng.permutation(400)
    x = np.sin(2 * np.pi * 0.4 * time)
    file = write_csv(tmp_path / "t.csv", x=x[order], timestamp=time[order])
    read = folder.load(file, rate=20)
    (one,) = read.recordings
    grid = time.min() + np.arange(one.signal.shape[1]) / 20
    assert abs(one.signal.shape[1] - 400) <= 2
    assert np.abs(one.signal[0] - np.sin(2 * np.pi * 0.4 * grid)).max() < 0.02
    assert "1 of 1 files are resampled by their times to 20 Hz" in read.notes


def test_a_gap_makes_two_recordings(tmp_path: Path) -> None:
    time = np.concatenate([np.arange(100), np.arange(100) + 130]) / 10
    read = folder.load(write_csv(tmp_path / "t.csv", time=time, x=noise(200)))
    assert read.names == ("t.0", "t.1")
    assert [each.signal.shape[1] for each in read.recordings] == [100, 100]


def test_check_lists_what_cannot_be_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", noise(1, 30), rate=10)
    report = folder.check(tmp_path)
    assert report.ok
    assert report.expected == 1
    (tmp_path / "bad.npy").write_text("no")
    (report,) = datasets.check(tmp_path, "folder")
    assert len(report.unreadable) == 1
    assert "bad.npy is not a NumPy .npy file" in report.unreadable[0]


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("executed"),))


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _objects(path: Path) -> None:
    np.save(path / "a.npy", np.array([_Evil()], dtype=object), allow_pickle=True)


def _object_key(path: Path) -> None:
    np.savez(path / "a.npz", x=noise(1, 30), rate=10, label=np.array([_Evil()], dtype=object))


def _pickled(path: Path) -> None:
    (path / "a.npy").write_bytes(pickle.dumps(_Evil()))


def _cut_off(path: Path) -> None:
    np.save(path / "a.npy", noise(1, 30))
    (path / "a.npy").write_bytes((path / "a.npy").read_bytes()[:-9])


def _cut_off_archive(path: Path) -> None:
    np.savez(path / "a.npz", x=noise(1, 30))
    (path / "a.npz").write_bytes((path / "a.npz").read_bytes()[:60])


def _with_nan(path: Path) -> None:
    signal = noise(2, 30)
    signal[1, 5] = np.nan
    np.save(path / "a.npy", signal)


def _two(first: dict[str, Any], second: dict[str, Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        np.savez(path / "a.npz", **first)
        np.savez(path / "b.npz", **second)

    return write


def _save(values: Any) -> Callable[[Path], None]:
    return lambda path: np.save(path / "a.npy", values)


def _npz(**arrays: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path / "a.npz", **arrays)


def _csv(text: str) -> Callable[[Path], None]:
    return lambda path: _text(path / "a.csv", text)


FAULTS: dict[str, tuple[Callable[[Path], None], dict[str, Any], str]] = {
    "empty folder": (lambda path: None, {}, r"holds no recordings; expected files of the kinds"),
    "rate unknown": (_save(noise(1, 9)), {}, r"a\.npy does not state its sampling rate; pass rate"),
    "rate negative": (_save(noise(1, 9)), {"rate": -5}, r"a\.npy has sampling rate -5"),
    "rate contradicted": (
        _npz(x=noise(1, 9), rate=10),
        {"rate": 20},
        r"a\.npz states a rate of 10 Hz, but 20 Hz was given",
    ),
    "nan": (_with_nan, {"rate": 10}, r"a\.npy has NaN in channel '1' at 0\.500 s"),
    "infinity": (_save(noise(1, 9) * 1e300), {"rate": 10}, r"a\.npy has infinity in channel '0'"),
    "constant": (_save(np.ones((1, 9))), {"rate": 10}, r"a\.npy is constant \(1\) in channel '0'"),
    "mixed rates": (
        _two({"x": noise(1, 9), "rate": 10}, {"x": noise(1, 9), "rate": 20}),
        {},
        r"mixes rates: a has 10 Hz and b 20 Hz",
    ),
    "mixed channels": (
        _two({"x": noise(1, 9), "rate": 10}, {"x": noise(2, 9), "rate": 10}),
        {},
        r"mixes channels: a has 1 \(0\) and b 2 \(0, 1\)",
    ),
    "objects": (_objects, {"rate": 10}, r"a\.npy holds Python objects, .* could execute code"),
    "object key": (_object_key, {}, r"a\.npz holds Python objects, .* could execute code"),
    "pickle": (_pickled, {"rate": 10}, r"a\.npy is not a NumPy \.npy file"),
    "cut off": (_cut_off, {"rate": 10}, r"a\.npy is damaged or cut off"),
    "cut off archive": (_cut_off_archive, {"rate": 10}, r"a\.npz is damaged or cut off"),
    "shape": (_save(noise(9)), {"rate": 10}, r"a\.npy holds float64 values of shape \(9,\)"),
    "complex": (_save(noise(1, 9) * 1j), {"rate": 10}, r"holds complex128 values"),
    "transposed": (_save(noise(9, 2)), {"rate": 10}, r"would be 9 channels .* so transpose it"),
    "several arrays": (_npz(a=noise(1, 9), b=noise(1, 9)), {}, r"holds the arrays a, b; expected"),
    "key of wrong length": (
        _npz(x=noise(3, 1, 9), label=["a", "b"]),
        {"rate": 10},
        r"'label' in .*a\.npz has shape \(2,\), expected one value or 3",
    ),
    "rate as text": (_npz(x=noise(1, 9), rate="fast"), {}, r"'rate' in .* values, expected Hz"),
    "channel not there": (
        _save(noise(1, 9)),
        {"rate": 10, "signal_columns": ["MLII"]},
        r"a\.npy has no channel MLII; it has 0",
    ),
    "csv empty": (_csv(""), {"rate": 10}, r"a\.csv is empty"),
    "csv of blanks": (_csv("\n\n"), {"rate": 10}, r"a\.csv cannot be read as a csv table"),
    "csv without rows": (_csv("x,y\n"), {"rate": 10}, r"a\.csv has no rows"),
    "csv without header": (_csv("1,2\n3,4\n"), {"rate": 10}, r"a\.csv has no header line"),
    "csv with text": (_csv("x\n1\noops\n"), {"rate": 10}, r"column 'x' of .* holds 'oops'"),
    "csv with a hole": (_csv("x\n1\n2\nNA\n4\n"), {"rate": 10}, r"NaN in channel 'x' at 0\.200 s"),
    "csv only label": (
        _csv("label\na\n"),
        {"rate": 10},
        r"a\.csv has no column to use as a signal",
    ),
    "csv column unknown": (
        _csv("x\n1\n2\n"),
        {"rate": 10, "label_column": "activity"},
        r"a\.csv has no column 'activity'; it has x",
    ),
    "csv label missing": (
        _csv("x,label\n1,a\n2,\n"),
        {"rate": 10},
        r"column 'label' of .* is empty in row 2 \(1 such rows\)",
    ),
    "csv rate changes": (_csv("x,rate\n1,5\n2,6\n"), {}, r"column 'rate' of .* changes within"),
    "time as text": (
        _csv("time,x\n12:00:01,1\n12:00:02,2\n"),
        {},
        r"column 'time' of .* expected numbers \(times in s\)",
    ),
    "time missing": (_csv("time,x\n0,1\n,2\n"), {}, r"has no time in row 2"),
    "time standing still": (_csv("time,x\n5,1\n5,2\n"), {}, r"has 1 different times"),
    "time in ms": (_csv("time,x\n0,1\n10,2\n20,4\n"), {}, r"time step of 10 s; .* \(not ms\)"),
    "time in ms, rate given": (
        _csv("time,x\n0,1\n10,2\n20,4\n"),
        {"rate": 100},
        r"has 0\.1 samples a second by its times, but the rate is 100 Hz",
    ),
    "record damaged": (
        lambda path: _text(path / "a.hea", "what is this"),
        {},
        r"a\.hea cannot be read as a WFDB record",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_clear_sentence(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write, options, said = FAULTS[fault]
    data = tmp_path / "data"
    data.mkdir()
    write(data)
    with pytest.raises(InputError, match=said) as caught:
        folder.load(data, **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_what_is_not_there_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*nowhere; pass the folder or file"):
        folder.load(tmp_path / "nowhere")
    (tmp_path / "a.mat").write_text("x")
    with pytest.raises(InputError, match=r"a\.mat is of an unknown kind; expected one of \.hea"):
        folder.load(tmp_path / "a.mat")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noise(1, 30))
    write_csv(tmp_path / "a.csv", x=noise(30))
    with pytest.raises(InputError, match="holds two recordings called a; rename one"):
        folder.load(tmp_path, rate=10)


def test_channels_of_other_names_are_noted(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", x=noise(30))
    write_csv(tmp_path / "b.csv", y=noise(30))
    notes = folder.load(tmp_path, rate=10).notes
    assert "1 recordings name their channels differently: a has x, b y" in notes


def test_the_fingerprint_covers_files_and_settings(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noise(1, 30))
    first = folder.load(tmp_path, rate=10).fingerprint
    assert first == folder.load(tmp_path, rate=10).fingerprint
    assert first != folder.load(tmp_path, rate=20).fingerprint
    np.save(tmp_path / "a.npy", noise(1, 30, seed=1))
    assert first != folder.load(tmp_path, rate=10).fingerprint


def test_titles_and_words_are_read_without_spaces_and_capitals(tmp_path: Path) -> None:
    lines = ["x, Label ,PERSON, Time"]
    lines += [f"{i % 7}, walk, ann, {i / 50}" for i in range(30)]
    lines += [f"{i % 5}, run , ann , {i / 50}" for i in range(30, 60)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    read = folder.load(tmp_path)
    assert [each.channels for each in read.recordings] == [("x",)] * 2
    assert [(each.person, each.label) for each in read.recordings] == [
        ("ann", "walk"),
        ("ann", "run"),
    ]
    (tmp_path / "recordings.csv").write_text("File, Person ,site\n a.csv, bob , A \n\n")
    first = folder.load(tmp_path).recordings[0]
    assert (first.person, first.attributes) == ("bob", {"site": "A"})
    (tmp_path / "recordings.csv").write_text("")
    assert folder.load(tmp_path).recordings[0].person == "ann"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ecg\n" + "0,13\n-0,17\n" * 9, "decimal point"),
        ("time;ecg\n" + "0,00;0,13\n" * 9, "decimal point"),
        ("a,b\n" + "1,2,\n2,1,\n" * 9, "none behind the last"),
        ("x, x\n" + "1,2\n2,1\n" * 9, None),
    ],
)
def test_more_values_than_titles_are_refused(
    tmp_path: Path, text: str, message: str | None
) -> None:
    (tmp_path / "a.csv").write_text(text)
    if message is None:
        assert folder.load(tmp_path, rate=10).recordings[0].channels == ("x", "x.1")
        return
    with pytest.raises(InputError, match=message):
        folder.load(tmp_path, rate=10)


def stamped(path: Path, times: np.ndarray, **others: Any) -> Path:
    return write_csv(path, time=times.tolist(), x=noise(len(times)).tolist(), **others)


def test_a_clock_that_starts_again_begins_a_recording(tmp_path: Path) -> None:
    session = np.arange(200) / 20
    for second in (session, session + 0.02):  # the same stamps, and stamps in between
        stamped(tmp_path / "a.csv", np.concatenate([session, second]))
        read = folder.load(tmp_path)
        assert read.names == ("a.0", "a.1")
        assert [each.signal.shape for each in read.recordings] == [(1, 200)] * 2
    for second in (np.arange(60) / 20, np.arange(60) / 20 + 0.02):  # a short one after a long one
        stamped(tmp_path / "a.csv", np.concatenate([np.arange(9000) / 20, second]))
        shapes = [each.signal.shape for each in folder.load(tmp_path).recordings]
        assert shapes == [(1, 9000), (1, 60)]
    late = np.concatenate([session[:100], session[125:150], session[100:125], session[150:]])
    stamped(tmp_path / "a.csv", late)  # out of order only: sorted, not cut
    assert folder.load(tmp_path).names == ("a",)


@pytest.mark.parametrize("rate", [None, 10.0])
def test_times_that_do_not_place_samples_are_refused(tmp_path: Path, rate: float | None) -> None:
    stamped(tmp_path / "a.csv", np.arange(600) // 10)
    with pytest.raises(InputError, match="only 60 different times for 600 samples"):
        folder.load(tmp_path, rate=10)
    packets = (np.arange(600) // 10) * 0.1 + (np.arange(600) % 10) * 1e-4
    stamped(tmp_path / "a.csv", packets)
    with pytest.raises(InputError, match="in bursts, 10000 samples a second within them and 102"):
        folder.load(tmp_path, rate=rate)


def test_pauses_of_a_device_are_told_from_bursts_by_its_rate(tmp_path: Path) -> None:
    seconds = np.arange(80) / 10  # eight seconds of every minute, at 10 Hz
    stamped(tmp_path / "a.csv", np.concatenate([seconds + 60 * k for k in range(6)]))
    with pytest.raises(InputError, match="if a device paused between them, pass rate 10"):
        folder.load(tmp_path)
    assert len(folder.load(tmp_path, rate=10).recordings) == 6


def test_pauses_are_no_bursts(tmp_path: Path) -> None:
    minute = np.arange(500) / 50  # ten seconds of every minute
    stamped(tmp_path / "a.csv", np.concatenate([minute + 60 * k for k in range(6)]))
    assert len(folder.load(tmp_path).recordings) == 6


def test_rounded_stamps_of_one_device_are_one_rate(tmp_path: Path) -> None:
    for k, n in enumerate((2000, 1500, 1700)):
        stamped(tmp_path / f"{k}.csv", np.round(np.arange(n) / 173.61, 6))
    assert len({each.rate for each in folder.load(tmp_path).recordings}) == 1


def test_stretches_of_a_few_samples_are_left_out(tmp_path: Path) -> None:
    labels = ["walk"] * 100 + ["fall"] * 3 + ["walk"] * 100
    stamped(tmp_path / "a.csv", np.arange(203) / 50, label=labels)
    read = folder.load(tmp_path)
    assert [each.label for each in read.recordings] == ["walk", "walk"]
    assert "1 stretches of fewer than 10 samples are left out" in read.notes
    write_csv(tmp_path / "a.csv", x=list(range(9)), label=["a", "b", "c"] * 3)
    with pytest.raises(InputError, match="no stretch of 10 samples or more"):
        folder.load(tmp_path, rate=50)


def test_units_of_one_channel_do_not_differ(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write_record(tmp_path, name)
    header = tmp_path / "2.hea"
    text = header.read_text()
    header.write_text(text.replace("/mV", "/MV"))
    assert len(folder.load(tmp_path).recordings) == 2
    header.write_text(text.replace("/mV", "/uV"))
    with pytest.raises(InputError, match="channel MLII is in mV in 1, but in uV in 2"):
        folder.load(tmp_path)


def test_check_says_what_is_there_and_what_is_odd(tmp_path: Path) -> None:
    for k in range(4):
        person = "Ann" if k else "ann"
        scale = 9.81 if k == 2 else 1.0
        stamped(tmp_path / f"{k}.csv", np.arange(900) / 50, person=[person] * 900)
        path = tmp_path / f"{k}.csv"
        rows = [line.split(",") for line in path.read_text().splitlines()]
        scaled = [[t, str(float(x) * scale), who] for t, x, who in rows[1:]]
        path.write_text("\n".join(map(",".join, [rows[0], *scaled])))
    (tmp_path / "recordings.csv").write_text("file,age\n0.csv,31\n")
    report = folder.check(tmp_path)
    assert report.ok
    text = str(report)
    assert "4 of 4 files are sound" in text
    assert "4 recordings of 2 people, 0.02 hours at 50 Hz of x; no labels" in text
    assert "Ann and ann are taken for different people" in text
    assert "2 is 9.8 times as strong as the others are in the middle" in text
    assert "recordings.csv has attributes of the recordings: age" in text


def test_check_takes_what_files_do_not_say(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noise(2, 300))
    assert not folder.check(tmp_path).ok
    assert "0.0017 hours at 50 Hz of 0, 1" in str(folder.check(tmp_path, rate=50))
    (report,) = datasets.check(tmp_path, rate=50)
    assert report.ok


def test_check_counts_files_that_are_sound(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        stamped(tmp_path / f"{name}.csv", np.arange(60) / 50)
    (tmp_path / "b.csv").write_text("")
    write_csv(tmp_path / "c.csv", x=["1", "oops", "?", 4])
    text = str(folder.check(tmp_path))
    assert "1 of 3 files are sound" in text
    assert "b.csv is empty" in text
    assert "holds 'oops' in row 2 (2 such rows), expected numbers" in text
    write_csv(tmp_path / "b.csv", x=[0.0] * 30, y=[1.0] * 30, time=(np.arange(30) / 50).tolist())
    (tmp_path / "c.csv").unlink()
    report = folder.check(tmp_path)
    assert not report.ok
    assert "2 of 2 files can be read, but there is a fault" in str(report)
