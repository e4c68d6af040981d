"""Data sets by name: each is a module of this folder and one line in the table below.

A module has ``load(...) -> Dataset``. One that reads files takes the folder as first argument
and may have ``check(path) -> Report`` (is this folder complete and sound?) and ``fetch(path)``
(download it from its official address).
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from triptych.datasets.download import Progress, Report, locate, target_folder
from triptych.errors import InputError
from triptych.lazy import attach

# One line for each public name: type checkers read them, and so does `attach`.
if TYPE_CHECKING:
    from triptych.datasets.memory.arrays import from_arrays as from_arrays
    from triptych.datasets.memory.arrays import from_frame as from_frame
    from triptych.datasets.memory.mne import from_mne as from_mne
    from triptych.datasets.memory.rows import from_hf as from_hf
    from triptych.datasets.memory.windows import from_parquet as from_parquet
    from triptych.datasets.memory.windows import from_windows as from_windows
    from triptych.datasets.memory.xarray import from_xarray as from_xarray
    from triptych.datasets.recordings import Dataset as Dataset
    from triptych.datasets.recordings import Events as Events
    from triptych.datasets.recordings import Recording as Recording
    from triptych.datasets.recordings import Spans as Spans
    from triptych.datasets.recordings import preprocess as preprocess
    from triptych.datasets.windows import Windows as Windows
    from triptych.datasets.windows import cut as cut
    from triptych.datasets.windows import event_windows as event_windows
    from triptych.datasets.windows import random_windows as random_windows

# Hidden from type checkers, which would otherwise believe every misspelt name.
if not TYPE_CHECKING:
    __getattr__, __dir__, __all__ = attach(__name__)
    __all__ += ["Report", "check", "fetch", "load", "locate", "named", "names", "summary"]
    # modules with a split, presets or settings of their own, imported when used
    __all__ += ["mitdb", "simulated", "wisdm"]


class _Entry(NamedTuple):
    module: str
    files: Literal["located", "given", "none"]  # found by name, named by the user, or generated
    summary: str


_TABLE = {
    "mitdb": _Entry("mitdb", "located", "MIT-BIH Arrhythmia: 48 two-lead ECGs of 30 min, beats"),
    "wisdm": _Entry("wisdm", "located", "WISDM 2019: phone and watch, 51 subjects, 18 activities"),
    "wisdm_v1": _Entry("wisdm_v1", "located", "WISDM 1.1: phone, 36 subjects, six activities"),
    "hapt": _Entry("hapt", "located", "HAPT: phone on the waist, 30 subjects, 6 or 12 activities"),
    "ppg_spc2015": _Entry("ppg_spc2015", "located", "SPC 2015: wrist PPG, 12 subjects, heart rate"),
    "emg_gestures": _Entry("emg_gestures", "located", "EMG armband: 36 subjects, 6 or 7 gestures"),
    "eeg_bonn": _Entry("eeg_bonn", "located", "Bonn EEG: 500 segments in 5 sets, subjects unknown"),
    "simulated": _Entry("simulated", "none", "simulated ECG and IMU cohorts, no files needed"),
    "folder": _Entry("readers.folder", "given", "your own recordings in a folder or file"),
}


def names() -> tuple[str, ...]:
    """Names that `load` understands."""
    return tuple(_TABLE)


def summary(name: str) -> str:
    """Describe a data set in one line."""
    return _entry(name).summary


def _entry(name: str) -> _Entry:
    if name not in _TABLE:
        raise InputError(f"there is no data set {name!r}; choose one of {', '.join(_TABLE)}")
    return _TABLE[name]


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{_entry(name).module}")


def load(name: str, data: str | Path | None = None, **options: Any) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name
        One of `names`.
    data
        Its own folder or a root that holds ``<name>/``; see `locate`. Own recordings
        ("folder") need it, generated ones ("simulated") have none.
    options
        Passed to the module's ``load`` (e.g. ``records`` for mitdb).

    Raises
    ------
    InputError
        Unknown name, no such folder, or files that cannot be read.
    """
    entry, module = _entry(name), _module(name)
    if entry.files == "none":
        if data is not None:
            raise InputError(f"{name} is generated and reads no files; leave --data {data} out")
        return module.load(**options)
    if entry.files == "given":
        if data is None:
            raise InputError(f"{name} needs the folder of your recordings; pass it with --data")
        return module.load(Path(data).expanduser(), **options)
    return module.load(locate(name, data), **options)


def named(data: str) -> tuple[str | None, Path | None]:
    """Data set and place that a word means: ``mitdb:DIR``, ``mitdb:``, ``simulated:imu``; a path.

    A folder is a folder, whatever it is called: a data set is meant by a colon, or by a name where
    no such file is here.

    Returns
    -------
    Name of the data set (None: own recordings), and its folder, or what stands behind the colon.

    Raises
    ------
    InputError
        If it is neither.
    """
    name, colon, place = data.partition(":")
    path, entry = Path(data).expanduser(), _TABLE.get(name)
    if path.exists() and not (colon and entry):
        return None, path
    if entry is not None and entry.files == "given":
        return None, Path(place).expanduser()
    if entry is not None:
        return name, Path(place).expanduser() if place else None
    known = ", ".join(f"{each}:" for each, entry in _TABLE.items() if entry.files != "given")
    raise InputError(
        f"there is no data {data!r}: it is neither a file or folder nor a data set ({known} or "
        "with its folder, mitdb:DIR)"
    )


def fetch(name: str, target: str | Path | None = None, progress: Progress | None = None) -> Path:
    """Download a data set from its official address, checksums verified; return its folder.

    `target` is a root for several data sets, or the folder ``.../<name>``; without it
    ``$TRIPTYCH_DATA/<name>`` or the user's cache. Complete files are kept.

    Raises
    ------
    InputError
        If the data set has no download, there is no answer within 10 s, a checksum is wrong,
        or the folder cannot be written.
    """
    module = _module(name)
    if not hasattr(module, "fetch"):
        reason = getattr(module, "NO_DOWNLOAD", _entry(name).summary)
        raise InputError(f"{name} cannot be downloaded by triptych: {reason}")
    folder = target_folder(name, target)
    module.fetch(folder, progress=progress)
    return folder


def check(directory: str | Path | None, name: str | None = None, **options: Any) -> Report:
    """Whether the data set `name` is complete and sound; without a name, own recordings.

    `directory` is its own folder or a root that holds ``<name>/``; see `locate`. `options` are
    those of own recordings, as `readers.load` takes them.

    Raises
    ------
    InputError
        If the folder does not exist or holds nothing that can be checked.
    """
    module = _module(name or "folder")
    if name in (None, "folder"):
        return module.check(Path(directory or "").expanduser(), **options)
    options.pop("verbose", None)
    if options:
        raise InputError(f"{name} does not take {', '.join(options)}; leave them out")
    if not hasattr(module, "check"):
        raise InputError(f"{name} has no files that could be checked")
    return module.check(locate(str(name), directory))
