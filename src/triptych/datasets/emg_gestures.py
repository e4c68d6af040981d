"""EMG data for gestures: an armband of 8 electrodes on the forearm, 36 subjects, 6 or 7 gestures.

Source: Lobov et al., "Latent Factors Limiting the Performance of sEMG-Interfaces", Sensors
18(4):1122, 2018, doi:10.3390/s18041122 (UCI data set 481, CC BY 4.0). Each subject has two series,
in which every gesture is held for 3 s, twice.
"""

from __future__ import annotations

import importlib
import io
import re
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.datasets import download, packed
from triptych.datasets.recordings import Dataset, Recording
from triptych.errors import InputError

ADDRESS = "https://archive.ics.uci.edu/static/public/481/emg+data+for+gestures.zip"
RATE = 200.0
GESTURES = ("rest", "fist", "flexion", "extension", "radial deviation", "ulnar deviation", "palm")
"""By their number in the files, from 1; 0 is unmarked, and few subjects have the seventh."""
CHANNELS = tuple(f"EMG {k}" for k in range(1, 9))
SHORTEST_S = 0.5  # of a gesture
LONGEST_GAP_S = 0.1
SUBJECTS = 36

_COLUMNS = ["time", *(f"channel{k}" for k in range(1, 9)), "class"]
_FILE = re.compile(r"\d\d/[12]_raw_data_[\d.\-_]+\.txt$")


def load(path: str | Path, classes: int = 6) -> Dataset:
    """Read the series (``01/1_raw_data_*.txt`` or ``.txt.xz``, tab-separated).

    Rows come about 1000 times per second but repeat what the armband, which samples at 200 Hz, sent
    last: the last value is taken at every 5 ms.

    Parameters
    ----------
    path
        Folder that holds ``01/``, ``02/``, ...
    classes
        6 gestures that everybody has, or 7 with the extended palm.

    Returns
    -------
    Dataset
        One recording per held gesture, "01 series 1 fist 1", of subject "01", 8 channels in mV at
        200 Hz in the order around the arm. Unmarked time is left out.

    Raises
    ------
    InputError
        Wrong folder or option, or a damaged file.
    """
    if classes not in (6, 7):
        raise InputError(f"emg_gestures has 6 or 7 classes, not {classes!r}")
    folder = _base(Path(path))
    files = _files(folder)
    if not files:
        raise InputError(
            f"no EMG recordings in {path}: looked for 01/1_raw_data_*.txt or .txt.xz and others; "
            "pass the folder that holds 01/, or get it with `triptych data fetch emg_gestures`"
        )
    contents: list[tuple[str, bytes]] = []
    recordings: list[Recording] = []
    short: Counter[str] = Counter()
    for file in files:
        text = packed.read(file)
        contents.append((f"{file.parent.name}/{packed.plain(file)}", text))
        recordings += _gestures(file, text, classes, short)
    subjects = {each.subject for each in recordings}
    notes = ["rows repeat the armband's last values: they are thinned out to 200 Hz"]
    if short:
        told = f"{sum(short.values())} gestures are shorter than {SHORTEST_S:g} s or have gaps"
        notes.append(f"{told}, and are left out ({', '.join(short)})")
    if len(subjects) < SUBJECTS:
        notes.append(f"{len(subjects)} of {SUBJECTS} subjects are here")
    title = f"EMG data for gestures, {classes} classes"
    fingerprint = packed.fingerprint(contents)
    return Dataset("emg_gestures", title, tuple(recordings), fingerprint, tuple(notes))


def _base(path: Path) -> Path:
    inner = path / "EMG_data_for_gestures-master"
    return inner if inner.is_dir() else path


def _files(folder: Path) -> list[Path]:
    """Files of all series; of a plain and a compressed one the plain."""
    found = sorted(folder.glob("[0-9][0-9]/[12]_raw_data_*.txt*"), reverse=True)
    named = {f"{each.parent.name}/{packed.plain(each)}": each for each in found}
    return [named[name] for name in sorted(named) if _FILE.search(name)]


def _table(file: Path, text: bytes) -> NDArray[np.float64]:
    """Rows of time in ms, 8 channels in V and class, in order of time."""
    pandas: Any = importlib.import_module("pandas")
    try:
        table = pandas.read_csv(io.BytesIO(text), sep="\t")
        if list(table.columns) != _COLUMNS:
            raise ValueError(f"its columns are {', '.join(map(str, table.columns))}")
        rows = table.to_numpy(np.float64)
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise InputError(
            f"{file} is not a table of {', '.join(_COLUMNS[:2])}, ... and class ({error}); get it "
            "again with `triptych data fetch emg_gestures`"
        ) from error
    rows = rows[np.isfinite(rows).all(axis=1)]  # a last line may be cut off, as published
    if len(rows) < 2 or (np.diff(rows[:, 0]) < 0).any():
        raise InputError(
            f"{file} has {len(rows)} whole rows, expected 2 or more in order of time; get it again "
            "with `triptych data fetch emg_gestures`"
        )
    return rows


def _gestures(file: Path, text: bytes, classes: int, short: Counter[str]) -> list[Recording]:
    rows = _table(file, text)
    code = rows[:, -1].astype(int)
    edges = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(code)]
    subject, series = file.parent.name, file.name[0]
    seen: Counter[str] = Counter()
    found: list[Recording] = []
    for first, end in pairwise(edges):
        number = int(code[first])
        if not 1 <= number <= classes:
            continue
        gesture = GESTURES[number - 1]
        seen[gesture] += 1
        name = f"{subject} series {series} {gesture} {seen[gesture]}"
        time = rows[first:end, 0] / 1000
        if time[-1] - time[0] < SHORTEST_S or np.diff(time).max() > LONGEST_GAP_S:
            short[name] += 1
            continue
        grid = np.arange(time[0], time[-1], 1 / RATE)
        last = np.searchsorted(time, grid + 1e-9, side="right") - 1
        signal = (1000 * rows[first:end, 1:-1][last].T).astype(np.float32)
        units = ("mV",) * len(CHANNELS)
        found.append(
            Recording(
                name, subject, signal, RATE, CHANNELS, units, label=gesture, start=float(time[0])
            )
        )
    return found


def check(path: Path) -> download.Report:
    """Read both series of every subject; official checksums are not known."""
    unreadable: list[str] = []
    files = _files(_base(path))
    for file in files:
        try:
            _table(file, packed.read(file))
        except InputError as error:
            unreadable.append(str(error))
    notes = [f"{len(files) // 2} of {SUBJECTS} subjects are here"] * (len(files) < 2 * SUBJECTS)
    notes.append("read, not verified: no official checksums")
    faults = () if files else ("no series was found",)
    return download.Report(
        "emg_gestures", path, len(files), (), (), tuple(unreadable), faults, tuple(notes)
    )


fetch = partial(packed.fetch, ADDRESS, _FILE, {})
"""Download the archive from UCI and unpack its series; see `packed.fetch`."""
