"""The readers of both WISDM editions: written files for their laws, the real ones for figures."""

from __future__ import annotations

import hashlib
import io
import lzma
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triptych import datasets
from triptych.datasets import download, imu_text, packed, simulated, wisdm, wisdm_v1
from triptych.errors import InputError

G = 9.80665
START = 90_426_708_196_641  # ns, as in the published files


def lines(
    person: str = "1600",
    code: str = "A",
    seconds: float = 12.0,
    rate: float = 20.0,
    start: int = START,
    scale: float = G,
    hz: float = 1.0,
) -> list[str]:
    """Lines of a turning and swinging sensor: (0.3 sin, 1, 0.2 cos) g."""
    t = np.arange(round(seconds * rate)) / rate
    xyz = np.stack([0.3 * np.sin(2 * np.pi * hz * t), 1 + 0 * t, 0.2 * np.cos(2 * np.pi * hz * t)])
    xyz[1] += 0.01 * np.sin(t)
    stamps = start + np.round(t * 1e9).astype(np.int64)
    return [
        f"{person},{code},{stamp},{x!r},{y!r},{z!r};"
        for stamp, (x, y, z) in zip(stamps.tolist(), (scale * xyz).T.tolist(), strict=True)
    ]


def write(root: Path, content: list[str], person: str = "1600", device: str = "watch",
          kind: str = "accel", packed_file: bool = False) -> Path:  # fmt: skip
    folder = root / "raw" / device / kind
    folder.mkdir(parents=True, exist_ok=True)
    text = ("\n".join(content) + "\n").encode()
    path = folder / f"data_{person}_{kind}_{device}.txt{'.xz' if packed_file else ''}"
    path.write_bytes(lzma.compress(text, preset=0) if packed_file else text)
    return path


# --- what a loaded set is


@pytest.mark.parametrize("rate", [20.0, 25.06, 49.6, 100.0])
def test_a_recording_is_in_g_on_a_regular_grid_whatever_its_real_rate(
    tmp_path: Path, rate: float
) -> None:
    write(tmp_path, lines(rate=rate))
    dataset = wisdm.load(tmp_path)
    (one,) = dataset.recordings
    assert (one.name, one.subject, one.label) == ("1600 walking", "1600", "walking")
    assert (one.channels, one.units) == (("acc x", "acc y", "acc z"), ("g", "g", "g"))
    assert (one.rate, one.signal.dtype) == (20.0, np.float32)
    t = np.arange(one.signal.shape[1]) / 20.0
    inner = slice(20, -20)  # the anti-alias filter has edges
    np.testing.assert_allclose(one.signal[0, inner], 0.3 * np.sin(2 * np.pi * t)[inner], atol=0.015)
    np.testing.assert_allclose(one.signal[2, inner], 0.2 * np.cos(2 * np.pi * t)[inner], atol=0.015)
    noted = [note for note in dataset.notes if f"1600 at {rate:.0f} Hz (1)" in note]
    assert len(noted) == (rate != 20.0)


def test_a_fast_stretch_is_filtered_before_it_is_thinned_out(tmp_path: Path) -> None:
    # 14 Hz lies beyond what 20 Hz can hold; it is real only in the second half, at 100 Hz.
    slow = lines(seconds=30, hz=1.0)
    fast = lines(seconds=4, rate=100.0, hz=14.0, start=START + 30 * 10**9)
    write(tmp_path, slow + fast)
    dataset = wisdm.load(tmp_path)
    (one,) = dataset.recordings
    assert any("30 Hz, resampled: 1600 walking" in note for note in dataset.notes)
    assert np.abs(one.signal[0, 615:665]).max() < 0.03
    assert np.abs(one.signal[0, 20:580]).max() > 0.28


