"""MIT-BIH Arrhythmia Database 1.0.0: 48 two-lead ECGs of 30 minutes with annotated beats.

Source: Moody and Mark, IEEE Eng. in Med. and Biol. 20(3):45-50, 2001, doi:10.13026/C2F305
(Open Data Commons Attribution License 1.0). Split between patients: de Chazal, O'Dwyer and
Reilly, IEEE Trans. Biomed. Eng. 51(7):1196-1206, 2004.
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from triptych import signals
from triptych.datasets import download
from triptych.datasets.recordings import Dataset, Events, Ints, Recording
from triptych.datasets.rhythms import by_rhythm
from triptych.errors import InputError

ADDRESS = "https://physionet.org/files/mitdb/1.0.0/"
PACED = ("102", "104", "107", "217")
DS1 = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
DS2 = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234",
)  # fmt: skip

AAMI: Mapping[str, str] = {
    **dict.fromkeys("NLRej", "N"),
    **dict.fromkeys("AaJS", "S"),
    **dict.fromkeys("VE", "V"),
    "F": "F",
    **dict.fromkeys("/fQ", "Q"),
}
"""Class of each beat symbol (ANSI/AAMI EC57); other annotations are not beats."""

_BYTES_PER_SAMPLE = {"212": 1.5, "16": 2.0, "61": 2.0, "80": 1.0, "24": 3.0, "32": 4.0}


def person(record: str) -> str:
    """Who was recorded: records 201 and 202 are the same man, all others one subject each."""
    return "201/202" if record in ("201", "202") else record


_NOT_TESTED = {record for record in DS2 if person(record) in {person(other) for other in DS1}}


def load(
    path: str | Path,
    records: Iterable[str] | None = None,
    lead: str | int = "MLII",
    rhythms: bool = False,
) -> Dataset:
    """Read records in their official WFDB form (``NNN.hea``, ``NNN.dat``, ``NNN.atr``).

    Parameters
    ----------
    path
        Folder of the files.
    records
        Names; None means the 44 records of DS1 and DS2 (the paced ones are left out).
    lead
        Name of the lead; a record without it gives its first lead, and the data set a note. Or its
        number, 0 or 1: every record has two. ``"each"``: both, as recordings "100 lead 0" and "100
        lead 1" of a channel "ECG".
    rhythms
        A recording per stretch of one annotated rhythm ("201 AFIB 1", with label "AFIB"), without
        the beats.

    Returns
    -------
    Dataset
        One channel in mV at 360 Hz a recording, its beats as events of AAMI class
        (N, S, V, F, Q). The fingerprint covers the files that were read.

    Raises
    ------
    InputError
        Wrong folder, a missing record, damaged or cut off files, or NaN.
    """
    folder = Path(path)
    records = [records] if isinstance(records, str) else records
    wanted = sorted({*DS1, *DS2} if records is None else set(records))
    if not wanted:
        raise InputError("mitdb was asked for no records at all; name at least one")
    if not any((folder / f"{name}.hea").is_file() for name in wanted):
        raise InputError(
            f"no MIT-BIH records in {folder}: looked for {wanted[0]}.hea and others; pass the "
            "folder that holds them, or get them with `triptych data fetch mitdb`"
        )
    for name in wanted:
        for file in (f"{name}.hea", f"{name}.dat", f"{name}.atr"):
            if not (folder / file).is_file():
                raise InputError(
                    f"record {name} of mitdb has no file {file} in {folder}; "
                    "get it with `triptych data fetch mitdb`"
                )
    if lead == "each":
        read = [(_read(folder, name, k), k) for name in wanted for k in (0, 1)]
        recordings = tuple(
            replace(one, name=f"{one.name} lead {k}", channels=("ECG",)) for one, k in read
        )
    else:
        recordings = tuple(_read(folder, name, lead) for name in wanted)
    notes = tuple(
        f"record {each.name} has no lead {lead}: {each.channels[0]} is used"
        for each in recordings
        if isinstance(lead, str) and lead != "each" and each.channels[0] != lead
    )
    if rhythms:
        recordings = tuple(part for each in recordings for part in _rhythms(folder, each))
    files = [folder / f"{name}.{kind}" for name in wanted for kind in ("hea", "dat", "atr")]
    title = "MIT-BIH Arrhythmia Database 1.0.0"
    return Dataset("mitdb", title, recordings, download.fingerprint(files), notes)


@contextmanager
def _wfdb() -> Generator[Any]:
    # It brings pandas, so it is imported only where it is used; and it calls pandas in ways
    # that newer versions warn of, which is nothing a user of ours could act upon.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield importlib.import_module("wfdb")


def _rhythms(folder: Path, recording: Recording) -> list[Recording]:
    with _wfdb() as wfdb:
        annotation = wfdb.rdann(str(folder / recording.name.split(" ")[0]), "atr")
    return by_rhythm(recording, annotation.sample, annotation.aux_note)


def _read(folder: Path, name: str, lead: str | int) -> Recording:
    stem = str(folder / name)
    try:
        with _wfdb() as wfdb:
            header = wfdb.rdheader(stem)
        leads = [str(each) for each in header.sig_name]
        rate, length = float(header.fs), int(header.sig_len)
        files = list(zip(header.file_name, header.fmt, strict=True))
        index = lead if isinstance(lead, int) else leads.index(lead) if lead in leads else 0
        unit = str(header.units[index])
        if not (rate > 0 and length > 0):
            raise ValueError(f"{length} samples at {rate} Hz")
    except Exception as error:  # wfdb meets a damaged header with many kinds of exception
        raise InputError(
            f"header {name}.hea in {folder} is damaged ({_reason(error)}); "
            "get it again with `triptych data fetch mitdb`"
        ) from error
    _require_whole(folder, name, files, length)
    try:
        if not (folder / f"{name}.atr").read_bytes().endswith(b"\0\0"):
            raise ValueError(f"{name}.atr is cut off: it does not end with the end mark")
        with _wfdb() as wfdb:
            record = wfdb.rdrecord(stem, channels=[index])
            annotation = wfdb.rdann(stem, "atr")
        signal = np.ascontiguousarray(record.p_signal.T, dtype=np.float32)
        sample = np.asarray(annotation.sample, dtype=np.int64)
        label = np.array([AAMI.get(symbol, "") for symbol in annotation.symbol], dtype="<U1")
        if len(sample) and not 0 <= sample.min() <= sample.max() < signal.shape[1]:
            raise ValueError(f"annotations outside of the {signal.shape[1]} samples")
        events = Events(sample[label != ""], label[label != ""])
    except Exception as error:
        raise InputError(
            f"record {name} of mitdb in {folder} cannot be read ({_reason(error)}); "
            "get it again with `triptych data fetch mitdb`"
        ) from error
    signals.validate(signal, rate, name=f"record {name} of mitdb", channels=(leads[index],))
    return Recording(
        name, person(name), signal, rate, (leads[index],), units=(unit,), events=events
    )


def _reason(error: Exception) -> str:
    said = str(error).split("\n")[0]
    return said if type(error) is ValueError and said else f"{type(error).__name__}: {said}"


def _require_whole(folder: Path, name: str, files: list[tuple[str, str]], length: int) -> None:
    for file in dict.fromkeys(file for file, _ in files):
        here = folder / str(file)
        found = here.stat().st_size if here.is_file() else 0
        widths = [_BYTES_PER_SAMPLE.get(str(form)) for each, form in files if each == file]
        if None in widths:
            continue  # a format of variable size: reading will tell
        expected = math.ceil(sum(width or 0.0 for width in widths) * length)
        if found < expected:
            raise InputError(
                f"record {name} of mitdb is cut off: {here} has {found} bytes, expected "
                f"{expected}; get it again with `triptych data fetch mitdb`"
            )


def split(
    dataset: Dataset, validation_fraction: float = 0.2, seed: int = 0
) -> tuple[Dataset, Dataset, Dataset]:
    """Split between subjects: DS1 into training and validation, DS2 as test.

    Record 202 is left out of the test side, because its subject is in DS1 (201); records in
    neither set (the paced ones) are in no part.

    Validation subjects: orders of DS1's subjects are drawn from `seed` until the first subjects of
    one hold, for both V and S, between half and twice their fair share of the beats (if 1,000
    orders bring none, the best of them is taken). A plain draw may leave a side without a
    class: 40 % of S are in record 209. For the same reason a subject with more than half of all
    beats of N, S, V or F stays in training, if enough others remain (208 has 90 % of F).

    Returns
    -------
    (train, validation, test)

    Raises
    ------
    InputError
        If DS1 has fewer than two subjects here, or the fraction is not between 0 and 1.
    """
    if not 0 < validation_fraction < 1:
        raise InputError(f"validation_fraction is {validation_fraction!r}, expected 0 to 1")
    development = [each for each in dataset.recordings if each.name in DS1]
    people = sorted({each.subject for each in development})
    if len(people) < 2:
        raise InputError(
            f"mitdb here has {len(people)} subject of DS1, expected at least 2 to split off a "
            "validation side; load more records"
        )
    beats = np.array([_beats(development, each) for each in people])
    share = beats / np.maximum(beats.sum(axis=0), 1)
    count = min(max(1, round(validation_fraction * len(people))), len(people) - 1)
    pool: Ints = np.flatnonzero(share.max(axis=1) <= 0.5)
    if len(pool) < count:
        pool = np.arange(len(people))
    balanced = [_CLASSES.index(each) for each in "VS" if beats[:, _CLASSES.index(each)].any()]
    rng = np.random.default_rng(seed)
    fairest, chosen = math.inf, pool[:count]
    for _ in range(1000):
        drawn = rng.permutation(pool)[:count]
        held = share[drawn][:, balanced].sum(axis=0) * len(people) / count
        ratio = np.maximum(held, 1e-9)
        unfair = float(np.maximum(ratio, 1 / ratio).max(initial=1.0))  # too much = too little
        if unfair < fairest:
            fairest, chosen = unfair, drawn
        if fairest <= 2.0:
            break
    validation = {people[int(index)] for index in chosen}
    return (
        dataset.select(each.name for each in development if each.subject not in validation),
        dataset.select(each.name for each in development if each.subject in validation),
        dataset.select(name for name in dataset.names if name in DS2 and name not in _NOT_TESTED),
    )


_CLASSES = "NSVF"


def _beats(recordings: list[Recording], who: str) -> list[int]:
    labels = [
        each.events.label for each in recordings if each.subject == who and each.events is not None
    ]
    return [sum(int((label == wanted).sum()) for label in labels) for wanted in _CLASSES]


def check(path: Path) -> download.Report:
    """Hold all 48 records against PhysioNet's checksums, and read those that differ."""
    report = download.compare("mitdb", path, download.checksums("mitdb.sha256"))
    unreadable: list[str] = []
    for name in sorted({Path(file).stem for file in report.different}):
        if not any(file.startswith(f"{name}.") for file in report.missing):
            try:
                _read(path, name, "MLII")
            except InputError as error:
                unreadable.append(str(error))
    return replace(report, unreadable=tuple(unreadable))


fetch = partial(download.fetch_files, ADDRESS, "mitdb.sha256")
"""Download what is missing from PhysioNet into `path`; see `download.fetch_files`."""
