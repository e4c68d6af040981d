"""HAPT 2.1: 30 people with a phone on the waist, accelerometer and gyroscope at 50 Hz.

Source: Reyes-Ortiz, Oneto, Sama, Parra and Anguita, Neurocomputing 171:754-767, 2016,
doi:10.24432/C54G7M (UCI data set 341): the raw, re-labelled superset of UCI-HAR. Six activities
and six transitions between postures.

`check` and `fetch` verify the uncompressed text of all 123 raw files against hapt.sha256; the
archive as a whole has no known checksum.
"""

from __future__ import annotations

import importlib
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from triptych import signals
from triptych.datasets import download, imu_text, packed
from triptych.datasets.recordings import Dataset, Ints, Recording
from triptych.errors import InputError

ADDRESS = (
    "https://archive.ics.uci.edu/static/public/341/"
    "smartphone+based+recognition+of+human+activities+and+postural+transitions.zip"
)
NOMINAL_HZ = 50.0
ACTIVITIES = (
    "walking", "upstairs", "downstairs", "sitting", "standing", "laying",
    "stand-to-sit", "sit-to-stand", "sit-to-lie", "lie-to-sit", "stand-to-lie", "lie-to-stand",
)  # fmt: skip
"""By their number in labels.txt, from 1; the first six are the set of 6 classes."""

_FILE = re.compile(r"RawData/(?:(?:acc|gyro)_exp\d+_user\d+|labels)\.txt$")
_SAMPLE = re.compile(rb"\s*%b\s+%b\s+%b\s*" % ((imu_text.NUMBER,) * 3))
_LABEL = re.compile(rb"\s*\d+\s+\d+\s+0*(?:[1-9]|1[0-2])\s+\d+\s+\d+\s*")


def load(
    path: str | Path,
    classes: Literal[6, 12] = 6,
    sensors: Sequence[str] = ("acc", "gyro"),
    rate: float = NOMINAL_HZ,
) -> Dataset:
    """Read the raw signals (``RawData/acc_expXX_userYY.txt`` or ``.txt.xz``, gyro, labels.txt).

    Parameters
    ----------
    path
        Folder that holds ``RawData/``, or ``RawData`` itself.
    classes
        6 activities, or 12 with the transitions (of 1.5 to 6 s).
    sensors
        "acc", "gyro" or both.
    rate
        Hz of the result.

    Returns
    -------
    Dataset
        One recording a labelled segment, "user01 exp01 walking 1", of person "user01": in g with
        gravity, and in rad/s. The fingerprint covers the files that were read. A few malformed
        lines are filled by interpolation, because the labels count samples; notes say so.

    Raises
    ------
    InputError
        Wrong folder or option, a missing or damaged file, half of its lines malformed, g that are
        m/s^2, an axis that is dead in all of a file, or labels beyond the signal's end.
    """
    sensors = imu_text.require_sensors(sensors)
    if classes not in (6, 12):
        raise InputError(f"hapt has 6 or 12 classes, not {classes!r}")
    if not rate > 0:
        raise InputError(f"hapt: rate is {rate!r}, expected a positive number of Hz")
    folder, file = _base(Path(path)), packed.find(_base(Path(path)), "labels.txt")
    if file is None:
        raise InputError(
            f"no HAPT recordings in {path}: looked for RawData/labels.txt; pass the folder that "
            "holds RawData/, or get it with `triptych data fetch hapt`"
        )
    text = packed.read(file)
    contents = [("labels.txt", text)]
    notes: list[str] = []
    recordings: list[Recording] = []
    names = imu_text.channels(sensors)
    units = tuple(imu_text.UNITS[sensor] for sensor in sensors for _ in "xyz")
    labels = _labels(file, text, notes)
    for experiment, user in np.unique(labels[:, :2], axis=0).tolist():
        parts: list[imu_text.Floats] = []
        for sensor in sensors:
            name = f"{sensor}_exp{experiment:02d}_user{user:02d}.txt"
            here = packed.find(folder, name)
            if here is None:
                raise InputError(
                    f"hapt has no file {name} (or .xz) in {folder}, but labels for it; get it "
                    "with `triptych data fetch hapt`"
                )
            text = packed.read(here)
            contents.append((name, text))
            parts.append(_samples(here, text, sensor, notes))
        segments = labels[(labels[:, :2] == (experiment, user)).all(axis=1), 2:]
        length = len(parts[0])
        if {length} != {len(each) for each in parts} or segments[:, 2].max() > length:
            lengths = " and ".join(str(len(each)) for each in parts)
            raise InputError(
                f"experiment {experiment} of hapt in {folder} has {lengths} samples and labels up "
                f"to sample {segments[:, 2].max()}; a file is cut off, so get it again"
            )
        signal = np.concatenate(parts, axis=1).T
        seen: Counter[str] = Counter()
        rows: list[list[int]] = segments.tolist()
        for number, begin, end in rows:
            activity = ACTIVITIES[number - 1]
            if number > classes:
                continue
            seen[activity] += 1
            called = f"user{user:02d} exp{experiment:02d} {activity} {seen[activity]}"
            piece = signal[:, begin - 1 : end]
            flat = np.flatnonzero(np.ptp(piece, axis=1) == 0)
            if len(flat):
                dead = " and ".join(names[each] for each in flat)
                notes.append(f"{called}: {dead} never changes (a dead axis), recording left out")
                continue
            piece = signals.resample(piece, NOMINAL_HZ, rate).astype(np.float32)
            recordings.append(
                Recording(
                    called, f"user{user:02d}", piece, float(rate), names, units, label=activity
                )
            )
    title = f"HAPT 2.1, {classes} classes"
    return Dataset("hapt", title, tuple(recordings), packed.fingerprint(contents), tuple(notes))


