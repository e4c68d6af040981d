"""IEEE Signal Processing Cup 2015, training data: wrist PPG on a treadmill, 12 subjects, 125 Hz.

Source: Zhang, Pi and Liu, "TROIKA", IEEE Trans. Biomed. Eng. 62(2):522-531, 2015,
doi:10.1109/TBME.2014.2359372. Two green PPG channels and an accelerometer at the wrist; the
reference heart rate is counted from a chest ECG in windows of 8 s that start every 2 s.
"""

from __future__ import annotations

import importlib
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from triptych import signals
from triptych.datasets import download, packed
from triptych.datasets.recordings import Dataset, Events, Recording
from triptych.errors import InputError

NO_DOWNLOAD = (
    "its authors release it on the page of the Signal Processing Cup 2015; put DATA_01_TYPE01.mat, "
    "REF_01_TYPE01.mat and the other files of the training data into one folder"
)
RATE = 125.0
WINDOW_S, STEP_S = 8.0, 2.0  # of the reference heart rate
CHANNELS = ("ppg 1", "ppg 2", "acc x", "acc y", "acc z")
UNITS = ("counts", "counts", "g", "g", "g")
RECORDINGS = 13  # 12 subjects, and subject 4 twice

_FILE = re.compile(r"DATA_(\d\d)_(TYPE\d\d)\.mat$")


def load(path: str | Path) -> Dataset:
    """Read the recordings (``DATA_XX_TYPEYY.mat`` with ``REF_XX_TYPEYY.mat`` beside it).

    Returns
    -------
    Dataset
        One recording per file, "01 TYPE01", of subject "01". Events stand at the centres of the
        reference's windows of 8 s, and their labels are heart rates in BPM as text ("74.3"). The
        chest ECG is left out, since the reference is counted from it.

    Raises
    ------
    InputError
        Wrong folder, a damaged file, a missing reference, or one of another length.
    """
    folder = Path(path)
    files = _files(folder)
    if not files:
        raise InputError(
            f"no PPG recordings in {folder}: looked for DATA_01_TYPE01.mat and others; pass the "
            f"folder that holds them ({NO_DOWNLOAD})"
        )
    read = [_read(file) for file in files]
    contents = [part for _, parts in read for part in parts]
    notes = ["the chest ECG is left out: the reference heart rate is counted from it"]
    if len(read) < RECORDINGS:
        notes.append(f"{len(read)} of {RECORDINGS} recordings are here")
    title = "IEEE Signal Processing Cup 2015, training data"
    recordings = tuple(recording for recording, _ in read)
    return Dataset("ppg_spc2015", title, recordings, packed.fingerprint(contents), tuple(notes))


def _files(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.glob("DATA_*.mat")) if _FILE.search(each.name)]


def _read(file: Path) -> tuple[Recording, list[tuple[str, bytes]]]:
    match = _FILE.search(file.name)
    subject, kind = match.groups() if match else ("", "")
    reference = file.with_name(f"REF_{subject}_{kind}.mat")
    if not reference.is_file():
        raise InputError(f"{file} has no reference heart rate: {reference.name} is not beside it")
    contents = [(each.name, packed.read(each)) for each in (file, reference)]
    signal = _variable(file, contents[0][1], "sig")
    bpm = _variable(reference, contents[1][1], "BPM0").ravel()
    if len(signal) != 6:
        raise InputError(f"{file} has {len(signal)} rows of signals, expected 6; copy it again")
    window, step = round(WINDOW_S * RATE), round(STEP_S * RATE)
    expected = (signal.shape[1] - window) // step + 1
    if len(bpm) != expected:
        raise InputError(
            f"{reference} has {len(bpm)} heart rates for {expected} windows of {file.name}; one of "
            "them is cut off, so copy both again"
        )
    name, kept = f"{subject} {kind}", signal[1:].astype(np.float32)
    signals.validate(kept, RATE, name=f"recording {name} of ppg_spc2015", channels=CHANNELS)
    centre = np.arange(len(bpm), dtype=np.int64) * step + window // 2
    events = Events(centre, np.array([f"{each:.1f}" for each in bpm]), reach_s=STEP_S / 2)
    return Recording(name, subject, kept, RATE, CHANNELS, UNITS, events=events), contents


def _variable(file: Path, content: bytes, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        return np.asarray(importlib.import_module("scipy.io").loadmat(io.BytesIO(content))[name])
    except Exception as error:  # scipy meets damaged files with many kinds of exception
        said = "it is damaged" if not isinstance(error, KeyError) else f"it has no {name}"
        raise InputError(f"{file} cannot be read: {said}; copy it again") from error


def check(path: Path) -> download.Report:
    """Read all 13 recordings and their references; official checksums are not known."""
    unreadable: list[str] = []
    files = _files(path)
    for file in files:
        try:
            _read(file)
        except InputError as error:
            unreadable.append(str(error))
    report = download.Report("ppg_spc2015", path, RECORDINGS, unreadable=tuple(unreadable))
    lacking = RECORDINGS - len(files)
    faults = (f"{lacking} recordings are missing; {NO_DOWNLOAD}",) if lacking > 0 else ()
    return replace(report, faults=faults, notes=("read, not verified: no official checksums",))
