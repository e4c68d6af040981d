"""Data sets from what is in memory: the same recordings and the same checks as from files."""

from __future__ import annotations

import doctest
import importlib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from triptych import datasets
from triptych.datasets import (
    Dataset,
    cut,
    from_arrays,
    from_frame,
    from_hf,
    from_mne,
    from_xarray,
    preprocess,
)
from triptych.errors import InputError

RATE = 100.0
RNG = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


# arrays


def test_arrays_become_recordings_with_what_is_said_of_them() -> None:
    x = noise(4, 2, 300)
    data = from_arrays(
        x,
        rate=RATE,
        subjects=[1, 1.0, "2 ", "2"],
        labels=["Walk", "walk", None, float("nan")],
        channels=["I", "II"],
        units="mV",
        attributes={"site": ["a", "a", "b", "b"], "study": "s1"},
        name="wards",
    )
    assert data.subjects == ("1", "2")
    assert [each.label for each in data.recordings] == ["Walk", "Walk", None, None]
    first = data.recordings[0]
    assert (first.rate, first.channels, first.units) == (RATE, ("I", "II"), ("mV", "mV"))
    assert data.recordings[3].attributes == {"site": "b", "study": "s1"}
    np.testing.assert_allclose(first.signal, x[0], rtol=1e-6)
    assert any("several spellings" in note for note in data.notes)
    assert cut(data, 1.0).signals.shape == (12, 2, 100)


def test_recordings_may_differ_in_length_and_rate() -> None:
    data = from_arrays([noise(300), noise(500)], rate=[100, 50], names=["a", "b"])
    assert data.names == ("a", "b")
    assert [each.duration_s for each in data.recordings] == [3.0, 10.0]
    assert any("their rates" in note for note in data.notes)
    assert any("taken as" in note for note in data.notes)


def test_windows_of_one_record_keep_its_name() -> None:
    assert from_arrays(noise(3, 200), rate=RATE, names=["a", "a", "b"]).names == (
        "a.0",
        "a.1",
        "b.2",
    )


def test_a_batch_with_time_first_is_turned_and_said() -> None:
    data = from_arrays(noise(2, 400, 3), rate=RATE)
    assert data.recordings[0].signal.shape == (3, 400)
    assert any("(time, channels)" in note for note in data.notes)


def test_fingerprints_follow_signals_and_what_is_said() -> None:
    x = noise(2, 300)
    same = from_arrays(x, rate=RATE).fingerprint
    assert from_arrays(x.copy(), rate=RATE).fingerprint == same
    others = [
        from_arrays(x + 1, rate=RATE),
        from_arrays(x, rate=50),
        from_arrays(x, rate=RATE, labels=["a", "b"]),
        from_arrays(x, rate=RATE, attributes={"age": 3}),
    ]
    assert len({same, *(each.fingerprint for each in others)}) == 5


def test_missing_values_are_masked_up_to_the_largest_gap_and_kept_through_windows() -> None:
    x = np.random.default_rng(0).standard_normal((2, 600)) + 1e9  # float32 holds no such offset
    x[0, 100:130], x[1, 300:400] = np.nan, np.nan
    data = from_arrays([x], rate=RATE, missing="mask", max_gap=30 / RATE)
    first, last = data.recordings
    assert (first.signal.shape[1], last.signal.shape[1]) == (300, 200)
    assert np.flatnonzero(np.isnan(first.signal[0])).tolist() == list(range(100, 130))
    assert np.isfinite(first.signal[1]).all()
    assert np.isfinite(first.level)
    assert abs(np.nanmean(first.signal)) < 0.1
    assert any("masked or cut" in note for note in data.notes)
    filtered = data.map(lambda each: preprocess(each, RATE, 0.5, None))
    made = cut(filtered, 50 / RATE)
    assert made.signals.isnan().flatten(1).sum(1).tolist() == [0, 0, 30, 0, 0, 0, 0, 0, 0, 0]


