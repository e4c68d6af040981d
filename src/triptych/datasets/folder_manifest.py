"""``recordings.csv``: what the user says about the files of a folder."""

from __future__ import annotations

import csv
from pathlib import Path

from triptych.datasets.folder_pieces import Said, reason
from triptych.errors import InputError

MANIFEST = "recordings.csv"
_COLUMNS = ("file", "rate", "label", "person")


def read_manifest(source: Path, root: Path, files: list[Path]) -> dict[Path, Said]:
    """What ``recordings.csv`` in `root` says of these files; nothing if there is none.

    Raises
    ------
    InputError
        For a table that cannot be read, or a line that names no file here, or one a second time.
    """
    place = root / MANIFEST
    if not source.is_dir() or not place.is_file():
        return {}
    by_name = {file.relative_to(root).with_suffix("").as_posix(): file for file in files}
    by_name |= {file.relative_to(root).as_posix(): file for file in files}
    said: dict[Path, Said] = {}
    try:
        with open(place, encoding="utf-8-sig", newline="") as handle:
            titles, *lines = list(csv.reader(handle, strict=True)) or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{place} cannot be read as a table ({reason(error)})") from error
    names = [_title(each) for each in titles]
    if not any(names):
        return {}
    if "file" not in names:
        raise InputError(
            f"{place} has no column 'file'; expected file and any of rate, label, person"
        )
    for line, row in enumerate(lines, start=2):
        if not row:
            continue
        # A short row lacks cells; an empty one says nothing either, nor does one without a title.
        cells = {name: each.strip() for name, each in zip(names, row, strict=False) if name}
        cell = {key: cells.pop(key, "") or None for key in _COLUMNS}
        file = by_name.get(cell["file"] or "")
        if file is None or file in said:
            fault = "twice" if file else "which is not a recording in this folder"
            raise InputError(f"line {line} of {place} names {cell['file']!r} {fault}; correct it")
        try:
            rate = float(cell["rate"]) if cell["rate"] else None
        except ValueError as error:
            raise InputError(
                f"line {line} of {place} has rate {cell['rate']!r}, expected a number of Hz"
            ) from error
        further = {name: cells.get(name, "") for name in names if name and name not in _COLUMNS}
        said[file] = Said(rate, cell["label"], cell["person"], further)
    return said


def _title(text: str) -> str:
    """Title of a column: what it means is known in capitals, too."""
    word = text.strip()
    return word.lower() if word.lower() in _COLUMNS else word
