"""Where data sets lie on this machine, how they get there, and whether they are complete."""

from __future__ import annotations

import errno
import hashlib
import importlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from triptych.errors import InputError

TIMEOUT_S = 10.0

Progress = Callable[[str, int, int], None]
"""Called before every file with its name, the number of finished files, and of all files."""

Downloader = Callable[[str, str, Any], None]
"""pooch's: called with (url, file to write, pooch)."""


@dataclass(frozen=True)
class Report:
    """What `check` found in the folder of one data set (names of files, without the folder)."""

    name: str
    path: Path
    expected: int
    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()  # the checksum is not the official one
    unreadable: tuple[str, ...] = ()  # one sentence each
    faults: tuple[str, ...] = ()  # of a file that can be read, or of all of them together
    notes: tuple[str, ...] = ()
    recordings: tuple[dict[str, Any], ...] = ()  # plain data of each, where they were read
    summary: str = ""  # of what was read
    refused: tuple[tuple[str, str], ...] = ()  # file and reason

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what was read, what was met, and what was refused."""
        bad = [(file, "missing") for file in self.missing]
        bad += [(file, "the checksum is not the official one") for file in self.different]
        bad += [("", text) for text in self.unreadable if not self.refused]
        bad += [("", fault) for fault in self.faults]
        return {
            "name": self.name,
            "path": str(self.path),
            "sound": self.ok,
            "recordings": list(self.recordings),
            "warnings": list(self.notes),
            "refused": [{"file": f, "reason": r} for f, r in (*self.refused, *bad)],
        }

    @property
    def ok(self) -> bool:
        """Whether every expected file is there, sound and readable."""
        return not (self.missing or self.different or self.unreadable or self.faults)

    def __str__(self) -> str:
        unread = max(len(self.unreadable), len(self.refused))  # a sentence may be of several files
        bad = len(self.missing) + len(self.different) + unread
        said = f"{max(0, self.expected - bad)} of {self.expected} files "
        said += "can be read, but there is a fault" if self.faults else "are sound"
        lines = [f"{self.name} in {self.path}: {said}"]
        for what, files in (("missing", self.missing), ("wrong checksum", self.different)):
            if files:
                more = f" and {len(files) - 8} more" if len(files) > 8 else ""
                lines.append(f"{what}: {', '.join(files[:8])}{more}")
        return "\n".join(
            [*lines, *self.unreadable, *self.faults, *filter(None, [self.summary]), *self.notes]
        )


def _pooch() -> Any:
    # Imported here, because `import triptych` must not pay for it.
    return importlib.import_module("pooch")


def _cache() -> Path:
    return Path(_pooch().os_cache("triptych"))


def _places(name: str) -> list[Path]:
    root = os.environ.get("TRIPTYCH_DATA")
    own = [Path(root).expanduser() / name] if root else []
    return [*own, _cache() / name]


def locate(name: str, data: str | Path | None = None) -> Path:
    """Find the folder of the data set `name`.

    `data` is the data set's own folder or a root that holds ``<name>/``. Without it the folder
    is ``$TRIPTYCH_DATA/<name>``, else ``<name>`` in the user's cache.

    Raises
    ------
    InputError
        If there is no such folder; the message says where it looked.
    """
    if data is None:
        candidates = _places(name)
    else:
        folder = Path(data).expanduser()
        candidates = [folder / name, folder]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise InputError(
        f"no folder with {name}: looked for {' and '.join(map(str, candidates))}; get the data "
        f"with `triptych data fetch {name}`, or say where it is with --data or TRIPTYCH_DATA"
    )


def target_folder(name: str, target: str | Path | None = None) -> Path:
    """Say where a download of `name` goes: a folder in which `locate` finds it afterwards.

    `target` is a root, or the data set's own folder if that bears its name. Without it:
    ``$TRIPTYCH_DATA/<name>`` if the variable is set, else the user's cache.
    """
    if target is None:
        return _places(name)[0]
    folder = Path(target).expanduser()
    return folder if folder.name == name else folder / name


def checksums(resource: str | Mapping[str, str]) -> Mapping[str, str]:
    """Table of this folder in the form of ``sha256sum``: file name -> sha256; or a given one."""
    if not isinstance(resource, str):
        return resource
    text = resources.files(__package__ or "").joinpath(resource).read_text(encoding="ascii")
    pairs = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {name: digest for digest, name in pairs}


def lacking(name: str, folder: Path) -> tuple[int, int]:
    """How many of a data set's official files a folder lacks (packed or not), and of how many.

    (0, 0) of one without a table of checksums.
    """
    if not resources.files(__package__ or "").joinpath(f"{name}.sha256").is_file():
        return 0, 0
    here = {each.name.removesuffix(".xz") for each in folder.rglob("*") if each.is_file()}
    wanted = [Path(each).name for each in checksums(f"{name}.sha256")]
    return sum(each not in here for each in wanted), len(wanted)


def fetch_files(
    address: str,
    table: str | Mapping[str, str],
    target: str | Path,
    *,
    downloader: Downloader | None = None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Download the files of `table` (see `checksums`; "": unknown) not yet complete in `target`.

    Files that are there with the right checksum are kept, so an interrupted download goes on
    where it stopped. A file is written under a temporary name and gets its own only once its
    checksum is right.

    Parameters
    ----------
    address
        URL of the folder, ending in "/".
    downloader
        Replaces pooch's HTTP downloader (which waits at most 10 s for an answer).

    Returns
    -------
    tuple of str
        Names of the files that were downloaded now.

    Raises
    ------
    InputError
        No answer, a wrong checksum, or a folder that cannot be written; one sentence.
    """
    pooch, table = _pooch(), checksums(table)
    downloader = downloader or pooch.HTTPDownloader(timeout=TIMEOUT_S)
    folder = Path(target)
    done: list[str] = []
    name = ""
    logger: logging.Logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)  # pooch writes two lines per file; `progress` replaces them
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, digest) in enumerate(table.items()):
            if progress is not None:
                progress(name, number, len(table))
            before = _stamp(folder / name)
            known = f"sha256:{digest}" if digest else None
            pooch.retrieve(address + name, known, name, folder, downloader=downloader)
            if _stamp(folder / name) != before:
                done.append(name)
    except (OSError, ValueError) as error:
        raise InputError(_failure(error, address, name, folder)) from error
    finally:
        logger.setLevel(level)
    return tuple(done)


