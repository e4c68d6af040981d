"""Critical-difference diagrams: mean ranks of methods over tasks (Demšar, JMLR 7, 2006)."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import COLOURS, GREY, INK, canvas

LEVEL = 0.05
FEWEST = 3  # methods and tasks that a diagram makes sense of
LINE = 0.32  # inches that a method's name takes


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of methods that all `tasks` have, 1 the best, and how far apart they must be.

    Attributes
    ----------
    means
        Method → its mean rank, best first; ties share their ranks.
    tasks
        Over which tasks.
    critical
        Two methods whose mean ranks differ by less are not shown to differ (Nemenyi's test at 5 %).
    """

    means: Mapping[str, float]
    tasks: tuple[str, ...]
    critical: float

    @property
    def groups(self) -> list[tuple[float, float]]:
        """First and last rank of the largest groups in which no two differ."""
        ranks = list(self.means.values())
        found: list[tuple[float, float]] = []
        for rank in ranks:
            last = max(each for each in ranks if each - rank < self.critical)
            if last > rank and (not found or last > found[-1][1]):
                found.append((rank, last))
        return found


def ranks_of(table: Mapping[str, Mapping[str, float]], better: str = "higher") -> Ranks | None:
    """Rank the methods of a table, method → task → figure, task by task.

    Only methods that have a figure for every task are ranked; None if methods or tasks are fewer
    than three.
    """
    tasks = tuple(dict.fromkeys(task for row in table.values() for task in row))
    names = [name for name, row in table.items() if len(row) == len(tasks)]
    if min(len(names), len(tasks)) < FEWEST:
        return None
    stats: Any = importlib.import_module("scipy.stats")
    values = np.array([[table[name][task] for task in tasks] for name in names])
    ranks = stats.rankdata(-values if better == "higher" else values, axis=0).mean(axis=1)
    order = np.argsort(ranks, kind="stable")
    return Ranks(
        {names[k]: float(ranks[k]) for k in order},
        tasks,
        critical_difference(len(names), len(tasks)),
    )


def critical_difference(methods: int, tasks: int) -> float:
    """Nemenyi's critical difference of mean ranks: q √(k (k + 1) / 6 n), at 5 %."""
    stats: Any = importlib.import_module("scipy.stats")
    q = float(stats.studentized_range.ppf(1 - LEVEL, methods, np.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * tasks))


def diagrams(found: Mapping[str, Ranks], path: Path, *, title: str, note: str = "") -> None:
    """One diagram per column: a line of ranks, a name for each method, bars for the groups."""
    heights = [2 + len(each.groups) / 2 + math.ceil(len(each.means) / 2) for each in found.values()]
    with canvas(path, 8.6, LINE * sum(heights) + 0.6, title, note) as figure:
        axes = figure.subplots(len(found), 1, height_ratios=heights, squeeze=False)[:, 0]
        for axis, (column, ranks), height in zip(axes, found.items(), heights, strict=True):
            _diagram(axis, ranks, height)
            axis.set_title(column, fontsize=10, loc="left")


def _diagram(axis: Any, ranks: Ranks, height: float) -> None:
    count, names = len(ranks.means), list(ranks.means)
    half, below = math.ceil(count / 2), len(ranks.groups) / 2 + 0.6
    axis.set(xlim=(1 - 0.33 * count, count + 0.33 * count), ylim=(height - 1, -1.4))
    axis.axis("off")
    axis.plot([1, count], [0, 0], color=INK, lw=1)
    for rank in range(1, count + 1):
        axis.plot([rank, rank], [-0.15, 0], color=INK, lw=0.8)
        axis.text(rank, -0.3, str(rank), ha="center", va="bottom", fontsize=8)
    axis.plot([1, 1 + ranks.critical], [-1.1, -1.1], color=GREY, lw=3, solid_capstyle="butt")
    axis.text(
        1.1 + ranks.critical, -1.1, f"critical difference {ranks.critical:.1f}",
        va="center", fontsize=8, color=INK,
    )  # fmt: skip
    for k, (first, last) in enumerate(ranks.groups):
        y = 0.35 + k / 2
        axis.plot([first - 0.05, last + 0.05], [y, y], color=COLOURS[0], lw=3)
    for k, name in enumerate(names):
        left = k < half
        y = below + (k if left else count - 1 - k)
        edge = 0.8 if left else count + 0.2
        rank = ranks.means[name]
        colour = COLOURS[1] if name.startswith(("scl", "exact+scl")) else INK
        axis.plot([rank, rank, edge], [0, y, y], color=colour, lw=0.8)
        words = f"{name}  {rank:.1f}" if left else f"{rank:.1f}  {name}"
        axis.text(
            edge - 0.1 if left else edge + 0.1, y, words, color=colour,
            ha="right" if left else "left", va="center", fontsize=9,
        )  # fmt: skip
