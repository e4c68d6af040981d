"""The HAPT reader: small written experiments for its laws, the real ones for their figures."""

from __future__ import annotations

import lzma
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from triptych import datasets
from triptych.datasets import download, hapt, wisdm
from triptych.errors import InputError

LABELS = "1 1 5 1 150\n1 1 7 151 250\n1 1 1 251 400\n1 1 5 401 500\n"


def signal(seed: int, offset: float) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0, 0.1, (500, 3))
    values[:, 0] += offset
    return values


def write(root: Path, acc: np.ndarray, gyro: np.ndarray, labels: str = LABELS) -> Path:
    folder = root / "RawData"
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in (("acc", acc), ("gyro", gyro)):
        text = "".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in values.tolist())
        (folder / f"{name}_exp01_user01.txt").write_text(text)
    (folder / "labels.txt").write_text(labels)
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write(tmp_path, signal(0, 1.0), signal(1, 0.0))
    return tmp_path


def test_every_labelled_segment_is_a_recording(made: Path) -> None:
    six, twelve = hapt.load(made), hapt.load(made, classes=12)
    assert six.names == tuple(
        f"user01 exp01 {each}" for each in ("standing 1", "walking 1", "standing 2")
    )
    assert [each.label for each in twelve.recordings] == [
        "standing", "stand-to-sit", "walking", "standing",
    ]  # fmt: skip
    walking = six.recordings[1]
    assert walking.channels == ("acc x", "acc y", "acc z", "gyro x", "gyro y", "gyro z")
    assert walking.units == ("g",) * 3 + ("rad/s",) * 3
    assert (walking.subject, walking.rate, six.notes) == ("user01", 50.0, ())
    expected = np.concatenate([signal(0, 1.0), signal(1, 0.0)], axis=1)[250:400].T
    np.testing.assert_allclose(walking.signal, expected, rtol=1e-6)
    acc = hapt.load(made, sensors=["acc"], rate=20.0).recordings[1]
    assert (acc.signal.shape, acc.units, acc.rate) == ((3, 60), ("g",) * 3, 20.0)


def test_shared_activities_have_the_names_of_wisdm() -> None:
    assert set(hapt.ACTIVITIES) & set(wisdm.ACTIVITIES) == {"walking", "sitting", "standing"}
    assert hapt.ACTIVITIES[:6] == (
        "walking", "upstairs", "downstairs", "sitting", "standing", "laying",
    )  # fmt: skip


def test_xz_is_the_same_data_set(made: Path) -> None:
    before = hapt.load(made)
    for file in (made / "RawData").glob("*_*.txt"):
        file.with_suffix(".txt.xz").write_bytes(lzma.compress(file.read_bytes(), preset=0))
        file.unlink()
    after = hapt.load(made / "RawData")
    assert after.fingerprint == before.fingerprint
    np.testing.assert_array_equal(after.recordings[0].signal, before.recordings[0].signal)


def test_malformed_samples_are_filled_and_counted(made: Path) -> None:
    file = made / "RawData" / "acc_exp01_user01.txt"
    rows = file.read_text().splitlines()
    for row, bad in ((10, "0.5 0.1"), (300, "nan 0 0"), (301, "garbage")):
        rows[row] = bad
    file.write_text("\n".join(rows) + "\n")
    dataset = hapt.load(made)
    (note,) = dataset.notes
    assert "acc_exp01_user01.txt: 3 malformed" in note
    x = dataset.recordings[0].signal[0]
    assert x[10] == pytest.approx((x[9] + x[11]) / 2, rel=1e-5)
    np.testing.assert_allclose(x[11:], signal(0, 1.0)[11:150, 0], rtol=1e-5)
    file.write_text("\n".join(["x"] * 250 + rows[:250]))
    with pytest.raises(InputError, match=r"acc_exp01_user01\.txt .*251 malformed .*500"):
        hapt.load(made)


def test_what_is_wrong_is_named(made: Path) -> None:
    acc, gyro = signal(0, 1.0), signal(1, 0.0)
    write(made, acc * 9.80665, gyro)
    with pytest.raises(InputError, match=r"1 in g .*m/s\^2"):
        hapt.load(made)
    dead = acc.copy()
    dead[250:400, 1] = 0.5
    write(made, dead, gyro)
    dataset = hapt.load(made)
    assert len(dataset) == 2
    (note,) = dataset.notes
    assert note.startswith("user01 exp01 walking 1: acc y never changes")
    write(made, acc, gyro * [1, 1, 0])
    with pytest.raises(InputError, match=r"axis z .*gyro_exp01"):
        hapt.load(made)
    write(made, acc, gyro[:450])
    with pytest.raises(InputError, match="500 and 450"):
        hapt.load(made)
    write(made, acc, gyro, "1 1 5 1 501\n")
    with pytest.raises(InputError, match="sample 501"):
        hapt.load(made)
    write(made, acc, gyro, "1 1 5 9 8\n")
    with pytest.raises(InputError, match="ends before"):
        hapt.load(made)
    write(made, acc, gyro, "1 1 13 1 8\n")
    with pytest.raises(InputError, match=r"labels\.txt .*1 malformed"):
        hapt.load(made)
    write(made, acc, gyro, LABELS + "2 1 5 1 100\n")
    with pytest.raises(InputError, match=r"no file acc_exp02_user01\.txt"):
        hapt.load(made)
    with pytest.raises(InputError, match="6 or 12"):
        hapt.load(made, classes=5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rate is 0"):
        hapt.load(made, rate=0)
    with pytest.raises(InputError, match=r"looked for RawData/labels\.txt"):
        hapt.load(made / "nowhere")


def test_check_reads_what_differs(made: Path) -> None:
    report = datasets.check(made, "hapt")
    assert (report.name, report.expected, len(report.missing)) == ("hapt", 123, 120)
    assert report.different == ("acc_exp01_user01.txt", "gyro_exp01_user01.txt", "labels.txt")
    assert report.unreadable == ()
    write(made, signal(0, 9.8), signal(1, 0.0))
    assert "looks like m/s^2" in hapt.check(made).unreadable[0]


@pytest.mark.data
def test_the_real_set_gives_the_published_windows(data_root: Path) -> None:
    if not (data_root / "hapt").is_dir():
        pytest.skip("no HAPT here")
    dataset = datasets.load("hapt", data_root, classes=12)
    assert (len(dataset), len(dataset.subjects), dataset.notes) == (1214, 30, ())
    windows: Counter[str] = Counter()
    for each in dataset.recordings:
        windows[str(each.label)] += max(0, (each.signal.shape[1] - 128) // 64 + 1)
    assert sum(windows.values()) == 10_929
    assert len(download.checksums("hapt.sha256")) == 123