def test_missing_values_are_refused_bridged_or_cut() -> None:
    x = noise(2, 300)
    x[0, 100:103] = np.nan
    with pytest.raises(InputError, match="NaN"):
        from_arrays(x, rate=RATE)
    assert len(from_arrays(x, rate=RATE, missing="interpolate")) == 2
    assert np.isnan(x).sum() == 3, "the caller's array stays as it is"
    parts = from_arrays(x, rate=RATE, missing="cut", names=["a", "b"])
    assert [(each.name, each.start) for each in parts.recordings] == [
        ("a", 0.0),
        ("a.1", 1.03),
        ("b", 0.0),
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rate": 0}, "Hz above 0"),
        ({"rate": [100, 100]}, "2 entries"),
        ({"labels": ["a", "b"]}, "2 entries"),
        ({"channels": ["I", "II"]}, r"X\[0\] .*1 channels.* 2"),
        ({"channels": ["a", "b", "c"]}, r"pass X\[None\]"),
        ({"units": ["mV", "V"]}, "2 entries"),
        ({"missing": "drop"}, "missing is 'drop'"),
        ({"color": 1}, "no option color"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        from_arrays(noise(3, 300), **{"rate": RATE, **given})


@pytest.mark.parametrize(
    "x", [noise(300), noise(2, 2, 2, 30), [[1, [2]]], np.zeros((0, 30)), [noise(2, 5)]]
)
def test_arrays_of_other_shapes_are_refused(x: Any) -> None:
    with pytest.raises(InputError):
        from_arrays(x, rate=RATE)


# frames


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time": np.arange(400) / RATE,
            "ecg (mV)": noise(400),
            "subject": np.repeat(["p1", "p2"], 200),
            "label": np.repeat(["sit", "walk", "sit", "walk"], 100),
        }
    )


def check_table(data: Dataset) -> None:
    assert data.subjects == ("p1", "p2")
    assert [each.label for each in data.recordings] == ["sit", "walk", "sit", "walk"]
    assert {each.rate for each in data.recordings} == {RATE}
    assert {each.units for each in data.recordings} == {("mV",)}


def test_a_frame_means_what_a_file_means(tmp_path: Any) -> None:
    frame = table()
    data = from_frame(frame)
    check_table(data)
    frame.to_csv(tmp_path / "frame.csv", index=False)
    of_file = datasets.load("folder", tmp_path / "frame.csv")
    for ours, theirs in zip(data.recordings, of_file.recordings, strict=True):
        np.testing.assert_allclose(ours.signal, theirs.signal, rtol=1e-5)
        assert (ours.name, ours.subject, ours.start) == (theirs.name, theirs.subject, theirs.start)


@pytest.mark.parametrize("library", ["pyarrow", "polars", "duckdb"])
def test_frames_of_other_libraries(library: str) -> None:
    module: Any = pytest.importorskip(library)
    frame = table()
    if library == "pyarrow":
        check_table(from_frame(module.table(frame)))
    elif library == "polars":
        check_table(from_frame(module.from_pandas(frame)))
        check_table(from_frame(module.from_pandas(frame).lazy()))
        column = module.col
        check_table(
            from_frame(
                module.from_pandas(frame).with_columns(
                    (column("time") * 1e6).cast(module.Duration("us")),
                    column("label").cast(module.Categorical),
                    column("ecg (mV)").cast(module.Decimal(10, 4)),
                )
            )
        )
    else:
        check_table(from_frame(module.sql("select * from frame")))


def test_a_frame_is_not_changed_and_its_units_may_be_given() -> None:
    frame = table().rename(columns={"ecg (mV)": "ecg"}).set_index("time")
    before = frame.copy()
    data = from_frame(frame, units={"ecg": "V"})
    assert data.recordings[0].units == ("V",)
    pd.testing.assert_frame_equal(frame, before)