@pytest.mark.parametrize("near", [1_000, 3_300])
def test_stamps_a_microsecond_apart_do_not_stretch_a_recording(tmp_path: Path, near: int) -> None:
    content = lines(seconds=20)
    for place in range(0, len(content), 14):  # every 14th line comes right after its predecessor
        person, code, stamp, *values = content[place].split(",")
        content[place] = ",".join([person, code, str(int(stamp) - 50_000_000 + near), *values])
    write(tmp_path, content[1:])
    (one,) = wisdm.load(tmp_path).recordings
    write(tmp_path, lines(seconds=20)[1:])
    (regular,) = wisdm.load(tmp_path).recordings
    assert abs(one.signal.shape[1] - regular.signal.shape[1]) <= 1
    both = slice(20, 360)
    assert np.abs(one.signal[0, both] - regular.signal[0, both]).max() < 0.06


@pytest.mark.parametrize("rate", [0.0, -20.0, float("nan")])
def test_a_rate_that_is_none_is_refused(tmp_path: Path, rate: float) -> None:
    write(tmp_path, lines())
    with pytest.raises(InputError, match="positive number"):
        wisdm.load(tmp_path, rate=rate)


def test_xz_and_text_are_the_same_data_set(tmp_path: Path) -> None:
    write(tmp_path / "a", lines())
    write(tmp_path / "b", lines(), packed_file=True)
    write(tmp_path / "c" / "wisdm-dataset", lines())
    first, second, third = (wisdm.load(tmp_path / each) for each in "abc")
    assert first.fingerprint == second.fingerprint == third.fingerprint
    plain_file = tmp_path / "a" / "raw" / "watch" / "accel" / "data_1600_accel_watch.txt"
    assert first.fingerprint == download.fingerprint([plain_file])
    np.testing.assert_array_equal(first.recordings[0].signal, second.recordings[0].signal)
    write(tmp_path / "b", lines(hz=2.0))  # beside its compressed twin the plain file counts
    assert wisdm.load(tmp_path / "b").fingerprint != first.fingerprint


def test_gaps_and_repeated_recordings_make_pieces(tmp_path: Path) -> None:
    first = lines(seconds=10)
    after_gap = lines(seconds=11, start=START + 12 * 10**9)
    again_earlier = lines(seconds=12, start=START - 500 * 10**9)  # the clock began anew
    splinter = lines(seconds=2, start=START + 90 * 10**9)
    content = [*first, *after_gap, *lines(code="B"), *again_earlier, *splinter]
    write(tmp_path, content)
    dataset = wisdm.load(tmp_path)
    assert dataset.names == (
        "1600 walking 1", "1600 walking 2", "1600 jogging", "1600 walking 3",
    )  # fmt: skip
    assert [round(each.duration_s) for each in dataset.recordings] == [10, 11, 12, 12]
    assert "1 piece(s) shorter than 5 s" in dataset.notes[0]


def test_repeated_rows_and_disorder_change_nothing_but_the_notes(tmp_path: Path) -> None:
    content = lines(seconds=20)
    write(tmp_path / "clean", content)
    disordered = list(content)
    disordered[40], disordered[41] = disordered[41], disordered[40]
    write(tmp_path / "odd", [*disordered[:100], *disordered[95:]])
    clean, odd = wisdm.load(tmp_path / "clean"), wisdm.load(tmp_path / "odd")
    assert clean.notes == ()
    assert any("5 repeated lines" in note for note in odd.notes)
    assert any("1 timestamps" in note for note in odd.notes)
    np.testing.assert_array_equal(odd.recordings[0].signal, clean.recordings[0].signal)


