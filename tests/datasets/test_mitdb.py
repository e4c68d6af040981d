"""The MIT-BIH reader: small written records for its errors, the real ones for its figures."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.wfdb_records import write_record

from triptych.datasets import Dataset, Events, Recording, event_windows, mitdb, preprocess
from triptych.errors import InputError


def beats(dataset: Dataset) -> Counter[str]:
    return Counter(
        str(label)
        for each in dataset.recordings
        if each.events is not None
        for label in each.events.label
    )


# --- reading


@pytest.mark.parametrize("crlf", [True, False])
def test_a_record_is_read_with_its_beats(tmp_path: Path, crlf: bool) -> None:
    write_record(tmp_path, "100", crlf=crlf)
    dataset = mitdb.load(tmp_path, ["100"])
    (one,) = dataset.recordings
    assert (one.name, one.subject, one.rate) == ("100", "100", 360.0)
    assert (one.channels, one.units, one.signal.shape) == (("MLII",), ("mV",), (1, 3600))
    assert one.signal.dtype == np.float32
    assert np.abs(one.signal).max() <= 5.0
    assert one.events is not None
    # "+" and "~" are no beats; the first beat is the second annotation.
    assert "".join(one.events.label) == "NNVNSSFQNQ"
    np.testing.assert_array_equal(one.events.sample, np.arange(1, 11) * 300)
    assert dataset.notes == ()


def test_the_lead_is_picked_by_name(tmp_path: Path) -> None:
    write_record(tmp_path, "114", leads=("V5", "MLII"))
    write_record(tmp_path, "103", leads=("V5", "V2"))
    dataset = mitdb.load(tmp_path, ["114", "103"])
    assert dataset.names == ("103", "114")
    assert [each.channels for each in dataset.recordings] == [("V5",), ("MLII",)]
    (note,) = dataset.notes
    assert re.search("record 103 .*MLII: V5", note)
    v5 = mitdb.load(tmp_path, ["114"], lead="V5").recordings[0]
    assert not np.array_equal(v5.signal, dataset.recordings[1].signal)


def test_each_lead_is_a_recording_of_its_own(tmp_path: Path) -> None:
    write_record(tmp_path, "103", leads=("V5", "V2"))
    each = mitdb.load(tmp_path, ["103"], lead="each")
    assert each.names == ("103 lead 0", "103 lead 1")
    assert {one.channels for one in each.recordings} == {("ECG",)}
    assert each.subjects == ("103",)
    for lead, one in enumerate(each.recordings):
        alone = mitdb.load(tmp_path, ["103"], lead=lead).recordings[0]
        np.testing.assert_array_equal(one.signal, alone.signal)
    assert each.notes == ()


def test_the_fingerprint_follows_every_byte_and_name(tmp_path: Path) -> None:
    write_record(tmp_path, "100")
    write_record(tmp_path, "101")
    both = mitdb.load(tmp_path, ["100", "101"]).fingerprint
    assert both.startswith("sha256:")
    assert both == mitdb.load(tmp_path, ["101", "100"]).fingerprint
    assert both != mitdb.load(tmp_path, ["100"]).fingerprint
    header = tmp_path / "100.hea"
    header.write_bytes(header.read_bytes() + b"# note\r\n")
    assert both != mitdb.load(tmp_path, ["100", "101"]).fingerprint


def test_records_201_and_202_are_one_person() -> None:
    assert mitdb.person("201") == mitdb.person("202") == "201/202"
    assert mitdb.person("100") == "100"
    assert len(mitdb.DS1) == len(mitdb.DS2) == 22
    assert not {*mitdb.DS1} & {*mitdb.DS2}
    assert not {*mitdb.PACED} & {*mitdb.DS1, *mitdb.DS2}


# --- what a user can get wrong: one sentence each


def one_sentence(error: pytest.ExceptionInfo[InputError]) -> bool:
    return "\n" not in str(error.value)


def test_a_wrong_folder_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"MIT-BIH .*data fetch mitdb") as error:
        mitdb.load(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert one_sentence(error)
    with pytest.raises(InputError, match="no records"):
        mitdb.load(tmp_path, [])


@pytest.mark.parametrize("kind", ["hea", "dat", "atr"])
def test_a_missing_file_names_its_record(tmp_path: Path, kind: str) -> None:
    write_record(tmp_path, "100")
    write_record(tmp_path, "101")
    (tmp_path / f"101.{kind}").unlink()
    with pytest.raises(InputError, match=rf"record 101 .*101\.{kind}") as error:
        mitdb.load(tmp_path, ["100", "101"])
    assert one_sentence(error)


def test_a_cut_off_signal_names_expected_and_found_bytes(tmp_path: Path) -> None:
    write_record(tmp_path, "100")
    signal = tmp_path / "100.dat"
    signal.write_bytes(signal.read_bytes()[:5000])
    expected = r"record 100 of mitdb is cut off: .* has 5000 bytes, expected 10800"
    with pytest.raises(InputError, match=expected) as error:
        mitdb.load(tmp_path, ["100"])
    assert one_sentence(error)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\x17 not a header \x80",
        b"100 2 360 3600\r\n",
        b"100 2 0 3600\r\n100.dat 212 200 11 0 0 0 0 MLII\r\n100.dat 212 200 11 0 0 0 0 V1\r\n",
        b"100 2 360\r\n100.dat 212 200 11 0 0 0 0 MLII\r\n100.dat 212 200 11 0 0 0 0 V1\r\n",
        b"100 x 360 3600\r\n100.dat 212 200\r\n",
        b"<html><body>404 Not Found</body></html>\n",
    ],
)
def test_a_damaged_header_is_named(tmp_path: Path, content: bytes) -> None:
    write_record(tmp_path, "100")
    (tmp_path / "100.hea").write_bytes(content)
    with pytest.raises(InputError, match=r"100\.hea .*damaged") as error:
        mitdb.load(tmp_path, ["100"])
    assert one_sentence(error)


def test_a_header_that_names_an_absent_signal_file(tmp_path: Path) -> None:
    write_record(tmp_path, "100")
    header = tmp_path / "100.hea"
    header.write_bytes(header.read_bytes().replace(b"100.dat", b"999.dat"))
    with pytest.raises(InputError, match=r"999\.dat .*0 bytes.* 10800"):
        mitdb.load(tmp_path, ["100"])


@pytest.mark.parametrize("content", [b"", b"\x01", b"\xff" * 501])
def test_damaged_annotations_name_the_record(tmp_path: Path, content: bytes) -> None:
    write_record(tmp_path, "100")
    (tmp_path / "100.atr").write_bytes(content)
    with pytest.raises(InputError, match=r"record 100 .*cannot") as error:
        mitdb.load(tmp_path, ["100"])
    assert one_sentence(error)


def test_cut_off_annotations_do_not_lose_beats_in_silence(tmp_path: Path) -> None:
    write_record(tmp_path, "100")
    annotations = tmp_path / "100.atr"
    annotations.write_bytes(annotations.read_bytes()[:-6])
    with pytest.raises(InputError, match=r"100\.atr .*cut"):
        mitdb.load(tmp_path, ["100"])


def test_annotations_of_another_record_are_refused(tmp_path: Path) -> None:
    write_record(tmp_path, "100", n=1000)  # annotations reach to sample 3,300
    with pytest.raises(InputError, match="1000 samples"):
        mitdb.load(tmp_path, ["100"])


def test_nan_is_named_with_its_place(tmp_path: Path) -> None:
    write_record(tmp_path, "100", missing=slice(720, 730))
    expected = r"record 100 of mitdb has NaN in channel 'MLII' at 2.000 s \(10 bad"
    with pytest.raises(InputError, match=expected) as error:
        mitdb.load(tmp_path, ["100"])
    assert one_sentence(error)


# --- the split


def cohort(counts: dict[str, dict[str, int]]) -> Dataset:
    """Records without signals, with the given beats."""
    recordings = []
    for name, own in counts.items():
        label = np.array([each for each, n in own.items() for _ in range(n)], dtype="<U1")
        events = Events(np.arange(len(label)), label)
        signal = np.zeros((1, 9), np.float32)
        recordings.append(
            Recording(name, mitdb.person(name), signal, 360.0, ("MLII",), events=events)
        )
    return Dataset("mitdb", "a toy", tuple(recordings), "sha256:0")


def whole(seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    names = sorted({*mitdb.DS1, *mitdb.DS2, *mitdb.PACED})
    draw = {
        name: {"N": 500, "V": int(rng.integers(0, 50)), "S": int(rng.integers(0, 20))}
        for name in names
    }
    draw["208"]["F"] = 300
    return cohort(draw)


@pytest.mark.parametrize("seed", range(5))
def test_the_split_is_between_people(seed: int) -> None:
    dataset = whole(seed)
    train, validation, test = mitdb.split(dataset, seed=seed)
    assert {*train.names, *validation.names} == {*mitdb.DS1}
    assert {*test.names} == {*mitdb.DS2} - {"202"}
    sides = [set(part.subjects) for part in (train, validation, test)]
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]
    assert len(validation) == 4
    for label in "VS":
        share = beats(validation)[label] / (beats(validation)[label] + beats(train)[label])
        assert 0.5 * 4 / 22 <= share <= 2 * 4 / 22
    assert "208" in train.names  # the one person with F


def test_the_split_repeats_by_seed_and_changes_with_it() -> None:
    dataset = whole()
    assert len({mitdb.split(dataset, seed=seed)[1].names for seed in range(6)}) > 1
    turned = replace(dataset, recordings=dataset.recordings[::-1])
    for seed in range(3):
        again = mitdb.split(turned, seed=seed)[1]
        assert set(again.names) == set(mitdb.split(dataset, seed=seed)[1].names)


def test_the_split_does_what_it_can_with_few_records() -> None:
    few = cohort({"101": {"N": 5}, "106": {"N": 5, "V": 3}, "201": {"N": 1, "S": 4}, "202": {}})
    train, validation, test = mitdb.split(few)
    assert (len(train), len(validation), len(test)) == (2, 1, 0)
    train, validation, _ = mitdb.split(few, 0.99)
    assert (len(train), len(validation)) == (1, 2)
    with pytest.raises(InputError, match="DS1, expected"):
        mitdb.split(few.select(["101", "202"]))
    with pytest.raises(InputError, match="validation_fraction"):
        mitdb.split(few, 1.0)


# --- checking and fetching a folder


def test_check_reports_missing_different_and_unreadable_files(tmp_path: Path) -> None:
    write_record(tmp_path, "100")
    report = mitdb.check(tmp_path)
    assert not report.ok
    assert report.expected == 144
    assert len(report.missing) == 141
    assert set(report.different) == {"100.hea", "100.dat", "100.atr"}
    assert report.unreadable == ()  # another recording, but a readable one
    (tmp_path / "100.dat").write_bytes(b"")
    (sentence,) = mitdb.check(tmp_path).unreadable
    assert "record 100" in sentence


def test_fetch_asks_the_official_address_for_every_file(tmp_path: Path) -> None:
    asked: list[str] = []

    def unplugged(url: str, file: str, pooch: object) -> None:
        asked.append(url)
        raise ConnectionError("no network")

    with pytest.raises(InputError, match=r"https://physionet.org/files/mitdb/1.0.0/ gave no"):
        mitdb.fetch(tmp_path, downloader=unplugged)
    assert asked == ["https://physionet.org/files/mitdb/1.0.0/100.atr"]


# --- the real records


@pytest.fixture(scope="module")
def real(data_root: Path) -> Dataset:
    return mitdb.load(data_root / "mitdb")


TABLE = {  # of the data set's README, record 202 counted in
    mitdb.DS1: {"N": 45866, "S": 944, "V": 3788, "F": 415, "Q": 8},
    mitdb.DS2: {"N": 44259, "S": 1837, "V": 3221, "F": 388, "Q": 7},
}


@pytest.mark.data
def test_real_beats_equal_the_published_counts(real: Dataset) -> None:
    assert len(real) == 44
    assert len(real.subjects) == 43
    for records, expected in TABLE.items():
        assert beats(real.select(records)) == expected
    assert {each.channels for each in real.recordings} == {("MLII",)}
    assert {each.signal.shape for each in real.recordings} == {(1, 650_000)}
    assert real.notes == ()


@pytest.mark.data
def test_real_split_has_every_class_on_both_sides(real: Dataset) -> None:
    for seed in range(5):
        train, validation, test = mitdb.split(real, seed=seed)
        assert (len(train), len(validation), len(test)) == (18, 4, 21)
        for label in "VS":
            assert 0.09 < beats(validation)[label] / TABLE[mitdb.DS1][label] < 0.37
        assert "208" in train.names


@pytest.mark.data
def test_real_windows_are_centred_on_r_peaks(real: Dataset) -> None:
    part = real.select(["100", "103", "234"])
    part = part.map(lambda each: preprocess(each, 400.0, 0.5, 40.0))
    windows = event_windows(part, ["N"], 200, 0.0, 1.0, 0.25)
    peak = windows.centred[:, 0, 150:250].argmax(dim=1).numpy() - 50
    assert np.median(np.abs(peak)) <= 4  # within 10 ms of the annotation
    assert np.isfinite(windows.signals.numpy()).all()


@pytest.mark.data
def test_real_paced_records_are_read_when_named(data_root: Path) -> None:
    dataset = mitdb.load(data_root / "mitdb", ["102", "114"])
    (note,) = dataset.notes
    assert re.search("record 102 .*MLII: V5", note)
    assert beats(dataset.select(["102"]))["Q"] > 1000


@pytest.mark.data
def test_real_folder_equals_the_official_checksums(data_root: Path) -> None:
    report = mitdb.check(data_root / "mitdb")
    assert report.ok, str(report)
    assert report.notes == ()