def test_refusals_name_arguments_not_command_line_options() -> None:
    frame = pd.DataFrame({"value": noise(100)})
    with pytest.raises(InputError, match=r"pass rate=\.\.\."):
        from_frame(frame, subject="a")
    frame = pd.DataFrame({"ticks": np.arange(100) * 0.01, "value": noise(100)})
    with pytest.raises(InputError, match="pass time_column='ticks'"):
        from_frame(frame)
    with pytest.raises(InputError, match="data frame"):
        from_frame([1, 2, 3])


# MNE


class FakeRaw:
    """What `from_mne` needs of MNE's Raw."""

    def __init__(self, marks: list[tuple[float, float, str]], first_time: float = 0.0) -> None:
        self.info = {
            "sfreq": RATE,
            "bads": ["F4"],
            "subject_info": {"his_id": "S01"},
        }
        self.ch_names = ["F3", "F4", "STI"]
        self.signal = noise(3, 1000)
        self.first_time = first_time
        onset, duration, text = zip(*marks, strict=True) if marks else ((), (), ())
        origin = "2024-01-01" if first_time else None
        self.annotations = SimpleNamespace(
            onset=onset, duration=duration, description=text, orig_time=origin
        )

    def get_data(self) -> np.ndarray:
        return self.signal

    def get_channel_types(self) -> list[str]:
        return ["eeg", "eeg", "stim"]


def test_raw_has_events_labels_and_leaves_out_what_is_bad() -> None:
    marks = [(1.0, 0.0, "beat"), (2.0, 3.0, "sleep"), (6.0, 1.0, "BAD_move"), (8.0, 0, "EDGE")]
    data = from_mne(FakeRaw(marks))
    assert [(each.start, each.duration_s, each.label) for each in data.recordings] == [
        (0.0, 2.0, None),
        (2.0, 3.0, "sleep"),
        (5.0, 1.0, None),
        (7.0, 1.0, None),
        (8.0, 2.0, None),
    ]
    assert data.subjects == ("S01",)
    assert data.recordings[0].channels == ("F3",)
    assert data.recordings[0].units == ("V",)
    assert len(data.notes) == 4
    events = from_mne(FakeRaw(marks[:1])).recordings[0].events
    assert events is not None
    assert (events.sample.tolist(), events.label.tolist()) == ([100], ["beat"])


def test_onsets_of_a_cropped_recording_count_from_the_measurements_start() -> None:
    events = from_mne(FakeRaw([(21.0, 0.0, "beat")], first_time=20.0)).recordings[0].events
    assert events is not None
    assert events.sample.tolist() == [100]


def test_epochs_have_labels_and_metadata() -> None:
    epochs = FakeRaw([])
    epochs.signal = noise(4, 3, 200)
    del epochs.annotations
    epochs.event_id = {"left": 1, "right": 2}  # pyright: ignore[reportAttributeAccessIssue]
    epochs.events = np.array([[0, 0, 1], [300, 0, 2], [600, 0, 1], [900, 0, 2]])  # pyright: ignore[reportAttributeAccessIssue]
    epochs.metadata = pd.DataFrame({"subject": [1, 1, 2, 2], "rt": [0.5, 1, 2, 3]})  # pyright: ignore[reportAttributeAccessIssue]
    epochs.tmin = -0.5  # pyright: ignore[reportAttributeAccessIssue]
    data = from_mne(epochs)
    assert [each.label for each in data.recordings] == ["left", "right", "left", "right"]
    assert data.subjects == ("1", "2")
    assert [each.start for each in data.recordings] == [-0.5, 2.5, 5.5, 8.5]
    assert data.recordings[0].attributes == {"rt": "0.5"}
    assert from_mne(epochs, subject="x").subjects == ("x",)
    with pytest.raises(InputError, match="no column 'hand'"):
        from_mne(epochs, label_column="hand")


