"""What the figures of every study share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from triptych.audit.canvas import COLOURS, canvas, grid_of, legend
from triptych.audit.drawings import Drawings
from triptych_studies.base import Finished
from triptych_studies.grid import Study


def first_cells(study: Study, finished: Sequence[Finished]) -> dict[str, dict[str, Any]]:
    """Artifacts of each method's first seed and fold, in the order of the tables."""
    first: dict[str, Finished] = {}
    for each in sorted(finished, key=lambda done: (done.cell.seed, done.cell.fold)):
        first.setdefault(each.cell.method, each)
    return {name: first[name].artifacts for name in study.rows if name in first}


@dataclass
class Album(Drawings):
    """The figures of a study's report."""

    study: Study
    results: Mapping[str, Any]
    finished: Sequence[Finished]

    @cached_property
    def cells(self) -> dict[str, dict[str, Any]]:
        """Artifacts of each method's first seed and fold."""
        return first_cells(self.study, self.finished)

    def having(self, artifact: str, methods: Sequence[str] | None = None) -> dict[str, Any]:
        """One artifact of each method (of these, in their order) that has it."""
        names = self.cells if methods is None else methods
        return {n: self.cells[n][artifact] for n in names if artifact in self.cells.get(n, ())}

    def add_intervals(self, over: str) -> None:
        """Every headline metric of every method; `over` says what the intervals are over."""
        summary = self.results["summary"]
        present = {name for row in summary for name in row["metrics"]}
        self.add(
            "intervals.png",
            "Every method, every headline metric",
            self._intervals,
            [name for name in self.study.headline if name in present],
            caption=f"Mean and 95 % bootstrap interval over {over} and test subjects."
            + " Squares: invariance by construction."
            * any(row["method"] in self.study.exact for row in summary),
            alt="Dot and whisker of every method, one panel per metric",
        )

    def _intervals(self, metrics: Sequence[str], path: Path, title: str, note: str) -> None:
        """Exact methods are squares, the method under study is orange."""
        summary, focus = self.results["summary"], self.study.focus
        methods = list(dict.fromkeys(str(row["method"]) for row in summary))[::-1]
        exact = [name for name in methods if name in self.study.exact]
        columns = min(3, len(metrics))
        rows = -(-len(metrics) // columns)
        height = rows * (0.24 * len(methods) + 0.75) + 0.7
        with canvas(path, 3.3 * columns + 0.6, height, title, note) as figure:
            axes = grid_of(figure, len(metrics), columns, sharey=True)
            for axis, metric in zip(axes, metrics, strict=True):
                for row in summary:
                    if metric not in row["metrics"]:
                        continue
                    figures, method = row["metrics"][metric], str(row["method"])
                    y = methods.index(method)
                    colour = COLOURS[1] if method == focus else COLOURS[0]
                    axis.plot([figures["low"], figures["high"]], [y, y], color=colour, lw=2)
                    marker = "s" if method in exact else "o"
                    axis.plot(figures["mean"], y, marker, color=colour, ms=6, mec="white", mew=0.8)
                better = {"higher": " (more is better)", "lower": " (less is better)"}
                axis.set_title(
                    metric + better.get(self.study.directions.get(metric, ""), ""), fontsize=10
                )
                axis.set_yticks(range(len(methods)), methods)
                axis.set_ylim(-0.6, len(methods) - 0.4)
                axis.locator_params(axis="x", nbins=5)
                axis.grid(axis="y", visible=False)
            kinds = [("dot", COLOURS[0], "mean and 95 % interval")]
            kinds += [("square", COLOURS[0], "exact by construction")] if exact else []
            kinds += [("dot", COLOURS[1], f"{focus}, the method under study")] * (focus in methods)
            legend(figure, kinds)
