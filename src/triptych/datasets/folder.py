"""A person's own recordings: a folder (or one file) of WFDB records, arrays or tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from triptych.datasets import download
from triptych.datasets.folder_arrays import read_npy, read_npz, read_wfdb, segments_of
from triptych.datasets.folder_doubts import doubts, inventory
from triptych.datasets.folder_manifest import MANIFEST, read_manifest
from triptych.datasets.folder_pieces import SHORTEST, Piece, Said, finish, pick
from triptych.datasets.folder_tables import Columns, read_table
from triptych.datasets.recordings import Dataset, Recording
from triptych.errors import InputError


def load(
    path: str | Path,
    rate: float | None = None,
    label_column: str | None = None,
    person_column: str | None = None,
    signal_columns: str | Sequence[str] | None = None,
) -> Dataset:
    """Read every recording of a folder and its subfolders, or of one file.

    - ``.hea``: WFDB record; beats of an ``.atr`` beside it become events (AAMI classes).
    - ``.npy``: array (channels, time) or (n, channels, time). Pickled objects are refused.
    - ``.npz``: the same, beside optional ``rate``, ``label``, ``person``, ``record`` (one
      value, or n).
    - ``.csv``, ``.parquet``: one row per sample, one column a channel, optional columns ``rate``,
      ``label``, ``person`` and ``time`` or ``timestamp`` (s); where person or label changes, a
      new recording begins.
    - ``recordings.csv`` (optional): columns ``file`` and any of ``rate``, ``label``, ``person``;
      it overrides what a file says of label and person. Every further column is an attribute of
      the recordings (a word or a number; an empty cell: not known).

    Of a WFDB record in segments the whole is read. Titles of columns are read without regard to
    capitals and spaces around them. Stamped samples that are irregular, or not at the rate that is
    asked for, are resampled, and cut where ten samples or more are missing or the clock jumps
    back. Stretches of a file of fewer than ten samples are left out. A person who is not stated is
    taken from the file's name. Notes say so.

    Parameters
    ----------
    path
        Folder or file.
    rate
        Hz of the files that do not state it; for stamped ones the rate of the regular grid.
    label_column, person_column
        Columns of tables, where they are not called ``label`` and ``person``.
    signal_columns
        Channels to use, in this order (columns of tables, leads of records); default all.

    Raises
    ------
    InputError
        Nothing to read; a file that cannot be parsed or would execute code; rate unknown or
        contradictory; times too coarse, or in bursts; NaN, a constant channel; rates, channels or
        units that differ between files.
    """
    source = Path(path).expanduser()
    columns = _columns(label_column, person_column, signal_columns)
    files, notes = _files(source)
    root = source if source.is_dir() else source.parent
    manifest = read_manifest(source, root, files)
    recordings: list[Recording] = []
    nameless, resampled, short = 0, 0, 0
    for file in files:
        said = manifest.get(file, Said())
        said = replace(said, rate=said.rate or rate)
        pieces, left_out = _long(file, _READERS[file.suffix.lower()](file, columns))
        short += left_out
        stem = file.relative_to(root).with_suffix("").as_posix()
        moved = False
        for piece in pieces:
            finished = finish(file, stem, piece, said, columns.signal)
            recordings += finished.recordings
            moved |= finished.resampled
            short += finished.short
        resampled += moved
        nameless += said.person is None and any(piece.person is None for piece in pieces)
    if nameless:
        notes.append(
            f"{nameless} of {len(files)} files do not state a person: each is taken as one person, "
            "so that splits between people rest on one file = one person"
        )
    if resampled:
        rates = f"{recordings[0].rate:g} Hz" if recordings else "one rate"
        notes.append(f"{resampled} of {len(files)} files are resampled by their times to {rates}")
    if short:
        notes.append(f"{short} stretches of fewer than {SHORTEST} samples are left out")
    if not recordings:
        raise InputError(f"{source} has no stretch of {SHORTEST} samples or more of one person")
    further = {name for each in manifest.values() for name in each.attributes}
    if further:
        notes.append(f"{MANIFEST} has attributes of the recordings: {', '.join(sorted(further))}")
    if manifest and len(manifest) < len(files):
        notes.append(f"{MANIFEST} does not name {len(files) - len(manifest)} of {len(files)} files")
    recordings = _require_alike(source, recordings)
    notes += doubts(recordings)
    settings = (rate, columns)
    return Dataset(
        name=source.stem or "folder",
        title=f"own recordings: {source.name or source}",
        recordings=tuple(_same_order(recordings[0].channels, each) for each in recordings),
        fingerprint=_fingerprint(files, root / MANIFEST if manifest else None, settings),
        notes=tuple(notes),
    )


def _columns(
    label: str | None, person: str | None, signal_columns: str | Sequence[str] | None
) -> Columns:
    chosen = (signal_columns,) if isinstance(signal_columns, str) else signal_columns
    return Columns(label, person, tuple(chosen) if chosen else None)


def _long(file: Path, pieces: list[Piece]) -> tuple[list[Piece], int]:
    """Without a table's shortest stretches, and how many these are."""
    if len(pieces) == 1 or file.suffix.lower() not in (".csv", ".parquet"):
        return pieces, 0
    long = [each for each in pieces if each.signal.shape[1] >= SHORTEST]
    return long, len(pieces) - len(long)


