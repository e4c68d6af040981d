"""Text files of numbers: encoding, delimiter, decimal mark, and the line with the titles."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from triptych.counts import counted
from triptych.datasets.readers.cells import (
    begun_of,
    comma_decimals,
    decimals_only,
    is_number,
    is_unit_row,
    is_untitled,
)
from triptych.datasets.readers.stretch import Findings
from triptych.errors import InputError

PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
DELIMITERS = (",", "\t", ";", "|")
SEEN = 200  # lines by which the form of a file is known
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMENT = ("#", "%", "//")
_HZ = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:Hz|hertz)\b|\b(?:sampling |sample )?rate\W{1,3}(\d+(?:\.\d+)?)\b", re.I
)


@dataclass(frozen=True)
class Form:
    """How a text file is written."""

    titles: tuple[str, ...]
    units: tuple[str, ...]
    skipped: int  # lines in front of the first row of values
    delimiter: str
    decimal: str
    encoding: str
    rate: float | None  # Hz, where lines before the titles say one
    start: float = 0.0  # s since 1970, where such a line says it


def opened(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked.

    Raises
    ------
    InputError
        For ``.zst`` without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix in PACKED:
        return PACKED[suffix](path, "rb")
    if suffix == ".zst":
        try:
            import pyarrow
        except ImportError as error:
            raise InputError(
                f"{path} is packed with zstd, which needs pyarrow; install it with "
                "`pip install 'triptych[tables]'`"
            ) from error
        handle: Any = pyarrow
        return handle.CompressedInputStream(handle.OSFile(str(path)), "zstd")
    return open(path, "rb")


def content(path: Path, findings: Findings) -> tuple[bytes, str]:
    """Bytes and encoding of a text file; pointers and damage are said.

    Raises
    ------
    InputError
        If it only points to a file, is empty, cannot be unpacked, or is no text.
    """
    try:
        with opened(path) as handle:
            data = handle.read()
    except InputError:
        raise
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise InputError(f"{path} cannot be unpacked ({error}); copy it again") from error
    if data.startswith(b"version https://git-lfs"):
        raise InputError(
            f"{path} is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`"
        )
    if (
        len(data) < 1000
        and b"\n" not in data.strip()
        and re.match(rb"\.{0,2}/|.*\.git/annex/", data)
    ):
        raise InputError(
            f"{path} is a link to {data.decode(errors='replace').strip()}, which is missing; fetch "
            "the file it stands for"
        )
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), None)
    whole = data if encoding == "utf-16" else data.rstrip(b"\0")
    if len(whole) < len(data):
        findings.say(
            "a file ends in NUL bytes, as after a loss of power, and is read up to them",
            f"{path}: {len(data) - len(whole)}",
        )
        data = whole[: whole.rfind(b"\n") + 1] if b"\n" in whole else whole
    if not data.strip():
        raise InputError(f"{path} is empty, expected a line of titles and a row per sample")
    if encoding is not None:
        return data, encoding
    if b"\0" in data[:4096]:
        raise InputError(f"{path} is not a text file, whatever its name says")
    try:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for first in range(0, len(data), 1 << 20):  # a file may be large, and text four times so
            decoder.decode(data[first : first + (1 << 20)])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        findings.say("the file is not UTF-8 and is read as Windows-1252", str(path))
        return data, "cp1252"
    return data, "utf-8"


def form_of(
    path: Path, data: bytes, encoding: str, findings: Findings, given: Sequence[str] = ()
) -> Form:
    """Find the titles, what stands between values, and what stands above.

    `given` are titles for a file that has none.

    Raises
    ------
    InputError
        If no line of titles stands over lines of as many values, or one does beside given ones.
    """
    handle = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, errors="replace")
    lines = [line.rstrip("\r\n") for _, line in zip(range(SEEN), handle, strict=False)]
    body = [i for i, line in enumerate(lines) if line.strip() and not line.startswith(_COMMENT)]
    if not body:
        raise InputError(
            f"{path} holds comments only, expected a line of titles and rows of values"
        )
    delimiter = _delimiter([lines[i] for i in body])
    cells = {i: _cells(lines[i], delimiter) for i in body}
    if delimiter == "," and decimals_only(list(cells.values())):
        findings.say("values are read as one column with decimal commas", str(path))
        delimiter, cells = ";", {i: [lines[i]] for i in body}
    widths = Counter(len(each) for each in cells.values())
    width = max(widths, key=lambda w: (widths[w], w))
    if all(len(each) < width or not each[-1] for each in cells.values()):  # a mark behind the last
        cells = {i: each[: width - 1] for i, each in cells.items()}
        width -= 1
    keyed = {i for i in body if cells[i] and cells[i][0].rstrip().endswith("=")}  # LabChart's
    table = [i for i in body if len(cells[i]) == width and i not in keyed]
    if width == 1:  # words above a column of numbers are about it, and no titles if several
        decimal = "," if delimiter == ";" else "."
        begin = next((k for k, i in enumerate(table) if is_number(cells[i][0], decimal)), 0)
        table = table[begin if begin > 1 else 0 :]
    first = table[0]
    rows = [cells[i] for i in table[1:]]
    above = [line for line in lines[:first] if line.strip()]
    rates = {float(a or b) for line in above for a, b in _HZ.findall(line)}
    rate = rates.pop() if len(rates) == 1 else None
    if (begun := begun_of([cells[i] for i in table[:2]])) and len(rows) > 1:
        findings.say("lines of the start and of the rate stand above the values", str(path))
        stem = path.name.split(".")[0]
        usual = (stem,) if width == 1 else tuple(f"{stem} {k}" for k in "xyz"[:width])
        titles = tuple(given) or usual
        return Form(titles, ("",) * width, table[1] + 1, delimiter, ".", encoding, *begun)
    if given:
        known = (delimiter, encoding, rate)
        return _untitled(path, [cells[i] for i in table], first, known, given)
    if not rows:
        raise InputError(f"{path} has no rows, expected one row per sample under the titles")
    decimal = "," if delimiter != "," and comma_decimals(rows) else "."
    if is_untitled(cells[first], rows, decimal):
        such = "time,x,y,z,label (... stands for all others)" if width > 1 else "ecg"
        raise InputError(
            f"{path} has no line of titles: name its {counted(width, 'column')} in the "
            f"first line, or pass --titles, such as --titles {such}"
        )
    units = ("",) * width
    last = first
    if len(rows) > 2 and is_unit_row(rows, decimal):
        units, last = tuple(_plain(cell) for cell in rows[0]), table[1]
        findings.say("the line below the titles is read as units", str(path))
    if above:
        findings.say("lines above the titles are not values", f"{path}: {len(above)}")
    titles = tuple(cell.strip() for cell in cells[first])
    return Form(titles, units, last + 1, delimiter, decimal, encoding, rate)


def _untitled(
    path: Path,
    rows: list[list[str]],
    first: int,
    how: tuple[str, str, float | None],
    given: Sequence[str],
) -> Form:
    """The form of a file without titles, which are `given`; it begins in line `first`."""
    width, delimiter = len(rows[0]), how[0]
    titles = tuple(given)
    if "..." in titles:  # once
        at = titles.index("...")
        rest = range(at, width - (len(titles) - at - 1))
        titles = (*titles[:at], *(f"column {k + 1}" for k in rest), *titles[at + 1 :])
    if len(titles) != width:
        raise InputError(
            f"{path} has {width} columns, but --titles names {len(given)}; name every one, or put "
            "... for the others"
        )
    decimal = "," if delimiter != "," and comma_decimals(rows) else "."
    if len(rows) > 1 and is_unit_row(rows, decimal):
        raise InputError(
            f"{path} has a line of titles ({', '.join(rows[0])[:80]}); leave --titles out"
        )
    return Form(titles, ("",) * width, first, delimiter, decimal, how[1], how[2])


def _delimiter(lines: list[str]) -> str:
    """The one that gives most lines the same number of values, two or more."""
    best, most = ",", 0
    for each in DELIMITERS:
        widths = Counter(len(_cells(line, each)) for line in lines)
        width, count = max(widths.items(), key=lambda pair: (pair[1] * (pair[0] > 1), pair[0]))
        score = count * (width > 1)
        if score > most:
            best, most = each, score
    if not most and any(len(line.split()) > 1 for line in lines):
        return r"\s+" if _spaced(lines) else ","
    return best


def _spaced(lines: list[str]) -> bool:
    widths = Counter(len(line.split()) for line in lines)
    return max(widths) > 1 and widths.most_common(1)[0][1] > 0.8 * len(lines)


def _cells(line: str, delimiter: str) -> list[str]:
    import csv

    if delimiter == r"\s+":
        return line.split()
    rows = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    try:
        return next(iter(rows), list[str]())
    except csv.Error:  # a cell of more than 131,072 characters
        return line.split(delimiter)


def _plain(unit: str) -> str:
    """A unit without brackets around it."""
    word = unit.strip()
    return word[1:-1] if word[:1] + word[-1:] in ("[]", "()") else word
