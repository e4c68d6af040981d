"""Figures of the IMU rotation study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import COLOURS, GREY, canvas, grid_of, legend
from triptych_studies.figures import Album
from triptych_studies.maps import embedding_maps

STRUCTURED = ("scl+augment", "scl")  # the first that was run stands for SCL in a figure or sentence

BESIDE = {  # SCL, or what stands for it
    "confusion": ("plain",),
    "directions": ("plain", "exact"),
    "map": ("plain", "augmentation", "exact"),
}
DRAWN = {artifact: (*others, *STRUCTURED) for artifact, others in BESIDE.items()}


def draw(album: Album) -> None:
    """Draw what the finished cells allow; one cell per method (its first fold and seed)."""
    album.add(
        "angles.png",
        "Accuracy and consistency against the angle",
        _angles,
        album.cells,
        caption="Invariant head on test windows turned by a given angle about a random axis; mean "
        "and 95 % interval over subjects. Consistency is the share of predictions that stay as "
        "they were upright.",
        alt="Curves of accuracy and consistency against the angle, one panel per method",
    )
    album.add(
        "confusion.png",
        "Confusion of activities, upright and rotated",
        _confusions,
        _beside_scl(album, "confusion"),
        caption="Share of each activity's test windows (rows) that the invariant head takes for "
        "each activity (columns), upright and under Haar-uniform rotations.",
        alt="Confusion matrices of two methods, upright and rotated",
    )
    album.add(
        "directions.png",
        "Direction of gravity, true and read from the latents",
        _directions,
        _beside_scl(album, "directions"),
        caption="Test windows turned at random: dots are the true direction of gravity in the "
        "sensor's frame, seen along its z and its y axis, and lines lead to the direction read "
        "from the orientation block (whole latent where a method has no blocks).",
        alt="True and read directions as points in two discs for each method",
    )
    album.add(
        "map.png",
        "Embedding of test windows",
        embedding_maps,
        {name: m | {"subject": m["person"]} for name, m in _beside_scl(album, "map").items()},
        colour_by=("activity", "subject"),
        caption="t-SNE of the latents of 900 upright test windows (invariant block where there is "
        "one), coloured by activity and by subject. A picture, not evidence: the metrics are in "
        "the table.",
        alt="Two-dimensional maps of the latents of several methods",
    )
    album.add(
        "subjects.png",
        "Subject by subject",
        _subjects,
        _spread(album),
        caption="Accuracy of the invariant head under Haar-uniform rotations, one dot per test "
        "subject; the bar is the median.",
        alt="Strips of dots, one per method",
    )
    album.add_intervals("folds")


def _beside_scl(album: Album, artifact: str) -> dict[str, Any]:
    """One artifact of the rows `BESIDE` SCL and of what stands for it, where they have it."""
    scl = list(album.having(artifact, STRUCTURED))[:1]
    return album.having(artifact, (*BESIDE[artifact], *scl))


def _spread(album: Album) -> dict[str, list[float]]:
    """Accuracy under rotations of every test subject, by method in the order of the tables."""
    spread: dict[str, list[float]] = {name: [] for name in album.study.rows}
    for row in album.results["rows"]:
        found = (s["metrics"].get("accuracy_rotated") for s in row["subjects"].values())
        spread[row["method"]].extend(v for v in found if v is not None)
    return {name: values for name, values in spread.items() if values}


def _angles(cells: Mapping[str, Any], path: Path, title: str, note: str) -> None:
    columns = min(4, len(cells))
    rows = -(-len(cells) // columns)
    kinds = (("accuracy", COLOURS[0]), ("consistency", COLOURS[1]))
    with canvas(path, max(2.6 * columns, 5.0), 2.1 * rows + 0.9, title, note) as figure:
        axes = grid_of(figure, len(cells), columns, sharex=True, sharey=True)
        for k, (axis, (method, artifacts)) in enumerate(zip(axes, cells.items(), strict=True)):
            curves = artifacts["angles"]
            for kind, colour in kinds:
                mean, low, high = np.array(curves[kind], dtype=float).T
                axis.fill_between(curves["degrees"], low, high, color=colour, alpha=0.25, lw=0)
                axis.plot(curves["degrees"], mean, color=colour)
            axis.set_title(method)
            axis.set(ylim=(0, 1.03), xlim=(0, 180), xticks=[0, 60, 120, 180])
            if k + columns >= len(cells):
                axis.set_xlabel("rotation, degrees")
                axis.tick_params(labelbottom=True)
        figure.supylabel("share of test windows", fontsize=10)
        legend(figure, [("line", colour, kind) for kind, colour in kinds])


def _confusions(shown: Mapping[str, Any], path: Path, title: str, note: str) -> None:
    classes = next(iter(shown.values()))["classes"]
    side = 1.7 + 0.19 * len(classes)
    with canvas(path, 2 * side + 1.4, len(shown) * side + 0.8, title, note) as figure:
        axes = grid_of(figure, 2 * len(shown), 2, sharex=True, sharey=True)
        panels = [(method, how) for method in shown for how in ("upright", "rotated")]
        image: Any = None
        for axis, (method, how) in zip(axes, panels, strict=True):
            table = np.array(shown[method][how], dtype=float)
            share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
            image = axis.imshow(share, cmap="cividis", vmin=0, vmax=1)
            axis.set_title(f"{method}, {how}")
            axis.grid(visible=False)
            axis.set_xticks(range(len(classes)), classes, rotation=90, fontsize=7)
            axis.set_yticks(range(len(classes)), classes, fontsize=7)
        figure.supxlabel("what it is taken for", fontsize=10)
        figure.supylabel("true activity", fontsize=10)
        figure.colorbar(image, ax=axes, label="share of the activity's windows", shrink=0.6)


def _directions(drawn: Mapping[str, Any], path: Path, title: str, note: str) -> None:
    views = ((0, 1, "x", "y"), (0, 2, "x", "z"))
    with canvas(path, 2.6 * len(drawn) + 0.4, 5.9, title, note) as figure:
        axes = grid_of(figure, 2 * len(drawn), len(drawn))
        for k, axis in enumerate(axes):
            method = list(drawn)[k % len(drawn)]
            a, b, across, up = views[k // len(drawn)]
            true, read = (np.array(drawn[method][name], dtype=float) for name in ("true", "read"))
            ring = np.linspace(0, 2 * np.pi, 100)
            axis.plot(np.cos(ring), np.sin(ring), color=GREY, lw=0.8)
            for start, end in zip(true, read, strict=True):
                axis.plot([start[a], end[a]], [start[b], end[b]], color=COLOURS[1], lw=0.9)
            axis.scatter(true[:, a], true[:, b], s=12, color=COLOURS[0], lw=0, zorder=3)
            axis.set(aspect="equal", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
            axis.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1], xlabel=across, ylabel=up)
            if k < len(drawn):
                axis.set_title(f"{method}: {drawn[method]['block']}")
        legend(
            figure,
            [("dot", COLOURS[0], "true direction"), ("line", COLOURS[1], "to the one read")],
        )


def _subjects(spread: Mapping[str, Sequence[float]], path: Path, title: str, note: str) -> None:
    names = list(spread)
    with canvas(path, 7.0, 0.36 * len(names) + 1.4, title, note) as figure:
        axis = figure.subplots()
        rng = np.random.default_rng(0)
        for k, name in enumerate(names):
            values = np.array(spread[name])
            height = len(names) - 1 - k + rng.uniform(-0.22, 0.22, len(values))
            axis.scatter(values, height, s=14, color=COLOURS[0], alpha=0.6, lw=0)
            middle = float(np.median(values))
            place = len(names) - 1 - k
            axis.plot([middle, middle], [place - 0.34, place + 0.34], color=COLOURS[1], lw=2)
        axis.set_yticks(range(len(names)), names[::-1])
        axis.set(xlim=(0, 1.015), xlabel="accuracy under Haar-uniform rotations, invariant head")
        axis.grid(axis="y", visible=False)