def test_mne_itself() -> None:
    mne: Any = pytest.importorskip("mne")
    info = mne.create_info(["F3", "STI"], RATE, ["eeg", "stim"])
    raw = mne.io.RawArray(noise(2, 1000), info, verbose=False)
    raw.set_annotations(mne.Annotations([1.0, 4.0], [0.0, 2.0], ["beat", "sleep"]))
    data = from_mne(raw)
    assert [each.label for each in data.recordings] == [None, "sleep", None]
    assert data.subjects == ("mne",)  # pieces of one recording
    assert any("moment" in note and "beat" in note for note in data.notes)
    epochs = mne.EpochsArray(
        noise(2, 2, 200), info, np.array([[0, 0, 1], [300, 0, 2]]), event_id={"a": 1, "b": 2}
    )
    data = from_mne(epochs)
    assert [each.label for each in data.recordings] == ["a", "b"]
    assert data.subjects == ("mne",)
    assert any("those of one" in note for note in data.notes)


def test_mne_reads_from_a_file_when_asked(tmp_path: Path) -> None:
    mne: Any = pytest.importorskip("mne")
    info = mne.create_info(["F3", "F4", "STI"], RATE, ["eeg", "eeg", "stim"])
    info["bads"] = ["F4"]
    raw = mne.io.RawArray(noise(3, 2000), info, verbose=False)
    raw.set_meas_date(datetime(2024, 1, 1, tzinfo=UTC))
    notes = mne.Annotations([2.0, 9.0], [0.0, 1.0], ["beat", "BAD_x"], raw.info["meas_date"])
    raw.set_annotations(notes).save(tmp_path / "a_raw.fif", verbose=False)
    opened = mne.io.read_raw_fif(tmp_path / "a_raw.fif", preload=False, verbose=False)
    data = from_mne(opened.crop(1.0, 15.0), subject="S7")
    assert [(each.start, each.duration_s) for each in data.recordings] == [(0, 8), (9, 5.01)]
    assert data.recordings[0].channels == ("F3",)
    events = data.recordings[0].events
    assert events is not None
    assert events.sample.tolist() == [100]
    table = pd.DataFrame({"subject": ["p1", "p2", "p1"], "rt": [0.1, 0.2, 0.3]})
    places = np.array([[300, 0, 1], [600, 0, 2], [1600, 0, 1]])
    raw.set_annotations(None)
    epochs = mne.Epochs(
        raw, places, {"a": 1, "b/c": 2}, tmin=-0.2, tmax=1.0, baseline=None, preload=False,
        metadata=table, verbose=False,
    )  # fmt: skip
    data = from_mne(epochs)
    assert [(each.subject, each.label, each.start) for each in data.recordings] == [
        ("p1", "a", 2.8), ("p2", "b/c", 5.8), ("p1", "a", 15.8),
    ]  # fmt: skip


def test_what_is_not_mnes_is_refused() -> None:
    with pytest.raises(InputError, match="ndarray, expected"):
        from_mne(noise(2, 300))


# xarray


class FakeArray:
    """What `from_xarray` needs of a DataArray."""

    def __init__(self, values: np.ndarray, dims: tuple[str, ...], coords: Any, attrs: Any) -> None:
        self.values, self.dims, self.attrs, self.name = values, dims, attrs, "trials"
        self.coords = {
            key: SimpleNamespace(dims=of, values=np.asarray(held), attrs={})
            for key, (of, held) in coords.items()
        }

    def transpose(self, *dims: str) -> FakeArray:
        order = [self.dims.index(each) for each in dims]
        found = FakeArray(self.values.transpose(order), dims, {}, self.attrs)
        found.coords = self.coords
        return found


def labelled(kind: Any) -> Any:
    """Three trials of two leads, time in front, as a `kind` of array."""
    coords = {
        "time": (("time",), np.arange(300) / RATE),
        "lead": (("lead",), ["I", "II"]),
        "subject": (("trial",), ["a", "a", "b"]),
        "label": (("trial",), ["x", "y", "x"]),
        "age": (("trial",), [40, 40, 50]),
        "site": ((), "ward"),
    }
    return kind(noise(300, 2, 3), ("time", "lead", "trial"), coords, {"units": "mV"})