def test_devices_activities_and_presets(tmp_path: Path) -> None:
    every = [line for code in wisdm.CODES for line in lines(code=code, seconds=6)]
    write(tmp_path, every)
    write(tmp_path, every, device="phone")
    write(tmp_path, [line.replace("1600,", "1638,", 1) for line in every], "1638", "phone")
    watch = wisdm.load(tmp_path, **wisdm.PRESETS["watch-18"])
    phone = wisdm.load(tmp_path, **wisdm.PRESETS["phone-5"])
    assert tuple(each.label for each in watch.recordings) == wisdm.ACTIVITIES
    assert {each.label for each in phone.recordings} == set(wisdm.ACTIVITIES[:5])
    assert (watch.name, phone.name) == ("wisdm-watch", "wisdm-phone")
    assert any("1638 look" in note for note in phone.notes)
    assert watch.notes == ()
    both = wisdm.load(tmp_path, device="any")
    phones = wisdm.load(tmp_path, device="phone")
    assert len(set(both.names)) == len(both) == len(watch) + len(phones)
    assert {"1600 walking watch", "1600 walking phone"} <= set(both.names)
    assert both.fingerprint not in (watch.fingerprint, phones.fingerprint)
    with pytest.raises(InputError, match="no device 'tablet'"):
        wisdm.load(tmp_path, device="tablet")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="activity swimming"):
        wisdm.load(tmp_path, activities=["walking", "swimming"])
    with pytest.raises(InputError, match=r"sensors .*'acc', 'gyro'"):
        wisdm.load(tmp_path, sensors=("magnetometer",))
    with pytest.raises(InputError, match="WISDM 2019 files"):
        wisdm.load(tmp_path, sensors=("acc", "gyro"))


def test_names_and_units_agree_with_the_simulated_cohort() -> None:
    cohort = simulated.load("imu", people=1, seconds=10)
    assert {each.label for each in cohort.recordings} == set(wisdm.ACTIVITIES[:5])
    assert {each.units for each in cohort.recordings} == {("g", "g", "g")}
    assert {each.rate for each in cohort.recordings} == {wisdm.NOMINAL_HZ}


def test_a_gyroscope_stands_beside_the_accelerometer_where_both_recorded(tmp_path: Path) -> None:
    write(tmp_path, lines(seconds=12))
    later = lines(seconds=12, start=START + 4 * 10**9 + 7_000_000, scale=1.0, hz=0.5)
    write(tmp_path, later, kind="gyro")
    write(tmp_path, lines("1601"), "1601")
    dataset = wisdm.load(tmp_path, sensors=("acc", "gyro"))
    (one,) = dataset.recordings
    assert one.channels == ("acc x", "acc y", "acc z", "gyro x", "gyro y", "gyro z")
    assert one.units == ("g",) * 3 + ("rad/s",) * 3
    assert one.duration_s == pytest.approx(8.0, abs=0.2)
    t = np.arange(one.signal.shape[1]) / 20.0
    begin = 4.05  # the first moment of the accelerometer with the gyroscope on
    np.testing.assert_allclose(one.signal[0], 0.3 * np.sin(2 * np.pi * (t + begin)), atol=1e-3)
    expected = 0.3 * np.sin(np.pi * (t + begin - 4.007))
    np.testing.assert_allclose(one.signal[3], expected, atol=2e-3)
    assert any("1 people" in note for note in dataset.notes)
    (gyro,) = wisdm.load(tmp_path, sensors="gyro").recordings
    assert gyro.units == ("rad/s",) * 3


# --- what can be wrong


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "g"), (1000.0, "mg")])
def test_another_unit_is_named(tmp_path: Path, scale: float, unit: str) -> None:
    write(tmp_path, lines(scale=scale))
    with pytest.raises(InputError, match=rf"expected about 9\.81 in m/s\^2 .*looks like {unit};"):
        wisdm.load(tmp_path)
    write(tmp_path, [line.replace(",0.0,", ",0.1,") for line in lines(scale=0.01)])
    with pytest.raises(InputError, match="gravity may"):
        wisdm.load(tmp_path)


def test_a_dead_axis_is_named(tmp_path: Path) -> None:
    def dead(content: list[str]) -> list[str]:
        return [",".join([*line.split(",")[:5], "0.25;"]) for line in content]

    write(tmp_path, [*lines(), *dead(lines(code="B"))])
    dataset = wisdm.load(tmp_path)
    assert dataset.names == ("1600 walking",)
    (note,) = dataset.notes
    assert note.startswith("1600 jogging: acc z never changes")
    path = write(tmp_path, dead(lines()))
    with pytest.raises(InputError, match=rf"axis z .*{path}"):
        wisdm.load(tmp_path)


