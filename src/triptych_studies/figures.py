"""What the figures of every study share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from triptych.audit.drawings import Drawings
from triptych.audit.plots import interval_panels
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
            "Every method, every headline figure",
            interval_panels,
            summary,
            [name for name in self.study.headline if name in present],
            directions=self.study.directions,
            exact=self.study.exact,
            focus=self.study.focus,
            caption=f"Mean and 95 % bootstrap interval over {over} and test people. Squares: "
            "invariance by construction.",
            alt="Dot and whisker of every method, one panel a metric",
        )
