"""A folder of own recordings, or one file of them, as a data set."""

from __future__ import annotations

import hashlib
import importlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from triptych.datasets import download
from triptych.datasets.readers import stacked
from triptych.datasets.readers.alike import (
    alike,
    doubts,
    inventory,
    refuse_sensors_as_one,
    spelled,
)
from triptych.datasets.readers.companions import marks_of
from triptych.datasets.readers.files import beside, files_of, stem_of, without_copies
from triptych.datasets.readers.finish import finished, number
from triptych.datasets.readers.labels import split_labels
from triptych.datasets.readers.marks import Marks, applied
from triptych.datasets.readers.metadata import Metadata, metadata_of
from triptych.datasets.readers.stretch import SHORTEST, Findings, ReadOptions, listed
from triptych.datasets.readers.table import kind_of
from triptych.datasets.recordings import Dataset, Recording
from triptych.errors import InputError
from triptych.files import readable

# Extension → module of this folder with ``read(path, options, findings)``.
FORMATS = {
    ".hea": "wfdb",
    **dict.fromkeys((".edf", ".bdf"), "edf"),
    **dict.fromkeys((".npy", ".npz", ".mat"), "array"),
    **dict.fromkeys((".csv", ".tsv", ".txt", ".parquet", ".feather"), "table"),
}
UNTITLED = (".dat", ".log")  # tables, where their titles are given
OLD = {"signal_columns": "channels", "person_column": "subject_column"}  # names in older recipes
ALLOWED = {"missing": ("refuse", "interpolate", "mask", "cut"), "rows": ("samples", "windows")}


@dataclass
class Reading:
    """What became of a folder.

    Attributes
    ----------
    source, files
        What was read, and how many files could have been recordings.
    recordings, places
        In order, and the file of each by its name.
    findings, refused
        What was met on the way; file → why it cannot be read.
    read
        Every file that something was read from.
    fault
        Why the recordings are no one data set, if they are not.
    """

    source: Path
    files: int
    recordings: list[Recording] = field(default_factory=list[Recording])
    places: dict[str, Path] = field(default_factory=dict[str, Path])
    findings: Findings = field(default_factory=Findings)
    refused: dict[Path, str] = field(default_factory=dict[Path, str])
    read: list[Path] = field(default_factory=list[Path])
    fault: str = ""

    def refusals(self, verbose: bool = False) -> list[str]:
        """Why files cannot be read: one sentence per reason, and which other files have it too."""
        alike: dict[str, list[Path]] = {}
        for file, text in self.refused.items():
            alike.setdefault(text.replace(str(file), "").replace(file.name, ""), []).append(file)
        found: list[str] = []
        for first, *others in alike.values():
            names = [each.name for each in others]
            same = f" (the same of {listed(names, None if verbose else 3)})" if others else ""
            found.append(self.refused[first] + same)
        return found


def read(path: str | Path, options: ReadOptions) -> Reading:
    """Read every file; one that cannot be read is refused with its reason, the others stay.

    Raises
    ------
    InputError
        If there is no such folder or file, or nothing in it could be a recording.
    """
    source = Path(path).expanduser()
    root = source if source.is_dir() else source.parent
    findings = Findings(f"{root}/")
    kinds = [*FORMATS, *(UNTITLED if options.titles else ())]
    files, about, marks = (
        files_of(source, kinds, findings, options.files),
        Metadata(),
        dict[Path, Marks](),
    )
    beside_them: list[Path] = []
    if source.is_dir():
        files, marks, beside_them = marks_of(source, files, options, findings)
        files, about = metadata_of(source, files, findings)
        about.titles |= {each for mark in marks.values() for each in mark.taken}
        options = about.understood(options)
        files = without_copies(files, findings)
    done = Reading(source, len(files), findings=findings)
    done.read = [*files, *about.files, *beside_them]
    stems = Counter(stem_of(file, root, kinds) for file in files)
    for file in files:
        stem = stem_of(file, root, kinds)
        name = stem if stems[stem] == 1 else readable(file.relative_to(root).as_posix())
        try:
            made = _recordings(file, root, name, about, marks.get(file), options, findings)
        except InputError as error:
            done.refused[file] = str(error)
            continue
        done.recordings += made
        done.places |= {each.name: file for each in made}
    if done.recordings:
        done.recordings = spelled(split_labels(done.recordings, options, findings), findings)
        try:
            refuse_sensors_as_one(done.recordings, done.places)
            done.recordings = alike(source, done.recordings, options.channels, findings)
        except InputError as error:
            done.fault = str(error)
    return done


