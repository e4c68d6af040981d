"""Figures of the benchmark: heat tables, mean ranks, cost against quality, label efficiency."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import INK, canvas, grid_of, legend, styles
from triptych_studies.figures import Album
from triptych_studies.studies.benchmark_ranks import diagrams, ranks_of
from triptych_studies.tasks.benchmark_columns import UNFINISHED

HEAT = ("probe", "probe_moved", "consistency", "gap", "probe_moved@1%")  # a heat table each
SHARES = {1: "probe_moved@1%", 10: "probe_moved@10%", 100: "probe_moved"}
MARK = "§"  # behind a method that was trained with labels; † is a table's best exact one
FALLING = "‡"  # behind a figure of a training that had not converged
MOVED = "probe, under the nuisance"  # label of the axis that says how good
LABELLED = f"{MARK}: trained with labels"
UNCONVERGED = f"{FALLING}: the validation loss was still falling when training ended"

Table = dict[str, dict[str, float]]  # method → task → figure


def draw(album: Album) -> None:
    """Add what the finished cells allow."""
    summary = album.results["summary"]
    names = marked(summary)
    for metric in HEAT:
        album.add(
            f"heat_{metric.replace('@', '_').rstrip('%')}.png",
            f"{metric}: methods by tasks",
            heat_table,
            table_of(summary, metric, names),
            table_of(summary, "falling", names),
            caption=f"{album.study.definitions[metric]}. Colours: each task's own range, dark is "
            f"better; {LABELLED}; {UNCONVERGED}. A dash: the task has no such row. Tasks in which "
            "training and test share subjects say so under their names.",
            alt="Heat table of methods by tasks",
        )
    free = {name: shown for name, shown in names.items() if shown == name}
    tables = {metric: table_of(summary, metric, free) for metric in HEAT}
    ranks = {metric: each for metric, table in tables.items() if (each := ranks_of(table))}
    if ranks:
        least = min(ranks.values(), key=lambda each: len(each.tasks))
        album.add(
            "ranks.png",
            "Mean ranks over the tasks",
            diagrams,
            ranks,
            caption=f"Rows without labels in training that every task has, ranked task by task ("
            f"{len(least.tasks)} tasks). Bars join rows that are not shown to differ: their mean "
            "ranks are closer than Nemenyi's critical difference at 5 % (Demšar 2006). Orange: "
            "rows with declared blocks by SCL.",
            alt="Critical-difference diagram of the methods, one per column",
        )
    album.add(
        "cost.png",
        "Cost of training against quality",
        scatter,
        table_of(summary, "train_seconds", names),
        table_of(summary, "probe_moved", names),
        caption="Seconds of training, and the probe under the nuisance; a panel per task. "
        f"{LABELLED}.",
        alt="Scatter of training time against the probe's score",
    )
    album.add(
        "labels.png",
        "What a probe reads with few labels",
        curves,
        {share: table_of(summary, metric, names) for share, metric in SHARES.items()},
        caption="Probe under the nuisance, fitted on 1, 10 and 100 % of the training subjects' "
        f"labels; encoders are frozen. {LABELLED}.",
        alt="Curves of the probe's score against the share of labels",
    )


def marked(summary: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Method → its name, marked where any of its rows was trained with labels."""
    marked = {
        row["method"] for row in summary if row["metrics"].get("labels", {"mean": 0.0})["mean"]
    }
    found = dict.fromkeys(row["method"] for row in summary)
    return {name: f"{name} {MARK}" if name in marked else name for name in found}


def table_of(summary: Sequence[Mapping[str, Any]], metric: str, names: Mapping[str, str]) -> Table:
    """Method (in `names`, by its name there) → data set → mean of a metric."""
    found: Table = {}
    for row in summary:
        if metric in row["metrics"] and row["method"] in names:
            task = row["dataset"]
            if row["split"] != "subject":
                task += f"\n({row['split']})"
            found.setdefault(names[row["method"]], {})[task] = row["metrics"][metric]["mean"]
    return found


def _tasks(table: Table) -> list[str]:
    return list(dict.fromkeys(task for row in table.values() for task in row))


def heat_table(table: Table, falling: Table, path: Path, *, title: str, note: str = "") -> None:
    """Methods by tasks, colours by the range of each task."""
    methods, tasks = list(table), _tasks(table)
    values = np.array([[table[m].get(t, np.nan) for t in tasks] for m in methods])
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    shade = (values - low) / np.maximum(high - low, 1e-12)
    width, height = 1.15 * len(tasks) + 2.2, 0.42 * len(methods) + 1.7
    with canvas(path, max(width, 6.0), height, title, note) as figure:
        axis = figure.subplots()
        axis.imshow(0.75 * shade, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (y, x), value in np.ndenumerate(values):
            known = math.isfinite(value)
            ink = "white" if known and shade[y, x] > 0.8 else INK
            words = f"{value:.2f}".replace("-", "−") if known else "–"
            if falling.get(methods[int(y)], {}).get(tasks[int(x)], 0.0) > UNFINISHED:
                words += FALLING
            axis.text(x, y, words, color=ink, ha="center", va="center")
        axis.set_xticks(range(len(tasks)), tasks, rotation=30, ha="right", fontsize=8)
        axis.set_yticks(range(len(methods)), methods)
        axis.grid(visible=False)


def scatter(
    cost: Table, quality: Table, path: Path, *, title: str, note: str = "", label: str = MOVED
) -> None:
    """Cost against quality, one panel per task."""
    style = styles(list(quality))

    def draw(axis: Any, task: str) -> None:
        for method, (colour, marker) in style.items():
            x, y = cost.get(method, {}).get(task), quality[method].get(task)
            if x is not None and y is not None:
                axis.plot(x, y, marker, color=colour, ms=6, mec="white", mew=0.6)
        axis.set_xlim(left=0)
        axis.set_xlabel("training, s", fontsize=8)

    drawn = {name: each for name, each in style.items() if name in cost}
    _panels(_tasks(cost), drawn, draw, path, title, note, label)


def curves(tables: Mapping[int, Table], path: Path, *, title: str, note: str = "") -> None:
    """Score against the share of labels, one panel per task."""
    style = styles(list(tables[100]))

    def draw(axis: Any, task: str) -> None:
        for method, (colour, marker) in style.items():
            held = {s: t[method][task] for s, t in tables.items() if task in t.get(method, {})}
            axis.plot(list(held), list(held.values()), marker=marker, color=colour, lw=1.2, ms=5)
        axis.set(xscale="log", xticks=list(tables))
        axis.set_xticklabels([f"{share} %" for share in tables])
        axis.minorticks_off()
        axis.set_xlabel("labels", fontsize=8)

    _panels(_tasks(tables[100]), style, draw, path, title, note)


def _panels(
    tasks: Sequence[str],
    style: Mapping[str, tuple[str, str]],
    draw: Callable[[Any, str], None],
    path: Path,
    title: str,
    note: str,
    label: str = MOVED,
) -> None:
    """One panel per task, up to four in a row, that `draw` fills; all have one legend."""
    columns = min(4, len(tasks))
    height = 2.4 * -(-len(tasks) // columns) + 0.9
    with canvas(path, max(8.0, 2.5 * columns), height, title, note) as figure:
        for axis, task in zip(grid_of(figure, len(tasks), columns), tasks, strict=True):
            draw(axis, task)
            axis.set_title(task, fontsize=9)
            axis.set_ylabel(label, fontsize=8)
        legend(figure, [(marker, colour, name) for name, (colour, marker) in style.items()])
