"""Files that are either whole or absent: written under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

from triptych.errors import InputError

__all__ = ["held", "read_json", "write_atomically", "write_json"]


def readable(name: str) -> str:
    r"""A name of a file or an argument as text that any file takes: UTF-8, else ``\xff``.

    Under another locale Python holds bytes that it could not decode as halves of letters.
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def write_atomically(path: str | Path, mode: Literal["w", "wb"] = "w") -> Generator[IO[Any]]:
    """Open a file that replaces `path` only once it is complete.

    Parameters
    ----------
    path
        Where the file shall stand; missing parent folders are made.
    mode
        ``"w"`` for text (UTF-8) or ``"wb"`` for bytes.

    Raises
    ------
    InputError
        If the file cannot be written (full disk, no permission); what stood at `path` is untouched.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        text = mode == "w"  # which may name a file whose name is no text: see `readable`
        encoding, errors = ("utf-8", "backslashreplace") if text else (None, None)
        with open(temporary, mode, encoding=encoding, errors=errors) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(
            f"cannot write {target}: {error.strerror or error}; nothing that stood there was "
            "changed, so make room or choose another folder and run the command again"
        ) from error
    finally:
        with suppress(OSError):  # gone already, or its folder never was one
            temporary.unlink()


def write_json(path: str | Path, content: object) -> None:
    """Write `content` as indented JSON, atomically (raises InputError like `write_atomically`)."""
    with write_atomically(path) as handle:
        handle.write(json.dumps(content, indent=1) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a missing or corrupt one raises InputError that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(
            f"{path} is not valid JSON ({error}); it is damaged or was not written by triptych"
        ) from error


@contextmanager
def held(path: str | Path) -> Generator[bool]:
    """Whether the lock `path` could be had at once; its file is removed at the end.

    The operating system holds the lock, so a killed process holds nothing, and its number, given
    to another process later, deceives nobody. Raises InputError if the file cannot be written.
    """
    from filelock import FileLock, Timeout

    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target, timeout=0)
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        raise InputError(
            f"cannot write in {target.parent}: {error.strerror or error}; what is finished is "
            "kept, so make room or choose another folder and run the command again"
        ) from error
    try:
        yield True
    finally:
        with suppress(OSError):  # removed while still held, so that nobody waits on a ghost
            target.unlink()
        lock.release()
