"""Data sets that come as one archive of text files, which may lie here compressed one by one."""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from triptych.datasets import download
from triptych.errors import InputError


def find(folder: Path, name: str) -> Path | None:
    """Where the file `name` lies, as it is or as ``name.xz``; None if it does not."""
    return next((each for each in (folder / name, folder / f"{name}.xz") if each.is_file()), None)


def plain(path: Path) -> str:
    """Name of a file without ``.xz``."""
    return path.name.removesuffix(".xz")


def read(path: Path) -> bytes:
    """Read a file, decompressing ``.xz``; a damaged or unreadable one raises InputError."""
    try:
        if path.suffix == ".xz":
            with lzma.open(path) as handle:
                return handle.read()
        return path.read_bytes()
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InputError(f"cannot read {path} ({error}); copy or download it again") from error


def fingerprint(contents: Iterable[tuple[str, bytes]]) -> str:
    """Hash names and contents as `download.fingerprint` does, compressed or not the same."""
    digest = hashlib.sha256()
    for name, content in sorted(contents, key=lambda each: each[0]):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def compare(name: str, folder: Path, table: Mapping[str, str]) -> download.Report:
    """Hold the uncompressed contents of a folder's files against their official checksums."""
    missing: list[str] = []
    different: list[str] = []
    unreadable: list[str] = []
    for file, official in table.items():
        here = find(folder, file)
        if here is None:
            missing.append(file)
            continue
        try:
            if hashlib.sha256(read(here)).hexdigest() != official:
                different.append(file)
        except InputError as error:
            different.append(file)
            unreadable.append(str(error))
    return download.Report(
        name, folder, len(table), tuple(missing), tuple(different), tuple(unreadable)
    )


def fetch(
    url: str,
    wanted: re.Pattern[str],
    table: str | Mapping[str, str],
    target: str | Path,
    *,
    downloader: download.Downloader | None = None,
    progress: download.Progress | None = None,
) -> tuple[str, ...]:
    """Download an archive (.zip, .tar.gz; archives in it are opened) and unpack what is `wanted`.

    The end of a member's path that `wanted` matches is its name in `target`. The archive has no
    checksum here; the files of `table` are verified, and only then is the archive removed.
    Nothing is downloaded if all of `table` is there and sound.

    Returns
    -------
    tuple of str
        Names of the files that were unpacked now.

    Raises
    ------
    InputError
        As `download.fetch_files`; or an archive that is damaged, or without the official files.
    """
    folder, table = Path(target), download.checksums(table)
    if table and compare("", folder, table).ok:
        return ()
    address, _, name = url.rpartition("/")
    download.fetch_files(
        f"{address}/", {name: ""}, folder, downloader=downloader, progress=progress
    )
    archive = folder / name
    try:
        done = _unpack(archive, wanted, folder)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        if getattr(error, "errno", None) is None:  # the archive is at fault, not the disk
            archive.unlink()
        raise InputError(
            f"{name} from {url} cannot be unpacked ({error}); run the command again, and make "
            "room if the disk is full"
        ) from error
    report = compare("", folder, table)
    if not done or not report.ok:
        archive.unlink()
        faults = (*report.missing, *report.different) or ("no file of the data set",)
        raise InputError(
            f"{name} from {url} is not the official archive: {', '.join(faults[:3])} missing or "
            "with another checksum; run the command again, and report it if it happens twice"
        )
    archive.unlink()
    return tuple(sorted(done))


def _unpack(archive: Path, wanted: re.Pattern[str], folder: Path) -> list[str]:
    done: list[str] = []
    with tempfile.TemporaryDirectory(dir=folder) as scratch:

        def keep(member: str, handle: IO[bytes]) -> None:
            match = wanted.search(member)
            inner = member.endswith((".zip", ".tar.gz"))
            if not (match or inner):
                return
            part = Path(scratch) / ("inner" + "".join(Path(member).suffixes[-2:]))
            with open(part, "wb") as copy:
                shutil.copyfileobj(handle, copy)
            if match:
                final = folder / match.group()
                final.parent.mkdir(parents=True, exist_ok=True)
                part.replace(final)
                done.append(match.group())
            else:
                done.extend(_unpack(part, wanted, folder))

        if archive.name.endswith(".zip"):
            with zipfile.ZipFile(archive) as packed:
                for each in packed.namelist():
                    with packed.open(each) as handle:
                        keep(each, handle)
        else:
            with tarfile.open(archive) as packed:
                for entry in packed:
                    content = packed.extractfile(entry) if entry.isfile() else None
                    if content is not None:
                        keep(entry.name, content)
    return done
