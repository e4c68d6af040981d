"""Tables about recordings: a manifest of files, and what is known of subjects."""

from __future__ import annotations

import importlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from triptych.datasets.readers import words
from triptych.datasets.readers.stretch import Findings, listed
from triptych.datasets.readers.table import TEXT, kind_of
from triptych.datasets.readers.text import content, form_of
from triptych.errors import InputError

MANIFEST = "recordings"  # the name of a table that must be a manifest
ABOUT_SUBJECTS = ("subjects", "participants", "patients", "demographics")
SMALL = 1 << 22  # bytes; a larger table holds samples, except beside records
FILE = ("file", "filename", "file name", "path", "record", "recording", "record name", "ecg id")


@dataclass
class Metadata:
    """What tables say: of files (rate, label, subject, attributes), and of subjects."""

    of_file: dict[Path, dict[str, str]] = field(default_factory=dict[Path, dict[str, str]])
    of_subject: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    files: list[Path] = field(default_factory=list[Path])


def metadata_of(source: Path, files: list[Path], findings: Findings) -> tuple[list[Path], Metadata]:
    """Files that are recordings, and what the other tables say about them.

    A table is a manifest if a column of it names files of the folder, or if it is called
    recordings; a table of subjects if it is called so. Beside records that describe themselves
    (WFDB, EDF) no table is read as signals.
    """
    about = Metadata()
    others = [each for each in files if kind_of(each) not in TEXT]
    described = any(kind_of(each) in (".hea", ".edf", ".bdf") for each in others)
    largest = float("inf") if described else SMALL
    kept: list[Path] = []
    by_name = _by_name(source, files)
    for file in files:
        stem = file.name.split(".")[0].lower()
        named = stem == MANIFEST or stem in ABOUT_SUBJECTS
        if kind_of(file) not in TEXT or (file.stat().st_size > largest and not named):
            kept.append(file)
            continue
        frame = _frame(file, findings, must=named)
        if frame is None and not described:
            kept.append(file)
            continue
        place = None if frame is None else _file_column(frame, by_name, must=stem == MANIFEST)
        if place is not None:
            _manifest(source, file, frame, place, by_name, about, findings)
        elif stem == MANIFEST:
            raise InputError(
                f"{file} has no column 'file'; expected file and any of rate, label, subject"
            )
        elif stem in ABOUT_SUBJECTS:
            _subjects(file, frame, about)
        elif described:
            findings.say(
                "tables beside records are not read as signals; pass the file itself to read it",
                file.relative_to(source).as_posix(),
            )
            about.files.append(file)
        else:
            kept.append(file)
    if not kept:
        raise InputError(f"{source} holds tables about recordings, but no recordings")
    if about.of_file and len(about.of_file) < len(kept):
        missing = [f.relative_to(source).as_posix() for f in kept if f not in about.of_file]
        findings.say(
            f"the manifest does not name {len(missing)} of {len(kept)} files: {listed(missing)}"
        )
    further = {key for each in about.of_file.values() for key in each} - {
        "rate",
        "label",
        "subject",
    }
    further |= {key for each in about.of_subject.values() for key in each}
    if further:
        findings.say(f"attributes of the recordings are {', '.join(sorted(further))}")
    return kept, about


def _by_name(source: Path, files: list[Path]) -> dict[str, Path]:
    """Every way to write a file's name → the file; names that two files have are left out."""
    found: dict[str, Path | None] = {}
    for file in files:
        relative = file.relative_to(source)
        bare = relative.with_suffix("")
        for each in {relative.as_posix(), bare.as_posix(), file.name, file.stem}:
            found[each] = None if each in found and found[each] != file else file
    return {name: file for name, file in found.items() if file is not None}


def _frame(file: Path, findings: Findings, must: bool) -> Any:
    """A small table as text; None if it is none (or, where it must be one, an InputError)."""
    pandas: Any = importlib.import_module("pandas")
    try:
        data, encoding = content(file, Findings())
        form = form_of(file, data, encoding, Findings())
        with warnings.catch_warnings():  # pandas says that a last empty column is left out
            warnings.simplefilter("ignore")
            frame = pandas.read_csv(
                io.BytesIO(data), sep=form.delimiter, encoding=encoding, header=None, dtype=str,
                skiprows=form.skipped, keep_default_na=False, skipinitialspace=True,
                index_col=False, names=range(len(form.titles)),
            )  # fmt: skip
        frame.columns = [each.strip() for each in form.titles]
        return frame.map(str.strip)
    except InputError:
        if must:
            raise
        return None
    except Exception as error:  # pandas meets damaged files with many exceptions
        if must:
            text = (str(error).strip().splitlines() or ["no details"])[0][:120]
            raise InputError(f"{file} cannot be read as a table ({text})") from error
        return None


def _file_column(frame: Any, by_name: Mapping[str, Path], must: bool) -> str | None:
    """The column that names files of the folder in most of its rows.

    Under another title than one of `FILE` (or ``filename_lr``) names must have their extensions or
    folders: a label "a" is not the file a.csv.
    """
    titles = [each for each in frame.columns if words.title(str(each))[0] in FILE]
    for each in titles if must else [*titles, *frame.columns]:
        cells = [_plain(cell) for cell in frame[each][:200]]
        whole = each in titles
        hits = {
            cell
            for cell in cells
            if cell in by_name and (whole or "/" in cell or by_name[cell].suffix in cell)
        }
        if hits and (2 * len(hits) >= len(cells) or must):
            return str(each)
    return str(titles[0]) if titles and must else None


def _plain(cell: str) -> str:
    return cell.strip().replace("\\", "/").removeprefix("./")


def _manifest(
    source: Path,
    file: Path,
    frame: Any,
    place: str,
    by_name: Mapping[str, Path],
    about: Metadata,
    findings: Findings,
) -> None:
    about.files.append(file)
    names = [str(each) for each in frame.columns if str(each)]
    meant = {
        "subject": words.column(names, words.SUBJECT),
        "label": words.column(names, words.LABEL),
        "rate": words.column(names, words.RATE),
    }
    unknown: list[str] = []
    for line, row in enumerate(frame.to_dict("records"), start=2):
        name = _plain(row[place])
        found = by_name.get(name)
        if not name:
            continue
        if found is None:
            unknown.append(name)
            continue
        if found in about.of_file:
            raise InputError(f"line {line} of {file} names {name!r} twice; correct it")
        said = {key: row[title] for key, title in meant.items() if title and row[title]}
        taken = {place, *meant.values()}
        said |= {name: str(row[name]) for name in names if name not in taken}
        about.of_file[found] = said
    if unknown and len(unknown) == len(frame):
        raise InputError(
            f"{file} names {listed(unknown)}, which are no recordings in {source}; correct it"
        )
    if unknown:
        findings.say(
            f"the manifest names {len(unknown)} files that are not here: {listed(unknown)}",
            file.name,
        )


def _subjects(file: Path, frame: Any, about: Metadata) -> None:
    about.files.append(file)
    names = [str(each) for each in frame.columns]
    subject = words.column(names, (*words.SUBJECT, "id")) or names[0]
    for row in frame.to_dict("records"):
        rest = {name: str(row[name]) for name in names if name != subject}
        about.of_subject[words.text_of(row[subject])] = rest