BAD = ("1600,A,123", "1600,A,,1,2,3;", "1600,A,5,1,nan,3;", "1600,Z,5,1,2,3;", "\x00\xff", "a,b")


@pytest.mark.parametrize("bad", BAD)
def test_malformed_lines_are_counted(tmp_path: Path, bad: str) -> None:
    content = lines()
    write(tmp_path, [*content[:7], bad, *content[7:]])
    dataset = wisdm.load(tmp_path)
    (note,) = dataset.notes
    assert re.search(r"data_1600_accel_watch\.txt: 1 malformed .* 241 .*line 8:", note)
    write(tmp_path / "clean", content)
    clean = wisdm.load(tmp_path / "clean")
    np.testing.assert_array_equal(dataset.recordings[0].signal, clean.recordings[0].signal)


def test_half_of_the_lines_malformed_is_refused(tmp_path: Path) -> None:
    content = [line for good in lines() for line in (good, "1600;walking;0.1")]
    path = write(tmp_path, content)
    with pytest.raises(InputError, match=r"malformed .*line 2: '1600'") as e:
        wisdm.load(tmp_path)
    assert str(path) in str(e.value)
    path.write_bytes(b"\n")
    with pytest.raises(InputError, match="is empty"):
        wisdm.load(tmp_path)


def test_damaged_missing_and_too_short(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"looked for raw/watch/accel/data_\*\.txt"):
        wisdm.load(tmp_path)
    path = write(tmp_path, lines(), packed_file=True)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"cannot read .*download"):
        wisdm.load(tmp_path)
    path.unlink()
    write(tmp_path, lines(seconds=3))
    with pytest.raises(InputError, match=r"1 piece\(s\) .*5 s"):
        wisdm.load(tmp_path)
    write(tmp_path, [line.replace(line.split(",")[2], "0") for line in lines()])
    with pytest.raises(InputError, match="no line"):
        wisdm.load(tmp_path)


# --- WISDM 1.1: a sample in its format, with each of its known faults


def v1_sample() -> str:
    """Written by hand: two on one line, commas too many, cut off lines, zeros, a restart."""
    head = lines("33", "Jogging", seconds=12, start=49_105_962_326_000)
    tail = lines("17", "Upstairs", seconds=10, start=57_869_902_574_000)
    again = lines("33", "Jogging", seconds=8, start=13_000_000_000)
    head[10] = head[10] + head.pop(11)  # two samples on one line
    head[20] = head[20].replace(";", ",;")  # a comma too many
    head[30] += ";"
    faults = ["11,Walking,1867172313000,4.4,4.4,", "33,Jogging,49106062271000,5.012288,11.264028,;",
              "", "33,Jogging,49106", ";"]  # fmt: skip
    zeros = ["33,Jogging,0,0,0,0;"] * 6
    return "\n".join([*head[:50], *faults, *head[50:], *zeros, *tail, *again])


