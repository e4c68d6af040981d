"""A table once, read twice: as Markdown beside the results and on the report's page."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Table", "Value", "escaped", "number", "spanned"]


@dataclass(frozen=True)
class Value:
    """What stands in one field of a table: bold if `strong`, `detail` small behind it."""

    text: str
    detail: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first field of a row names it."""

    header: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    caption: str = ""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Caption, note and one mapping per row, texts as they are printed."""
        return {
            "caption": self.caption,
            "note": self.note,
            "rows": [
                {name: value.text for name, value in zip(self.header, row, strict=True)}
                for row in self.rows
            ],
        }

    def to_markdown(self) -> str:
        """Caption, pipe table and note."""
        lines = [_pipes(escaped(name) for name in self.header)]
        lines.append(_pipes("---" if i == 0 else "---:" for i in range(len(self.header))))
        lines += [_pipes(map(_marked, row)) for row in self.rows]
        head = [f"**{escaped(self.caption)}**", ""] if self.caption else []
        return "\n".join([*head, *lines, *(["", escaped(self.note)] if self.note else [])])


def number(value: float | None) -> str:
    """A figure as tables print it: three decimals, fewer where it is large, a dash where none."""
    if value is None or not math.isfinite(value):
        return "–"
    digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def spanned(figure: Mapping[str, Any], digits: int = 2, scale: float = 1.0) -> str:
    """``"0.91 [0.88, 0.94]"`` of ``mean``, ``low`` and ``high``; without an interval the mean."""
    said = f"{scale * figure['mean']:.{digits}f}"
    if figure.get("low") is None or figure.get("high") is None:
        return said
    return f"{said} [{scale * figure['low']:.{digits}f}, {scale * figure['high']:.{digits}f}]"


def _pipes(fields: Iterable[str]) -> str:
    return "| " + " | ".join(fields) + " |"


def escaped(text: str) -> str:
    """Text that Markdown leaves alone; an underscore inside a word needs nothing."""
    return re.sub(r"[\\|*<>`]|\b_|_\b", r"\\\g<0>", " ".join(text.split()))


def _marked(value: Value) -> str:
    text = f"**{escaped(value.text)}**" if value.strong else escaped(value.text)
    return f"{text} {escaped(value.detail)}".strip()
