"""WISDM 2019: 51 people, 18 activities of three minutes, phone in the pocket and watch.

Source: Weiss, Yoneda and Hayajneh, IEEE Access 7:133190-133202, 2019, doi:10.24432/C5HK59 (UCI
data set 507, CC BY 4.0). The nominal 20 Hz is wrong for some recordings: timestamps count.

`check` and `fetch` verify the uncompressed text of 52 accelerometer files (22 phone, 30 watch),
whose checksums are in wisdm.sha256. The other files of the 204 and the archive as a whole have no
known checksum: they are read, not verified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from triptych.datasets import download, imu_text, packed
from triptych.datasets.recordings import Dataset
from triptych.errors import InputError

ADDRESS = (
    "https://archive.ics.uci.edu/static/public/507/"
    "wisdm+smartphone+and+smartwatch+activity+and+biometrics+dataset.zip"
)
NOMINAL_HZ = 20.0
CODES: Mapping[str, str] = {
    "A": "walking", "B": "jogging", "C": "stairs", "D": "sitting", "E": "standing", "F": "typing",
    "G": "teeth", "H": "soup", "I": "chips", "J": "pasta", "K": "drinking", "L": "sandwich",
    "M": "kicking", "O": "catch", "P": "dribbling", "Q": "writing", "R": "clapping", "S": "folding",
}  # fmt: skip
ACTIVITIES = tuple(CODES.values())
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "watch-18": {"device": "watch"},
        "phone-5": {"device": "phone", "activities": ACTIVITIES[:5]},
    }
)
"""Options of `load` for the sets of the study."""

WRIST_LIKE = ("1637", "1638", "1639", "1640")
"""Phone files that look like the watch: its clock and resolution, gravity on x as on the wrist,
and 0.3-0.5 g of movement in clapping, where the other pockets have 0.1 g at most."""

_FOLDER = {"acc": "accel", "gyro": "gyro"}
_FILE = re.compile(r"raw/(phone|watch)/(accel|gyro)/data_\d+_\2_\1\.txt$")


def load(
    path: str | Path,
    device: Literal["watch", "phone", "any"] = "watch",
    sensors: Sequence[str] = ("acc",),
    activities: Sequence[str] | None = None,
    rate: float = NOMINAL_HZ,
) -> Dataset:
    """Read the raw text files (``raw/DEVICE/accel/data_NNNN_accel_DEVICE.txt`` or ``.txt.xz``).

    Parameters
    ----------
    path
        Folder that holds ``raw/``, or one with ``wisdm-dataset/raw/`` in it.
    device, sensors, activities
        Which device (any: both, as recordings "1600 walking watch" and "1600 walking phone");
        "acc", "gyro" or both (at the moments of the first, people who have both); some of
        `ACTIVITIES` (None = all).
    rate
        Hz of the result, resampled from the timestamps.

    Returns
    -------
    Dataset
        Recordings "1600 walking" with `label` "walking": acceleration in g with gravity, angular
        velocity in rad/s. Where the time jumps by more than 1 s a new one begins ("... 2"); less
        than 5 s are left out. Notes say what was dropped and which real rates differ.

    Raises
    ------
    InputError
        Wrong folder or option, a damaged file, half of its lines malformed, m/s^2 that are g, or
        an axis that is dead in all of a file.
    """
    sensors = imu_text.require_sensors(sensors)
    if device == "any":
        return _both(*(load(path, each, sensors, activities, rate) for each in ("watch", "phone")))
    wanted = _require(device, activities)
    tables = [_files(Path(path), device, sensor) for sensor in sensors]
    shared = sorted(set(tables[0]).intersection(*tables))
    if not shared:
        raise InputError(
            f"no WISDM 2019 files of {device} {' with '.join(sensors)} in {path}: looked for "
            f"raw/{device}/{_FOLDER[sensors[-1]]}/data_*.txt or .txt.xz; pass the folder that "
            "holds raw/, or get it with `triptych data fetch wisdm`"
        )
    notes: list[str] = []
    pieces: list[imu_text.Piece] = []
    contents: list[tuple[str, bytes]] = []
    for person in shared:
        parts: list[list[imu_text.Piece]] = []
        for sensor, table in zip(sensors, tables, strict=True):
            text = packed.read(table[person])
            contents.append((packed.plain(table[person]), text))
            found, said = _read(table[person], text, sensor)
            parts.append([each for each in found if each.activity in wanted])
            notes += said
        pieces += parts[0] if len(parts) == 1 else imu_text.join(*parts)
    if len(sensors) == 2 and len(shared) < max(map(len, tables)):
        notes.append(f"{len(shared)} people have both sensors, the others are left out")
    units = tuple(imu_text.UNITS[sensor] for sensor in sensors for _ in "xyz")
    names = imu_text.channels(sensors)
    recordings, said = imu_text.to_recordings(pieces, names, units, rate, NOMINAL_HZ)
    notes += said
    if not recordings:
        raise InputError(
            f"{path} has no recording of {', '.join(wanted)} on the {device} of at least "
            f"{imu_text.SHORTEST_S:g} s ({'; '.join(notes) or 'no such lines'})"
        )
    wrist = [each for each in WRIST_LIKE if each in shared]
    if device == "phone" and wrist:
        notes.append(f"phone files of {', '.join(wrist)} look as if recorded on the wrist (kept)")
    title = f"WISDM 2019, {device}"
    return Dataset(f"wisdm-{device}", title, recordings, packed.fingerprint(contents), tuple(notes))


def _both(*sets: Dataset) -> Dataset:
    recordings = tuple(
        replace(each, name=f"{each.name} {one.name.removeprefix('wisdm-')}")
        for one in sets
        for each in one.recordings
    )
    origin = packed.fingerprint((one.name, one.fingerprint.encode()) for one in sets)
    notes = tuple(said for one in sets for said in one.notes)
    return Dataset("wisdm-any", "WISDM 2019, watch and phone", recordings, origin, notes)


def _require(device: str, activities: Sequence[str] | None) -> tuple[str, ...]:
    if device not in ("watch", "phone"):
        raise InputError(f"wisdm has no device {device!r}, expected 'watch', 'phone' or 'any'")
    wanted = (activities,) if isinstance(activities, str) else tuple(activities or ACTIVITIES)
    unknown = [each for each in wanted if each not in ACTIVITIES]
    if unknown:
        raise InputError(
            f"wisdm has no activity {', '.join(unknown)}; choose from {', '.join(ACTIVITIES)}"
        )
    return wanted


def _read(path: Path, text: bytes, sensor: str) -> tuple[list[imu_text.Piece], list[str]]:
    if sensor == "gyro":
        return imu_text.read_pieces(path, text, CODES, None)
    pieces, notes = imu_text.read_pieces(path, text, CODES, "m/s^2")
    scaled = [each._replace(values=each.values / imu_text.STANDARD_GRAVITY) for each in pieces]
    return scaled, notes


def _base(path: Path) -> Path:
    return next((each for each in (path, path / "wisdm-dataset") if (each / "raw").is_dir()), path)


def _files(path: Path, device: str, sensor: str) -> dict[str, Path]:
    """File of each person; of a plain and a compressed one the plain."""
    kind = _FOLDER[sensor]
    folder = _base(path) / "raw" / device / kind
    found = sorted(folder.glob(f"data_*_{kind}_{device}.txt*"), reverse=True)
    return {each.name.split("_")[1]: each for each in found if packed.plain(each).endswith(".txt")}


def check(path: Path) -> download.Report:
    """Verify the 52 files with known checksums; read those that differ and all others."""
    base, table = _base(path), download.checksums("wisdm.sha256")
    report = packed.compare("wisdm", base, table)
    unreadable, notes = list(report.unreadable), list(report.notes)
    others = 0
    for device in ("watch", "phone"):
        for sensor, kind in _FOLDER.items():
            for file in _files(base, device, sensor).values():
                name = f"raw/{device}/{kind}/{packed.plain(file)}"
                others += name not in table
                if name in table and name not in report.different:
                    continue
                try:
                    notes += _read(file, packed.read(file), sensor)[1]
                except InputError as error:
                    unreadable += [str(error)] * (str(error) not in unreadable)
    if others:
        notes.append(f"{others} files without a known checksum were read, not verified")
    return replace(report, unreadable=tuple(unreadable), notes=tuple(notes))


fetch = partial(packed.fetch, ADDRESS, _FILE, "wisdm.sha256")
"""Download the archive from UCI and unpack its raw files; see `packed.fetch`."""
