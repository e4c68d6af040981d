"""What the figures of every study share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from triptych.audit import plots
from triptych.studies.base import Figure, Finished, Study


def first_cells(study: Study[Any], finished: Sequence[Finished]) -> dict[str, dict[str, Any]]:
    """Artifacts of each method's first seed and fold, in the order of the tables."""
    first: dict[str, Finished] = {}
    for each in sorted(finished, key=lambda done: (done.cell.seed, done.cell.fold)):
        first.setdefault(each.cell.method, each)
    return {name: first[name].artifacts for name in study.rows if name in first}


def intervals(
    study: Study[Any], results: Mapping[str, Any], folder: Path, note: str, over: str
) -> Figure:
    """Draw every headline metric of every method; `over` says what the intervals are over."""
    title = "Every method, every headline figure"
    present = {name for row in results["summary"] for name in row["metrics"]}
    plots.interval_panels(
        results["summary"],
        [name for name in study.headline if name in present],
        folder / "intervals.png",
        directions=study.directions,
        title=title,
        note=note,
        exact=study.exact,
        focus=study.focus,
    )
    return Figure(
        "intervals.png",
        title,
        f"Mean and 95 % bootstrap interval over {over} and test people. Squares: invariance by "
        "construction.",
        "Dot and whisker of every method, one panel a metric",
    )