def check(
    path: Path,
    rate: float | None = None,
    label_column: str | None = None,
    person_column: str | None = None,
    signal_columns: str | Sequence[str] | None = None,
) -> download.Report:
    """Try to read every file of a folder on its own, then all of them as `load` does.

    Files that cannot be read are listed.
    """
    files, others = _files(path)
    columns = _columns(label_column, person_column, signal_columns)
    unreadable: list[str] = []
    for file in files:
        try:
            _READERS[file.suffix.lower()](file, columns)
        except InputError as error:
            unreadable.append(str(error))
    faults: tuple[str, ...] = ()
    notes = tuple(others)
    if not unreadable:
        try:
            read = load(path, rate, label_column, person_column, columns.signal)
            notes = (inventory(read.recordings), *read.notes)
        except InputError as error:
            faults = (str(error),)
    return download.Report(
        "folder", path, len(files), unreadable=tuple(unreadable), faults=faults, notes=notes
    )


_READERS: dict[str, Callable[[Path, Columns], list[Piece]]] = {
    ".hea": lambda path, columns: read_wfdb(path),
    ".npy": lambda path, columns: read_npy(path),
    ".npz": lambda path, columns: read_npz(path),
    ".csv": read_table,
    ".parquet": read_table,
}


def _files(source: Path) -> tuple[list[Path], list[str]]:
    """Files that hold recordings, in order, and a note about the others."""
    kinds = ", ".join(_READERS)
    if not source.exists():
        raise InputError(f"there is no {source}; pass the folder or file with your recordings")
    if source.is_file():
        if source.suffix.lower() not in _READERS:
            raise InputError(f"{source} is of an unknown kind; expected one of {kinds}")
        return [source], []
    every = sorted(
        each
        for each in source.rglob("*")
        if each.is_file() and not any(p.startswith(".") for p in each.relative_to(source).parts)
    )
    files = [each for each in every if each.suffix.lower() in _READERS]
    parts = {part for each in files for part in _segments(each)}
    files = [each for each in files if each != source / MANIFEST and each not in parts]
    if not files:
        raise InputError(f"{source} holds no recordings; expected files of the kinds {kinds}")
    known = {source / MANIFEST, *files, *(other for file in files for other in _beside(file))}
    others = [each.relative_to(source).as_posix() for each in every if each not in known]
    more = ", ..." if len(others) > 5 else ""
    note = f"{len(others)} files of other kinds are not read: {', '.join(others[:5])}{more}"
    return files, [note] if others else []


def _segments(file: Path) -> list[Path]:
    """Headers of the segments of a WFDB record."""
    return segments_of(file) if file.suffix.lower() == ".hea" else []


def _beside(file: Path) -> list[Path]:
    """Signals and annotations of a WFDB record: files of the same stem, and all its segments'."""
    if file.suffix.lower() != ".hea":
        return []
    same = [each for each in file.parent.iterdir() if each.stem == file.stem]
    own = sorted(each for each in same if each.is_file() and each.suffix.lower() not in _READERS)
    segments = [each for each in _segments(file) if each.is_file()]
    return [*own, *(other for each in segments for other in (each, *_beside(each)))]


def _require_alike(source: Path, recordings: list[Recording]) -> list[Recording]:
    """Refuse what cannot be one data set; rates that their stamps cannot tell apart become one."""
    first = recordings[0]
    names: set[str] = set()
    units: dict[str, tuple[str, str]] = {}
    for each in recordings:
        if each.name in names:
            raise InputError(f"{source} holds two recordings called {each.name}; rename one")
        names.add(each.name)
        if abs(each.rate / first.rate - 1) > 1e-3:
            raise InputError(
                f"{source} mixes rates: {first.name} has {first.rate:g} Hz and {each.name} "
                f"{each.rate:g} Hz; resample them, or load them one by one (stamped tables are "
                "resampled to the rate that you pass)"
            )
        if len(each.channels) != len(first.channels):
            raise InputError(
                f"{source} mixes channels: {first.name} has {len(first.channels)} "
                f"({', '.join(first.channels)}) and {each.name} {len(each.channels)} "
                f"({', '.join(each.channels)}); pass signal_columns with those that all have"
            )
        for channel, unit in zip(each.channels, each.units, strict=False):
            known, where = units.setdefault(channel, (unit, each.name))
            if _same_unit(known) != _same_unit(unit):
                raise InputError(
                    f"{source} mixes units: channel {channel} is in {known} in {where}, but in "
                    f"{unit} in {each.name}; convert one of them"
                )
    return [replace(each, rate=first.rate) for each in recordings]


def _same_unit(unit: str) -> str:
    """Two spellings of a unit (uV and µV) are one."""
    return unit.strip().replace("µ", "u").replace("μ", "u").lower()


def _same_order(channels: tuple[str, ...], recording: Recording) -> Recording:
    """Files with the same channels in another order are brought into the first file's."""
    differs = recording.channels != channels and set(recording.channels) == set(channels)
    return pick(recording, channels, recording.name) if differs else recording


def _fingerprint(files: list[Path], manifest: Path | None, settings: object) -> str:
    """Hash of what was read; settings count too, since they change the signals."""
    read = [*files, *(other for file in files for other in _beside(file))]
    plain = download.fingerprint([*read, *([manifest] if manifest else [])])
    return f"sha256:{hashlib.sha256(f'{plain} {settings}'.encode()).hexdigest()}"
