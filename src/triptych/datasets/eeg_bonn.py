"""Bonn EEG time series: five sets of 100 single-channel segments of 23.6 s, 173.61 Hz.

Source: Andrzejak et al., Physical Review E 64:061907, 2001, doi:10.1103/PhysRevE.64.061907. Each
set was recorded from five people, but no file says from whom: nothing can be split by subject.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from triptych.datasets import download, packed
from triptych.datasets.recordings import Dataset, Recording
from triptych.errors import InputError

NO_DOWNLOAD = (
    "its authors offer it on the downloads page of the Nonlinear Time Series Analysis group "
    "(Universitat Pompeu Fabra); put Z.zip, O.zip, N.zip, F.zip and S.zip into one folder"
)
RATE = 173.61
SAMPLES = 4097
SEGMENTS = 100  # of each set
SETS = {"Z": "A", "O": "B", "N": "C", "F": "D", "S": "E"}
"""Letter of the files → set: A and B are surface EEG of healthy volunteers with eyes open and
closed; C, D and E intracranial EEG of patients: opposite hemisphere, epileptogenic zone, seizure.
"""
NOTES = (
    "the files do not say which of five people per set was recorded: every segment counts as a "
    "subject of its own, so a split by subject is not subject-disjoint",
    "sets A and B are surface EEG, C to E intracranial: sets differ in the electrode, too",
)

_FILE = re.compile(r"([ZONFS])(\d{3})\.txt$", re.IGNORECASE)


def load(path: str | Path) -> Dataset:
    """Read the segments (``Z001.txt`` to ``S100.txt``) out of five archives, or unpacked.

    Returns
    -------
    Dataset
        One recording per segment, "A 001", with its set (A to E, `SETS`) as label, in µV. It is
        its own subject, because nobody says who was recorded; the first note says so.

    Raises
    ------
    InputError
        Wrong folder, a damaged archive, or a segment that is not 4,097 numbers.
    """
    folder = Path(path)
    contents = sorted(_texts(folder))
    if not contents:
        raise InputError(
            f"no EEG segments in {folder}: looked for Z.zip or Z001.txt and others; pass the "
            f"folder that holds them ({NO_DOWNLOAD})"
        )
    recordings = tuple(_recording(folder, name, text) for name, text in contents)
    counts = {letter: sum(name[0] == letter for name, _ in contents) for letter in SETS}
    lacking = [f"{SEGMENTS - n} of set {SETS[s]}" for s, n in counts.items() if n < SEGMENTS]
    notes = (*NOTES, *([f"segments are missing: {', '.join(lacking)}"] if lacking else []))
    title = "Bonn EEG time series (not subject-disjoint)"
    return Dataset("eeg_bonn", title, recordings, packed.fingerprint(contents), notes)


def _texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name (``Z001``) and text of every segment; of two copies the first."""
    seen: set[str] = set()
    for file in sorted(folder.glob("**/*.[tT][xX][tT]")):
        match = _FILE.search(file.name)
        if match and (name := file.stem.upper()) not in seen:
            seen.add(name)
            yield name, packed.read(file)
    for file in sorted(folder.glob("*.zip")):
        try:
            with zipfile.ZipFile(file) as archive:
                for member in archive.namelist():
                    match = _FILE.search(member)
                    if match and (name := "".join(match.groups()).upper()) not in seen:
                        seen.add(name)
                        yield name, archive.read(member)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"cannot read {file} ({error}); copy it again") from error


def _recording(folder: Path, name: str, text: bytes) -> Recording:
    try:
        values = np.array(text.split(), dtype=np.float32)
    except ValueError as error:
        raise InputError(f"segment {name} in {folder} is not numbers ({error})") from error
    if len(values) != SAMPLES or not np.isfinite(values).all():
        raise InputError(
            f"segment {name} in {folder} has {len(values)} samples, expected {SAMPLES} finite "
            "ones; copy it again"
        )
    called = f"{SETS[name[0]]} {name[1:]}"
    return Recording(called, called, values[None], RATE, ("EEG",), ("µV",), label=SETS[name[0]])


def check(path: Path) -> download.Report:
    """Read all 500 segments; official checksums are not known."""
    expected = len(SETS) * SEGMENTS
    report = download.Report("eeg_bonn", path, expected)
    unreadable: list[str] = []
    try:
        texts = dict(_texts(path))
    except InputError as error:
        return replace(report, unreadable=(str(error),))
    for name, text in texts.items():
        try:
            _recording(path, name, text)
        except InputError as error:
            unreadable.append(str(error))
    wanted = [f"{letter}{n:03d}" for letter in SETS for n in range(1, SEGMENTS + 1)]
    missing = tuple(f"{name}.txt" for name in wanted if name not in texts)
    notes = (*NOTES, "read, not verified: no official checksums")
    return replace(report, missing=missing, unreadable=tuple(unreadable), notes=notes)
