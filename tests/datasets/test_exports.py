"""Exports of devices, generated in their layouts: read to their truth, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triptych.datasets import Dataset
from triptych.datasets.readers import load
from triptych.errors import InputError

N = 300
VALUES = np.random.default_rng(0).integers(-9000, 9000, (3, N)) / 1000


def write(path: Path, above: str, rows: np.ndarray, mark: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [mark.join(f"{each:.10g}" for each in row) for row in rows]
    path.write_text("\n".join([*above.splitlines(), *lines]) + "\n")


def only(data: Dataset) -> tuple[float, tuple[str, ...], np.ndarray, float]:
    (one,) = data.recordings
    return one.rate, one.channels, one.signal, one.start


def test_a_start_and_a_rate_above_the_values(tmp_path: Path) -> None:
    for k, who in enumerate(("S1", "S2")):
        for name, rate, rows in (("ACC", 32, VALUES.T), ("BVP", 64, VALUES[:1].T)):
            lines = [",".join([each] * rows.shape[1]) for each in ("1544027337.0", f"{rate}.0")]
            write(tmp_path / who / f"{name}.csv", "\n".join(lines), rows + k)
    (tmp_path / "S1" / "tags.csv").write_text("1544027400.55\n")
    data = load(tmp_path, files="*/acc.csv", subject_pattern=r"(S\d)/")
    assert data.subjects == ("S1", "S2")
    one = data.recordings[0]
    assert (one.rate, one.channels, one.start) == (32, ("ACC x", "ACC y", "ACC z"), 1544027337)
    np.testing.assert_allclose(one.signal, VALUES, atol=1e-5)
    with pytest.raises(InputError, match="--channels"):
        load(tmp_path)
    with pytest.raises(InputError, match="--files"):
        load(tmp_path, files="*.txt")


def test_a_column_with_decimal_commas_below_words(tmp_path: Path) -> None:
    path = tmp_path / "ecg.csv"
    words = "Name,Jane\nMessrate,512 Hertz\n\nEinheit,\u00b5V\n"
    rows = [f"{each:.3f}".replace(".", ",") for each in VALUES[0]]
    path.write_text("\n".join([words, *rows]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="--titles ecg"):
        load(tmp_path)
    rate, channels, signal, _ = only(load(tmp_path, titles="ecg"))
    assert (rate, channels) == (512, ("ecg",))
    np.testing.assert_allclose(signal[0], VALUES[0], atol=1e-5)
    write(path, "a,b", np.stack([np.arange(N) ** 2, 10 + np.arange(N) % 80], 1))  # whole numbers
    assert only(load(tmp_path, rate=10))[1] == ("a", "b")


@pytest.mark.parametrize("other", ["seconds_elapsed", "sensor timestamp [ns]"])
def test_a_second_clock_is_no_channel(tmp_path: Path, other: str) -> None:
    late = np.cumsum(np.random.default_rng(1).uniform(0.5, 1.5, N))
    rows = np.stack([np.arange(N) / 100, late, VALUES[0]], axis=1)
    write(tmp_path / "a.csv", f"time,{other},x", rows)
    data = load(tmp_path)
    assert only(data)[:2] == (100, ("x",))
    assert any(other in note for note in data.notes)


def test_a_clock_of_few_digits_is_asked_about(tmp_path: Path) -> None:
    rows = np.stack([np.round(np.arange(N) / 60_000, 6), VALUES[0]], axis=1)
    write(tmp_path / "a.csv", "min,ECG", rows)
    with pytest.raises(InputError, match="--time-column 'min'"):
        load(tmp_path, rate=1000)


def test_sensors_with_the_same_titles_are_not_one(tmp_path: Path) -> None:
    for who in ("p1", "p2"):
        for k, name in enumerate(("accelerometer", "gyroscope")):
            rows = np.column_stack([np.arange(N) / (100 - 50 * k), VALUES.T + k + (who == "p2")])
            write(tmp_path / who / f"{name}.csv", "t,x,y,z", rows)
    with pytest.raises(InputError, match=r"different sensors .*--files"):
        load(tmp_path)
    data = load(tmp_path, files="*gyroscope.csv", subject_pattern=r"(p\d)/")
    assert [(each.subject, each.rate) for each in data.recordings] == [("p1", 50), ("p2", 50)]


def test_lines_without_titles_are_told_from_titles(tmp_path: Path) -> None:
    rows = np.column_stack([np.arange(N) / 100, VALUES.T])
    keys = "Interval=,0.01 s\nChannelTitle=,x,y,z\nRange=,1 V,1 V,1 V\n"
    write(tmp_path / "a.csv", keys, rows)
    with pytest.raises(InputError, match="--titles"):
        load(tmp_path)
    assert only(load(tmp_path, titles=("time", "x", "y", "z")))[:2] == (100, ("x", "y", "z"))
    stamped = [f"2023-05-01 10:00:{k / 100:06.3f},{a:.3f},50" for k, a in enumerate(VALUES[0])]
    (tmp_path / "a.csv").write_text("\n".join(stamped))
    with pytest.raises(InputError, match="titles"):
        load(tmp_path)
    found = only(load(tmp_path, titles=("when", "x", "lux"), time_column="when"))
    assert (found[0], found[2].shape) == (100, (2, N))


def test_a_rate_in_comments_holds_for_columns_without_titles(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", '# {"sampling rate": 50, "resolution": [4, 1]}', VALUES.T, "\t")
    assert only(load(tmp_path, titles=("a", "b", "c")))[:2] == (50, ("a", "b", "c"))