def test_v1_1_counts_its_known_faults(tmp_path: Path) -> None:
    (tmp_path / "v1.1").mkdir()
    (tmp_path / "v1.1" / wisdm_v1.FILE).write_text(v1_sample())
    dataset = wisdm_v1.load(tmp_path)
    assert dataset.names == ("33 jogging 1", "17 upstairs", "33 jogging 2")
    assert dataset.subjects == ("33", "17")
    assert [round(each.duration_s) for each in dataset.recordings] == [12, 10, 8]
    clean = tmp_path / "clean"
    clean.mkdir()
    (clean / wisdm_v1.FILE).write_text("\n".join(lines("33", "Jogging", 12.0)))
    expected = wisdm_v1.load(clean).recordings[0].signal
    np.testing.assert_allclose(dataset.recordings[0].signal, expected, atol=1e-5)
    malformed, unstamped = dataset.notes
    assert re.search(r"^WISDM_ar_v1\.1_raw\.txt: 3 malformed .* 609 ", malformed)
    assert "line 51: '11,Walking,1867172313000,4.4,4.4,'" in malformed
    assert re.search(r"^WISDM_ar_v1\.1_raw\.txt: 6 .*timestamp", unstamped)
    only = wisdm_v1.load(tmp_path, activities="upstairs", rate=10)
    assert [(each.label, each.rate) for each in only.recordings] == [("upstairs", 10.0)]
    report = datasets.check(tmp_path, "wisdm_v1")
    assert report.ok
    assert "600 usable lines of 2 people (published: 1,098,207 lines of 36)" in str(report)


def test_v1_1_refuses(tmp_path: Path) -> None:
    assert not wisdm_v1.present(tmp_path)
    assert wisdm_v1.check(tmp_path).missing == (wisdm_v1.FILE,)
    with pytest.raises(InputError, match=r"no WISDM_ar_v1\.1_raw\.txt"):
        wisdm_v1.load(tmp_path)
    (tmp_path / wisdm_v1.FILE).write_text("\n".join(lines("33", "Jogging", scale=1.0)))
    with pytest.raises(InputError, match="looks like g"):
        wisdm_v1.load(tmp_path)
    assert not wisdm_v1.check(tmp_path).ok
    with pytest.raises(InputError, match="no activity stairs"):
        wisdm_v1.load(tmp_path, activities=["stairs"])
    (tmp_path / wisdm_v1.FILE).write_text("\n".join(lines("33", "Jogging")))
    with pytest.raises(InputError, match="recording of sitting"):
        wisdm_v1.load(tmp_path, activities=["sitting"])


# --- checking and downloading


def table_of(root: Path) -> dict[str, str]:
    return {
        str(each.relative_to(root)): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in sorted(root.rglob("*.txt"))
    }


def test_check_verifies_what_it_can_and_reads_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, lines())
    official = table_of(tmp_path)
    monkeypatch.setattr(download, "checksums", lambda _name: official)
    path.with_suffix(".txt.xz").write_bytes(lzma.compress(path.read_bytes(), preset=0))
    path.unlink()
    report = datasets.check(tmp_path, "wisdm")
    assert report.ok, str(report)
    write(tmp_path, [*lines("1601"), "cut"], "1601")
    write(tmp_path, lines("1602", scale=1.0), "1602")
    report = wisdm.check(tmp_path)
    assert any("2 files without" in note for note in report.notes)
    assert any("1 malformed lines" in note for note in report.notes)
    assert ["looks like g" in each for each in report.unreadable] == [True]
    write(tmp_path, lines(hz=3))
    assert wisdm.check(tmp_path).different == ("raw/watch/accel/data_1600_accel_watch.txt",)


Downloader = Callable[[str, str, Any], None]


def serves(content: bytes, asked: list[str]) -> Downloader:
    def downloader(url: str, file: str, _pooch: Any) -> None:
        asked.append(url)
        with open(file, "wb") as handle:
            handle.write(content)

    return downloader


