"""Figures of the gated-contrast study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.canvas import canvas, grid_of, legend, styles
from triptych.audit.pictures import excited_dimensions
from triptych_studies.figures import Album
from triptych_studies.tasks.dimension_meaning import ABOVE_SHUFFLED

EXCITED = ("bayesncl-ste", "ncl", "scl+gate")
CONFLICTING = ("ncl", "ncl-topk", "bayesncl-ste", "bayesncl-gumbel")
DRAWN = {"excited": EXCITED, "signs": CONFLICTING}
METRICS = ("linear_probe", ABOVE_SHUFFLED)


def draw(album: Album) -> None:
    """Draw what the finished cells allow; pictures of dimensions from a row's first seed."""
    album.add(
        "front.png",
        "Consistency against probe accuracy",
        _front,
        album.results["summary"],
        caption="Semantic consistency c′ of the positive part of what the contrast compares, above "
        "what shuffled labels give, against balanced accuracy of a linear probe on the trunk's "
        "features; whiskers are 95 % intervals.",
        alt="One point per method",
    )
    album.add(
        "dimensions.png",
        "Which classes activate which dimension",
        _maps,
        album.cells,
        caption="Columns are the active dimensions, sorted by the class that activates them most; "
        "dark is the share of a class (row) among what activates a dimension. A dimension that "
        "means one thing is one dark cell.",
        alt="Class shares of every active dimension, one panel per method",
    )
    for method, excited in album.having("excited", EXCITED).items():
        album.add(
            f"excited-{method.replace('+', '-')}.png",
            f"Maximally activating windows: {method}",
            excited_dimensions,
            excited,
            caption="The ten most consistent dimensions that at least ten test windows "
            "activate, and the three maximally activating windows of each, with their true "
            "classes; the heading has the class, its share and the activation rate.",
            alt="Ten columns of three windows each",
        )
    album.add(
        "signs.png",
        "The optimisation conflict",
        _signs,
        album.having("signs", CONFLICTING),
        caption="Common dimensions are the tenth that most training samples activate. Left: share "
        "of steps in which the sign of the gradient on such a dimension changes; right: share of "
        "samples that activate it.",
        alt="Two panels of curves over epochs, one curve per method",
    )
    album.add_intervals("seeds")


def _front(summary: Sequence[Mapping[str, Any]], path: Path, title: str, note: str) -> None:
    rows = [row for row in summary if set(METRICS) <= set(row["metrics"])]
    looks = styles([row["method"] for row in rows])
    with canvas(path, 7.6, 4.6, title, note) as figure:
        axis = figure.subplots()
        for row in rows:
            colour, marker = looks[row["method"]]
            x, y = (row["metrics"][name] for name in METRICS)
            axis.errorbar(
                x["mean"], y["mean"], xerr=_whisker(x), yerr=_whisker(y),
                color=colour, marker=marker, ms=8, elinewidth=1.2, ls="none", label=row["method"],
            )  # fmt: skip
        axis.set(xlabel="linear probe, balanced accuracy", ylabel="c′ above shuffled labels")
        axis.set_ylim(bottom=0)
        figure.legend(loc="outside right center", fontsize=9)


def _whisker(figures: Mapping[str, Any]) -> list[list[float]] | None:
    if figures["low"] is None:
        return None
    mean = figures["mean"]
    return [[max(0.0, mean - figures["low"])], [max(0.0, figures["high"] - mean)]]


def _maps(cells: Mapping[str, Any], path: Path, title: str, note: str) -> None:
    classes = next(iter(cells.values()))["classes"]
    height = 0.5 + 0.13 * max(len(classes), 6)
    rows = -(-len(cells) // 2)
    with canvas(path, 9.6, rows * height + 1.0, title, note) as figure:
        axes = grid_of(figure, len(cells), 2, sharey=True)
        image: Any = None
        for axis, (method, cell) in zip(axes, cells.items(), strict=True):
            shares = np.array(cell["shares"], dtype=float).reshape(-1, len(classes))
            order = np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))
            image = axis.imshow(
                shares[order].T, cmap="Blues", vmin=0, vmax=1, aspect="auto",
                interpolation="nearest",
            )  # fmt: skip
            axis.set_title(f"{method}: {len(shares)} active dimensions")
            axis.grid(visible=False)
            axis.set_xticks([])
            axis.set_yticks(range(len(classes)), classes, fontsize=7 if len(classes) > 8 else 9)
        figure.colorbar(image, ax=axes, label="share of the class", shrink=0.6)


def _signs(signs: Mapping[str, Any], path: Path, title: str, note: str) -> None:
    looks = styles(list(signs))
    panels = (("flips", "steps with a flipped sign"), ("open", "samples that activate it"))
    with canvas(path, 8.4, 3.8, title, note) as figure:
        for axis, (name, words) in zip(figure.subplots(1, 2), panels, strict=True):
            for method, curves in signs.items():
                y = np.array(curves[name], dtype=float)
                axis.plot(np.arange(1, len(y) + 1), y, color=looks[method][0], marker="o", ms=3)
            axis.set(xlabel="epoch", ylabel=f"share of {words}")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.set_ylim(bottom=0)
        legend(figure, [("line", looks[method][0], method) for method in signs])