def _stamp(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


def _failure(error: Exception, address: str, name: str, folder: Path) -> str:
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return (
            f"{name} from {address} does not have the official checksum and was removed; "
            "run the command again, and report it if it happens twice"
        )
    written = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
    if isinstance(error, OSError) and error.errno in (*written, errno.EEXIST):
        return f"cannot write to {folder}: {error.strerror}; make room or choose another folder"
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = f"answered with status {status}" if status else f"gave no answer in {TIMEOUT_S:g} s"
    return (
        f"{address} {said} ({type(error).__name__}); complete files stay in {folder}, so check "
        "the connection and run the command again, or copy the files there yourself"
    )


def sha256(path: Path) -> str:
    """Hash one file."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fingerprint(paths: list[Path]) -> str:
    """Hash names and bytes of files, in order of their names: ``"sha256:..."``."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda each: each.name):
        content = path.read_bytes()
        # The length keeps the end of one file from passing for the start of the next.
        digest.update(f"{path.name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def compare(name: str, path: Path, table: Mapping[str, str]) -> Report:
    """Hold the files of a folder against a table of official checksums.

    Text headers whose line ends were changed (as git does) are noted, not refused.
    """
    missing: list[str] = []
    different: list[str] = []
    line_ends = 0
    for file, official in table.items():
        here = path / file
        if not here.is_file():
            missing.append(file)
        elif sha256(here) != official:
            crlf = here.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            if file.endswith(".hea") and hashlib.sha256(crlf).hexdigest() == official:
                line_ends += 1
            else:
                different.append(file)
    note = f"{line_ends} headers differ from the official ones in their line ends only"
    return Report(
        name, path, len(table), tuple(missing), tuple(different), notes=(note,) * bool(line_ends)
    )
