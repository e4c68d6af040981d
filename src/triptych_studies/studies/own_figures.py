"""Figures of `study own`: intervals of every row, cost against quality."""

from __future__ import annotations

from triptych_studies.figures import Album
from triptych_studies.studies import benchmark_figures
from triptych_studies.studies.benchmark_figures import LABELLED, UNCONVERGED
from triptych_studies.studies.own_advice import metric_of


def draw(album: Album) -> None:
    """Add what the finished cells allow."""
    summary = album.results["summary"]
    metric = metric_of(album.results)
    names = benchmark_figures.marked(summary)
    if len({row["dataset"] for row in summary}) == 1:
        album.add_intervals("seeds")
    else:
        album.add(
            "heat.png",
            f"{metric}: methods by values held out",
            benchmark_figures.heat_table,
            benchmark_figures.table_of(summary, metric, names),
            benchmark_figures.table_of(summary, "falling", names),
            caption=f"{album.study.definitions[metric]}. Colours: the range of each column; "
            f"{LABELLED}; {UNCONVERGED}.",
            alt="Heat table of methods by values held out",
        )
    album.add(
        "cost.png",
        "Cost of training against quality",
        benchmark_figures.scatter,
        benchmark_figures.table_of(summary, "train_seconds", names),
        benchmark_figures.table_of(summary, metric, names),
        caption=f"Seconds of training, and {metric}. {LABELLED}.",
        alt="Scatter of training time against quality",
        label=metric,
    )
