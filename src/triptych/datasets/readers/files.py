"""Which files of a folder hold recordings, which belong to them, and which are copies."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from triptych.datasets.readers import stacked
from triptych.datasets.readers.annotations import KNOWN
from triptych.datasets.readers.header import parse
from triptych.datasets.readers.metadata import tells_of_others
from triptych.datasets.readers.stretch import Findings, listed
from triptych.datasets.readers.table import kind_of
from triptych.datasets.readers.wfdb import segments_of
from triptych.errors import InputError
from triptych.files import readable

_SUMS = re.compile(r"(sha\d+|md5)sums?\b", re.I)  # lists of check sums name files, as manifests do


def files_of(
    source: Path, kinds: Sequence[str], findings: Findings, wanted: str | None = None
) -> list[Path]:
    """Files that may hold recordings, in order; links to nowhere and other files are said.

    `wanted` is a pattern of their paths in the folder, or of their names.

    Raises
    ------
    InputError
        If there is no such folder or file, or none of these kinds in it.
    """
    known = ", ".join(kinds)
    if not source.exists():
        raise InputError(f"there is no {source}; pass the folder or file with your recordings")
    if source.is_file():
        if kind_of(source) not in kinds:
            raise InputError(f"{source} is of an unknown kind; expected one of {known}")
        return [source]
    every = sorted(
        each
        for each in source.rglob("*")
        if not any(p.startswith((".", "__MACOSX")) for p in each.relative_to(source).parts)
    )
    for each in every:
        if each.is_symlink() and not each.exists():
            findings.say("a link leads to a file that is missing", str(each))
    every = [each for each in every if each.is_file()]
    files = [each for each in every if kind_of(each) in kinds and not _SUMS.match(each.name)]
    headers = [each for each in files if each.suffix.lower() == ".hea"]
    parts = {part for each in headers for part in segments_of(each)}
    belong = {each for file in files for each in beside(file)}
    files = [each for each in files if each not in parts and each not in belong]
    above = [each for each in source.parent.glob("y_*.txt") if source != source.parent]
    if any(source in part.parents for each in above for part in stacked.members(each)):
        raise InputError(
            f"{source} holds windows of which labels and subjects are beside it; pass the folder "
            f"above, {source.parent}"
        )
    if any(map(stacked.channels_of, files)):  # others are features of them, or descriptions
        text = {each for each in files if each.suffix == ".txt" and not stacked.channels_of(each)}
        files = [each for each in files if each not in text]
    if not files:
        raise InputError(f"{source} holds no recordings; expected files of the kinds {known}")
    known_too = {*files, *parts, *belong}
    files = _wanted(source, files, wanted, findings)
    others = [each for each in every if each not in known_too]
    if others:
        names = [each.relative_to(source).as_posix() for each in others]
        findings.say(f"{len(others)} files of other kinds are not read: {listed(names, 5)}")
    return files


def _wanted(source: Path, files: list[Path], pattern: str | None, findings: Findings) -> list[Path]:
    if pattern is None:
        return files
    names = {each: readable(each.relative_to(source).as_posix()) for each in files}
    kept = [
        each
        for each, name in names.items()
        if any(fnmatch(text.casefold(), pattern.casefold()) for text in (name, each.name))
    ]
    if not kept:
        told = listed(sorted(names.values()), 5)
        raise InputError(f"--files {pattern!r} names no file of {source}; it has {told}")
    about = [each for each in files if each not in kept and tells_of_others(each)]
    if left := len(files) - len(kept) - len(about):
        findings.say(f"{left} files are not asked for (--files)")
    return [each for each in files if each in {*kept, *about}]


def beside(file: Path) -> list[Path]:
    """Signals and annotations of a WFDB record and all of its segments; what belongs to others."""
    if windows := stacked.members(file):
        return windows
    if file.suffix.lower() != ".hea":
        marks = file.with_name(f"{file.name}.seizures")  # as CHB-MIT has them
        return [marks] if marks.is_file() else []
    own = sorted({*KNOWN, "dat", "mat", "xws"})  # looked for by name: a folder may be large
    same = [file.with_suffix(f".{s}") for each in own for s in (each, each.upper())]
    try:
        named = [file.parent / each.file for each in parse(file).channels]
    except (InputError, OSError):  # said when the record itself is read
        named = []
    segments = [each for each in segments_of(file) if each.is_file()]
    inner = [other for each in segments for other in (each, *beside(each))]
    return list(dict.fromkeys(each for each in (*same, *named, *inner) if each.is_file()))


def without_copies(files: Sequence[Path], findings: Findings) -> list[Path]:
    """Files without byte-identical copies: one recording must not be on both sides of a split."""
    sizes = Counter(each.stat().st_size for each in files)
    first: dict[str, Path] = {}
    copies: set[Path] = set()
    for file in sorted(files, key=lambda each: (len(each.name), each)):
        size = file.stat().st_size
        if sizes[size] == 1 or not size or file.suffix.lower() == ".hea":
            continue
        digest = file.suffix + hashlib.sha256(file.read_bytes()).hexdigest()
        if digest in first:
            copies.add(file)
            findings.say(f"a copy of {first[digest].name} is left out", str(file))
        first.setdefault(digest, file)
    return [each for each in files if each not in copies]


def stem_of(file: Path, root: Path, kinds: Sequence[str]) -> str:
    """Name of a file's recordings: its path in the folder, without extensions."""
    relative = file.relative_to(root)
    while relative.suffix and kind_of(relative) in kinds:
        relative = relative.with_suffix("")
    return readable(relative.as_posix())
