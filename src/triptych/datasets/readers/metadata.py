"""Tables about recordings: a manifest of files, and what is known of subjects."""

from __future__ import annotations

import importlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from triptych.datasets.readers import words
from triptych.datasets.readers.stretch import Findings, ReadOptions, listed
from triptych.datasets.readers.table import TEXT, kind_of
from triptych.datasets.readers.text import content, form_of
from triptych.errors import InputError
from triptych.files import readable

MANIFEST = "recordings"  # the name of a table that must be a manifest
ABOUT_SUBJECTS = ("subjects", "participants", "patients", "demographics")
SMALL = 1 << 22  # bytes; a larger table holds samples, except beside records
FILE = ("file", "filename", "file name", "path", "record", "recording", "record name", "ecg id")


@dataclass
class Metadata:
    """What tables say: of files (rate, label, subject, attributes), and of subjects.

    `titles` are those of the attributes, `meant` those that were taken as label and subject.
    """

    of_file: dict[Path, dict[str, str]] = field(default_factory=dict[Path, dict[str, str]])
    of_subject: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    files: list[Path] = field(default_factory=list[Path])
    titles: set[str] = field(default_factory=set[str])
    meant: dict[str, str] = field(default_factory=dict[str, str])

    def understood(self, options: ReadOptions) -> ReadOptions:
        """Options without a label or subject column that is taken from a manifest anyway."""
        known = {f"{role}_column": title.casefold() for role, title in self.meant.items()}
        asked = {name: str(getattr(options, name)).casefold() for name in known}
        return replace(options, **{n: None for n, title in known.items() if asked[n] == title})

    def says(self, column: str | None) -> bool:
        """Whether a table has this column about recordings or subjects."""
        return column is not None and column.casefold() in map(str.casefold, self.titles)


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
    by_name = names_of(source, files)
    for file in files:
        stem, named = _stem(file), tells_of_others(file)
        if kind_of(file) not in TEXT or (file.stat().st_size > largest and not named):
            kept.append(file)
            continue
        others = {name: each for name, each in by_name.items() if each != file}
        frame = table_of(file, others, must=named)
        if frame is None and not described:
            kept.append(file)
            continue
        places = [] if frame is None else file_columns(frame, by_name, must=stem == MANIFEST)
        if places:
            _manifest(source, file, frame, places, by_name, about, findings)
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
    held = [*about.of_file.values(), *about.of_subject.values()]
    about.titles = {key for each in held for key in each} - {"rate", "label", "subject"}
    if about.titles:
        findings.say(f"attributes of the recordings are {', '.join(sorted(about.titles))}")
    return kept, about


def tells_of_others(file: Path) -> bool:
    """Whether a file is called as a table about recordings or subjects is."""
    return _stem(file) in (MANIFEST, *ABOUT_SUBJECTS)


def _stem(file: Path) -> str:
    return file.name.split(".")[0].lower()


def names_of(source: Path, files: list[Path]) -> dict[str, Path]:
    """Every way to write a file's name → the file; names that two files have are left out."""
    found: dict[str, Path | None] = {}
    for file in files:
        relative = file.relative_to(source)
        bare = relative.with_suffix("")
        for each in {relative.as_posix(), bare.as_posix(), file.name, file.stem}:
            name = readable(each)
            found[name] = None if name in found and found[name] != file else file
    return {name: file for name, file in found.items() if file is not None}


def table_of(file: Path, by_name: Mapping[str, Path], must: bool) -> Any:
    """A small table as text; None if it is none (or, where it must be one, an InputError).

    One that names a file in its first line has no titles (as REFERENCE.csv of the CinC challenges):
    its columns are file and label.
    """
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
        titles = [each.strip() for each in form.titles]
        named = frame.map(plain).isin(list(by_name)).mean()
        places = [k for k, each in enumerate(titles) if plain(each) in by_name and named[k] > 0.5]
        if places:
            frame, place = pandas.concat([pandas.DataFrame([titles]), frame]), places[0]
            titles = [f"column {k + 1}" for k in range(len(titles))]
            titles[place] = "file"
            if len(titles) == 2:
                titles[1 - place] = "label"
        frame.columns = titles
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


def file_columns(frame: Any, by_name: Mapping[str, Path], must: bool) -> list[str]:
    """Columns that name files of the folder in most of their rows, or most of its files.

    Several are those of PTB-XL: the same at two rates.

    Under another title than one of `FILE` (or ``filename_lr``) names must have their extensions or
    folders: a label "a" is not the file a.csv.
    """
    titles = [each for each in frame.columns if words.title(str(each))[0] in FILE]
    found: list[str] = []
    files = len(set(by_name.values()))
    for each in titles if must else dict.fromkeys([*titles, *frame.columns]):
        cells = [plain(cell) for cell in frame[each]]
        whole = each in titles
        hits = {
            cell
            for cell in cells
            if cell in by_name and (whole or "/" in cell or by_name[cell].suffix in cell)
        }
        if hits and (2 * len(hits) >= min(len(cells), files) or must):
            found.append(str(each))
            if whole:
                break
    return found or [str(each) for each in titles[:1] if must]


def plain(cell: str) -> str:
    """A path in a table as `names_of` spells it."""
    return cell.strip().replace("\\", "/").removeprefix("./")


def _manifest(
    source: Path,
    file: Path,
    frame: Any,
    places: list[str],
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
    about.meant |= {role: str(meant[role]) for role in ("label", "subject") if meant[role]}
    unknown: list[str] = []
    for line, row in enumerate(frame.to_dict("records"), start=2):
        said = {key: row[title] for key, title in meant.items() if title and row[title]}
        taken = {*places, *meant.values()}
        said |= {name: str(row[name]) for name in names if name not in taken}
        for name in filter(None, (plain(row[place]) for place in places)):
            found = by_name.get(name)
            if found is None:
                unknown.append(name)
                continue
            if found in about.of_file:
                raise InputError(f"line {line} of {file} names {name!r} twice; correct it")
            about.of_file[found] = said
    if unknown and not about.of_file:
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