def _labels(path: Path, text: bytes, notes: list[str]) -> Ints:
    """Rows of experiment, user, activity, first and last sample (from 1, inclusive)."""
    entries, said = imu_text.sift(path, text, _LABEL, b"\n")
    good = [entry.split() for entry in entries if entry is not None]
    if len(good) < len(entries):
        notes.append(f"{path.name}: {said} left out")
    labels = np.array(good, dtype=np.int64)
    if (labels[:, 3] < 1).any() or (labels[:, 4] < labels[:, 3]).any():
        raise InputError(
            f"{path} has a segment that ends before it begins, or begins before sample 1; get it "
            "again with `triptych data fetch hapt`"
        )
    return labels


def _samples(path: Path, text: bytes, sensor: str, notes: list[str]) -> imu_text.Floats:
    """Read a file of three columns, (time, 3)."""
    pandas = importlib.import_module("pandas")  # `import triptych` must not pay for it
    values: imu_text.Floats = np.empty((0, 0))
    try:
        frame = pandas.read_csv(io.BytesIO(text), sep=r"\s+", header=None, dtype=np.float64)
        values = np.asarray(frame.to_numpy(), dtype=np.float64)
    except ValueError:  # pandas' own errors are ValueErrors
        pass
    if values.shape[1:] != (3,) or not np.isfinite(values).all():
        entries, said = imu_text.sift(path, text, _SAMPLE, b"\n")
        good = np.array([entry is not None for entry in entries])
        known = np.array([each.split() for each in entries if each is not None], dtype=np.float64)
        moments = np.arange(len(entries))
        values = np.empty((len(entries), 3))
        for axis in range(3):
            values[:, axis] = np.interp(moments, moments[good], known[:, axis])
        notes.append(f"{path.name}: {said} filled by interpolation")
    imu_text.require_plausible(values, "g" if sensor == "acc" else None, path)
    return values


def _base(path: Path) -> Path:
    return path / "RawData" if (path / "RawData").is_dir() else path


def check(path: Path) -> download.Report:
    """Verify all 123 raw files, and read the signals that differ."""
    base = _base(path)
    table = {
        name.removeprefix("RawData/"): digest
        for name, digest in download.checksums("hapt.sha256").items()
    }
    report = packed.compare("hapt", base, table)
    unreadable, notes = list(report.unreadable), list(report.notes)
    for name in report.different:
        file = packed.find(base, name)
        try:
            if file is not None and name != "labels.txt":
                _samples(file, packed.read(file), name.split("_")[0], notes)
        except InputError as error:
            unreadable += [str(error)] * (str(error) not in unreadable)
    return replace(report, unreadable=tuple(unreadable), notes=tuple(notes))


fetch = partial(packed.fetch, ADDRESS, _FILE, "hapt.sha256")
"""Download the archive from UCI and unpack its raw files; see `packed.fetch`."""
