"""WISDM 1.1 (2012): 36 people, six activities, a phone in the trouser pocket at 20 Hz.

Source: Kwapisz, Weiss and Moore, SIGKDD Explorations 12(2):74-82, 2011; terms in the archive's
readme.txt. ``WISDM_ar_v1.1_raw.txt`` has 1,098,207 lines as published; some are known to be
malformed (cut off, two on one line, a comma too many) and some have the timestamp 0.

There is no official checksum: `check` and `fetch` read the file and compare what they find with
the published number of people and lines, they do not verify it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from triptych.datasets import download, imu_text, packed
from triptych.datasets.recordings import Dataset
from triptych.errors import InputError

ADDRESS = "https://www.cis.fordham.edu/wisdm/includes/datasets/latest/WISDM_ar_latest.tar.gz"
FILE = "WISDM_ar_v1.1_raw.txt"
NOMINAL_HZ = 20.0
PEOPLE, LINES = 36, 1_098_207
CODES: Mapping[str, str] = {
    each.capitalize(): each
    for each in ("walking", "jogging", "upstairs", "downstairs", "sitting", "standing")
}
ACTIVITIES = tuple(CODES.values())

_FILES = re.compile(r"(?:WISDM_ar_v1\.1_raw|(?<![\w.])readme)\.txt$")
_PLACES = ("", "WISDM_ar_v1.1", "v1.1", "wisdm/v1.1")


def load(
    path: str | Path, activities: Sequence[str] | None = None, rate: float = NOMINAL_HZ
) -> Dataset:
    """Read ``WISDM_ar_v1.1_raw.txt`` (or ``.txt.xz``).

    Parameters
    ----------
    path
        Its folder, or one that holds it in ``WISDM_ar_v1.1/``, ``v1.1/`` or ``wisdm/v1.1/``.
    activities
        Some of `ACTIVITIES`; None = all six. ("upstairs" and "downstairs" are "stairs" in the
        edition of 2019.)
    rate
        Hz of the result, resampled from the timestamps.

    Returns
    -------
    Dataset
        Accelerations in g with gravity; recordings "33 jogging", numbered where there are
        several: a new one begins where the time jumps by more than 1 s. Less than 5 s are left
        out. Notes count malformed, repeated and unstamped lines.

    Raises
    ------
    InputError
        Wrong folder or activity, a damaged file, half of its lines malformed, another unit than
        m/s^2, or a dead axis.
    """
    wanted = (activities,) if isinstance(activities, str) else tuple(activities or ACTIVITIES)
    unknown = [each for each in wanted if each not in ACTIVITIES]
    if unknown:
        raise InputError(
            f"wisdm_v1 has no activity {', '.join(unknown)}; choose from {', '.join(ACTIVITIES)}"
        )
    file = _file(Path(path))
    if file is None:
        raise InputError(
            f"no {FILE} (or .xz) in {path}; pass the folder that holds it, or get it with "
            "`triptych data fetch wisdm_v1`"
        )
    text = packed.read(file)
    pieces, notes = imu_text.read_pieces(file, text, CODES, "m/s^2")
    scaled = [
        each._replace(values=each.values / imu_text.STANDARD_GRAVITY)
        for each in pieces
        if each.activity in wanted
    ]
    names, units = imu_text.channels(("acc",)), ("g",) * 3
    recordings, said = imu_text.to_recordings(scaled, names, units, rate, NOMINAL_HZ)
    if not recordings:
        raise InputError(
            f"{file} has no recording of {', '.join(wanted)} of at least "
            f"{imu_text.SHORTEST_S:g} s ({'; '.join([*notes, *said]) or 'no such lines'})"
        )
    print_of = packed.fingerprint([(packed.plain(file), text)])
    return Dataset("wisdm_v1", "WISDM 1.1 (2012)", recordings, print_of, (*notes, *said))


def _file(path: Path) -> Path | None:
    return next((each for place in _PLACES if (each := packed.find(path / place, FILE))), None)


def present(path: Path) -> bool:
    """Whether a folder looks like this data set."""
    return _file(path) is not None


def check(path: Path) -> download.Report:
    """Read the file and compare it with the published numbers of people and lines."""
    file = _file(path)
    if file is None:
        return download.Report("wisdm_v1", path, 1, missing=(FILE,))
    try:
        pieces, notes = imu_text.read_pieces(file, packed.read(file), CODES, "m/s^2")
    except InputError as error:
        return download.Report("wisdm_v1", file.parent, 1, unreadable=(str(error),))
    people, lines = len({each.person for each in pieces}), sum(len(each.times) for each in pieces)
    notes.append(
        f"{lines:,} usable lines of {people} people (published: {LINES:,} lines of {PEOPLE}); "
        "there is no official checksum"
    )
    return download.Report("wisdm_v1", file.parent, 1, notes=tuple(notes))


def fetch(
    path: str | Path,
    *,
    downloader: download.Downloader | None = None,
    progress: download.Progress | None = None,
) -> tuple[str, ...]:
    """Download the WISDM Lab's archive and unpack its raw file; a file that is there is kept."""
    if present(Path(path)):
        return ()
    return packed.fetch(ADDRESS, _FILES, {}, path, downloader=downloader, progress=progress)