def test_fetch_unpacks_an_archive_in_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "made", lines())
    official = table_of(tmp_path / "made")
    known: Any = lambda table: official if isinstance(table, str) else table  # noqa: E731
    monkeypatch.setattr(download, "checksums", known)
    (name,) = official
    text = (tmp_path / "made" / name).read_bytes()

    def zipped(entries: dict[str, bytes]) -> bytes:
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            for member, content in entries.items():
                archive.writestr(member, content)
        return held.getvalue()

    def outer(content: bytes) -> bytes:
        inner = {
            f"wisdm-dataset/{name}": content,
            "../../escape.txt": b"x",
            f"__MACOSX/wisdm-dataset/{name.replace('data_', '._data_')}": b"junk",
        }
        return zipped({"wisdm-dataset.zip": zipped(inner), "readme.md": b"no"})

    asked: list[str] = []
    target = tmp_path / "wisdm"
    with pytest.raises(InputError, match="official archive: raw/watch/accel"):
        wisdm.fetch(target, downloader=serves(outer(b"other"), asked))
    with pytest.raises(InputError, match="cannot be unpacked"):
        wisdm.fetch(target, downloader=serves(b"<html>", asked))
    (target / name).unlink()
    seen: list[str] = []
    progress: download.Progress = lambda file, _done, _of: seen.append(file)  # noqa: E731
    got = wisdm.fetch(target, downloader=serves(outer(text), asked), progress=progress)
    assert got == (name,)
    assert asked == [wisdm.ADDRESS] * 3
    assert seen == [wisdm.ADDRESS.rpartition("/")[2]]
    assert [each for each in target.rglob("*") if each.is_file()] == [target / name]
    assert wisdm.fetch(target, downloader=serves(b"", asked)) == ()
    assert len(asked) == 3
    assert wisdm.load(target).names == ("1600 walking",)


def test_fetch_of_v1_1_opens_a_tarball(tmp_path: Path) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for member in (f"WISDM_ar_v1.1/{wisdm_v1.FILE}", "WISDM_ar_v1.1/._readme.txt"):
            entry = tarfile.TarInfo(member)
            entry.size = len(v1_sample())
            archive.addfile(entry, io.BytesIO(v1_sample().encode()))
    asked: list[str] = []
    got = wisdm_v1.fetch(tmp_path, downloader=serves(held.getvalue(), asked))
    assert got == (wisdm_v1.FILE,)
    assert sorted(each.name for each in tmp_path.iterdir()) == [wisdm_v1.FILE]
    assert wisdm_v1.fetch(tmp_path, downloader=serves(b"", asked)) == ()
    cut_off = tmp_path / "cut"
    with pytest.raises(InputError, match="cannot be unpacked"):
        wisdm_v1.fetch(cut_off, downloader=serves(held.getvalue()[:300], asked))
    assert list(cut_off.iterdir()) == []


# --- the real files


@pytest.mark.data
def test_a_real_person_has_every_activity_in_g(data_root: Path, tmp_path: Path) -> None:
    if packed.find(data_root / "wisdm", "raw/watch/accel/data_1608_accel_watch.txt") is None:
        pytest.skip("no WISDM 2019 here")
    for name, device in (("1608", "watch"), ("1607", "phone")):
        folder = tmp_path / "raw" / device / "accel"
        folder.mkdir(parents=True)
        file = f"raw/{device}/accel/data_{name}_accel_{device}.txt"
        source = packed.find(data_root / "wisdm", file)
        assert source is not None
        (folder / source.name).symlink_to(source)
        assert (
            hashlib.sha256(packed.read(source)).hexdigest()
            == download.checksums("wisdm.sha256")[file]
        )
    watch, phone = wisdm.load(tmp_path), wisdm.load(tmp_path, device="phone")
    assert Counter(each.label for each in watch.recordings) == Counter(wisdm.ACTIVITIES)
    assert len(phone) == 17  # one activity is not in this file
    assert "1608 at 100 Hz (1)" in watch.notes[0]
    assert "1607 at 25 Hz (17)" in phone.notes[0]
    for one in (*watch.recordings, *phone.recordings):
        assert one.duration_s == pytest.approx(180, abs=1)
        assert 0.8 < np.median(np.linalg.norm(one.signal, axis=0)) < 2.1


def test_pieces_of_units(tmp_path: Path) -> None:
    values = np.array([[0.0, 9.8, 0.1], [0.1, 9.9, 0.2]])
    imu_text.require_plausible(values, "m/s^2", tmp_path)
    with pytest.raises(InputError, match="expected about 1"):
        imu_text.require_plausible(values, "g", tmp_path)