def check_labelled(data: Dataset) -> None:
    assert [each.label for each in data.recordings] == ["x", "y", "x"]
    assert data.subjects == ("a", "b")
    first = data.recordings[0]
    assert (first.rate, first.channels, first.units) == (RATE, ("I", "II"), ("mV", "mV"))
    assert first.attributes == {"age": "40", "site": "ward"}


def test_arrays_with_named_dimensions() -> None:
    given = labelled(FakeArray)
    data = from_xarray(given)
    check_labelled(data)
    np.testing.assert_allclose(data.recordings[2].signal, given.values[..., 2].T, rtol=1e-6)


def test_xarray_itself() -> None:
    xarray: Any = pytest.importorskip("xarray")

    def made(values: Any, dims: Any, coords: Any, attrs: Any) -> Any:
        return xarray.DataArray(values, coords, dims, attrs=attrs)

    check_labelled(from_xarray(labelled(made)))
    alone = xarray.DataArray(noise(300), {"time": np.arange(300) / 50}, ["time"], name="acc")
    (one,) = from_xarray(alone, subject="p").recordings
    assert (one.channels, one.rate) == (("acc",), 50)
    with pytest.raises(InputError, match="to_array"):
        from_xarray(alone.to_dataset())


def test_one_recording_without_coordinates_needs_a_rate() -> None:
    plain = FakeArray(noise(300), ("time",), {}, {})
    assert from_xarray(plain, rate=RATE, subject="a").recordings[0].duration_s == 3.0
    plain.attrs = {"sampling_rate": 50}
    assert from_xarray(plain, subject="a").recordings[0].rate == 50
    with pytest.raises(InputError, match=r"rate=\.\.\. in Hz"):
        from_xarray(FakeArray(noise(300), ("time",), {}, {}))
    with pytest.raises(InputError, match="dimension called time"):
        from_xarray(FakeArray(noise(300), ("place",), {}, {}))


# rows


def test_rows_of_arrays() -> None:
    class Rows(list[dict[str, Any]]):
        features: Any = None

    rows = Rows(
        {"ecg": noise(300).tolist(), "label": k % 2, "patient_id": k // 2, "age": 30 + k}
        for k in range(4)
    )
    rows.features = {"label": SimpleNamespace(names=["rest", "run"])}
    data = from_hf(rows, rate=RATE)
    assert [each.label for each in data.recordings] == ["rest", "run", "rest", "run"]
    assert data.subjects == ("0", "1")
    assert data.recordings[1].attributes == {"age": "31"}


def test_audio_says_its_rate() -> None:
    rows = [{"audio": {"array": noise(300), "sampling_rate": 8000}, "speaker": "a"}]
    data = from_hf(rows, subject_column="speaker")
    assert (data.recordings[0].rate, data.subjects) == (8000.0, ("a",))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"train": [], "test": []}, r"splits \(train, test\)"),
        ([], "no rows"),
        ([{"a": [1.0], "b": [2.0]}], "pass column="),
        ([{"a": [1.0] * 20}], r"pass rate=\.\.\."),
    ],
)
def test_rows_that_do_not_say_enough_are_refused(rows: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        from_hf(rows)


def test_hugging_face_itself() -> None:
    library: Any = pytest.importorskip("datasets")
    held = library.Dataset.from_dict(
        {"signal": noise(2, 300).tolist(), "label": [0, 1]},
        features=library.Features(
            signal=library.Sequence(library.Value("float64")),
            label=library.ClassLabel(names=["rest", "run"]),
        ),
    )
    for each in (held, held.with_format("numpy"), held.to_iterable_dataset()):
        assert [one.label for one in from_hf(each, rate=RATE).recordings] == ["rest", "run"]


def test_examples_run() -> None:
    module = importlib.import_module("triptych.datasets.memory.arrays")
    assert doctest.testmod(module).failed == 0
