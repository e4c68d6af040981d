"""Rows in which a block has collapsed: how they are marked, kept from being best, and named.

A cell marks it as the metric ``collapsed:BLOCK`` = 1 and lacks every metric of that block; nothing
stands for a cell without. The summary then says in how many runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PREFIX = "collapsed:"
NOTE = (
    "Collapsed: in these runs the block is the same for every test window, so that there is "
    "nothing to measure on it; its metrics are of the other runs, and the row is never the best "
    "and gets no verdict."
)


def blocks(row: Mapping[str, Any]) -> dict[str, int]:
    """Block → runs in which it has collapsed, of a row of the summary (of a cell: 1)."""
    return {
        name.removeprefix(PREFIX): figures["n"] if isinstance(figures, Mapping) else 1
        for name, figures in row["metrics"].items()
        if name.startswith(PREFIX)
    }


def sound(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows in which nothing has collapsed: what is compared, and what may be the best."""
    return [row for row in rows if not blocks(row)]


def words(row: Mapping[str, Any]) -> str:
    """``"(collapsed: salient in 2 of 3 runs)"`` of a row of the summary; empty if nothing has."""
    runs = max((figures["n"] for figures in row["metrics"].values()), default=0)
    found = [f"{name} in {n} of {runs} runs" for name, n in blocks(row).items()]
    return f"(collapsed: {', '.join(found)})" if found else ""
