"""Cells of text files: what is a number, a title, a unit, or what a device writes above."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|[-+]?(nan|inf|infinity)$", re.I)
_COMMA_NUMBER = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?$")


def comma_decimals(rows: list[list[str]]) -> bool:
    """Whether numbers are written with decimal commas."""
    cells = [cell.strip() for row in rows for cell in row]
    return any(map(_COMMA_NUMBER.match, cells)) and not any(
        "." in c and is_number(c) for c in cells
    )


def is_unit_row(rows: list[list[str]], decimal: str) -> bool:
    """Whether the first row holds words where all below have numbers."""
    numeric = [all(is_number(row[k], decimal) for row in rows[1:]) for k in range(len(rows[0]))]
    words = [k for k, cell in enumerate(rows[0]) if cell.strip() and not is_number(cell, decimal)]
    return any(numeric) and all(numeric[k] for k in words) and len(words) == sum(numeric)


def is_number(text: str, decimal: str = ".") -> bool:
    """Whether a cell holds a number, or nothing."""
    word = text.strip()
    if decimal == ",":
        word = word.replace(",", ".")
    return bool(_NUMBER.match(word)) or not word


def is_untitled(cells: list[str], rows: list[list[str]], decimal: str) -> bool:
    """Whether a first line is of values: numbers stand wherever all lines below have them."""
    if all(is_number(cell, decimal) for cell in cells):
        return True
    numeric = [k for k in range(len(cells)) if all(is_number(row[k], decimal) for row in rows)]
    return bool(numeric) and all(cells[k].strip() and is_number(cells[k], decimal) for k in numeric)


def begun_of(lines: list[list[str]]) -> tuple[float, float] | None:
    """Rate in Hz and start in s since 1970, where two lines say these (Empatica E4)."""
    alike = [set(map(str.strip, each)) for each in lines]
    if len(lines) < 2 or any(len(each) != 1 for each in alike):
        return None
    start, rate = (each.pop() for each in alike)
    if not (_NUMBER.match(start) and _NUMBER.match(rate)):
        return None
    since = float(start)
    return (float(rate), since) if 1e9 <= since < 5e9 and 0 < float(rate) <= 1e4 else None


def decimals_only(rows: list[list[str]]) -> bool:
    """Whether what stands behind commas are decimals: as many digits in each line, zeros first."""
    pairs = [row for row in rows if len(row) == 2 and re.fullmatch(r"[-+]?\d+", row[0].strip())]
    behind = [row[1] for row in pairs if row[1].isdecimal()]
    return (
        len(behind) == len(pairs) > 0.5 * len(rows)
        and len({len(each) for each in behind}) == 1
        and len(behind[0]) > 1
        and any(each.startswith("0") for each in behind)
        and any(not each.startswith("0") for each in behind)
    )