def load(path: str | Path, **options: Any) -> Dataset:
    """Read every recording of a folder and its subfolders, or of one file.

    Parameters
    ----------
    path
        Folder or file.
    **options
        Fields of `stretch.ReadOptions`.

    Raises
    ------
    InputError
        As `read` says, or if nothing can be read or what can is no one data set (see `alike`).
        Files that cannot be read are left out, which the notes say.
    """
    chosen = options_of(options)
    done = read(path, chosen)
    if not done.recordings:
        raise InputError("; ".join(done.refusals()[:2]) or f"{path} holds no recordings")
    if done.fault:
        raise InputError(done.fault)
    notes = [*done.findings.sentences(), *doubts(done.recordings)]
    if done.refused:
        count = f"{len(done.refused)} of {done.files} files cannot be read and are left out"
        notes.insert(0, f"{count}: {'; '.join(done.refusals()[:3])}")
    plain = download.fingerprint([each for file in done.read for each in (file, *beside(file))])
    return Dataset(
        name=readable(done.source.stem) or "folder",
        title=f"own recordings: {readable(done.source.name or str(done.source))}",
        recordings=tuple(done.recordings),
        fingerprint=f"sha256:{hashlib.sha256(f'{plain} {chosen}'.encode()).hexdigest()}",
        notes=tuple(map(readable, notes)),
    )


def check(path: Path, *, verbose: bool = False, **options: Any) -> download.Report:
    """What `load` reads of a folder, and what it cannot read."""
    done = read(path, options_of(options))
    notes = [*done.findings.sentences(verbose), *doubts(done.recordings)]
    return download.Report(
        "own recordings",
        done.source,
        done.files,
        unreadable=tuple(done.refusals(verbose)),
        faults=(done.fault,) if done.fault else (),
        notes=tuple(notes),
        summary=inventory(done.recordings) if done.recordings else "",
        recordings=tuple(described(each, done.places[each.name]) for each in done.recordings),
        refused=tuple((str(file), text) for file, text in done.refused.items()),
    )


def described(recording: Recording, file: Path | None = None) -> dict[str, Any]:
    """A recording as plain data: where it is from, and what it holds."""
    events = recording.events
    return {
        "file": str(file) if file else None,
        "record": recording.name,
        "subject": recording.subject,
        "label": recording.label,
        "rate": recording.rate,
        "samples": recording.signal.shape[1],
        "channels": list(recording.channels),
        "units": list(recording.units),
        "std": [float(row.std(dtype=np.float64)) for row in recording.signal],
        "start": recording.start,
        "events": []
        if events is None
        else [
            {"sample": int(sample), "label": str(label)}
            for sample, label in zip(events.sample, events.label, strict=True)
        ],
        "spans": [
            {"begin": float(begin), "end": float(end), "label": str(label)}
            for begin, end, label in zip(spans.begin, spans.end, spans.label, strict=True)
        ]
        if (spans := recording.spans) is not None
        else [],
        "attributes": dict(recording.attributes),
    }


def options_of(given: Mapping[str, Any]) -> ReadOptions:
    """Options by name, from a recipe or the command line.

    Raises
    ------
    InputError
        For a name or value that there is not.
    """
    said = {OLD.get(key, key): value for key, value in given.items() if value is not None}
    known = list(ReadOptions.__dataclass_fields__)
    unknown = [each for each in said if each not in known]
    if unknown:
        raise InputError(
            f"own recordings have no option {', '.join(unknown)}; choose from {', '.join(known)}"
        )
    label: Any = said.get("label_column")
    if isinstance(label, list | tuple):
        several = tuple(map(str, cast("list[str]", label)))
        said["label_column"] = several[0] if len(several) == 1 else None
        said["label_columns"] = several if len(several) > 1 else ()
    for each in ("channels", "no_label", "attributes", "titles"):
        if each in said:
            one = isinstance(said[each], str)
            said[each] = (said[each],) if one else tuple(map(str, said[each]))
    for each, values in ALLOWED.items():
        if said.get(each, values[0]) not in values:
            raise InputError(f"{each} is {said[each]!r}, expected one of {', '.join(values)}")
    share = said.get("min_share", 1.0)
    if not isinstance(share, int | float) or not 0 < share <= 1:
        raise InputError(f"min_share is {share!r}, expected a share of a window above 0 to 1")
    if "transitions" in said and "min_share" not in said:
        raise InputError("transitions name windows without a minimum share; pass min_share, too")
    if said.get("label_separator", ";") == "":
        raise InputError("label_separator is empty, expected the sign between labels, such as ;")
    rate = said.get("rate", 1.0)
    if not isinstance(rate, int | float) or not 0 < rate < np.inf:
        raise InputError(f"rate is {rate!r}, expected a number of Hz above 0")
    return ReadOptions(**said)


def _recordings(
    file: Path,
    root: Path,
    name: str,
    about: Metadata,
    marks: Marks | None,
    options: ReadOptions,
    findings: Findings,
) -> list[Recording]:
    kind = "stacked" if stacked.channels_of(file) else FORMATS.get(kind_of(file), "table")
    reader = importlib.import_module(f"triptych.datasets.readers.{kind}")
    own = options  # what tables beside the file say is not asked of the file itself
    for column in ("label_column", "subject_column"):
        if about.says(getattr(options, column)):
            own = replace(own, **{column: None})
    stretches = reader.read(file, own, findings)
    if marks is not None:
        rate = options.rate or number(about.of_file.get(file, {}).get("rate"), str(file))
        stretches = applied(stretches, marks, rate, options, findings)
    made = [
        recording
        for stretch in stretches
        for recording in finished(file, root, name, stretch, about, options, findings)
    ]
    if not made:
        raise InputError(f"{file} has no stretch of {SHORTEST} samples or more")
    return made
