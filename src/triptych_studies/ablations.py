"""Ablations of the method under study: what each change alone did, paired over test subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triptych.audit.tables import Table, Value
from triptych.metrics import Difference
from triptych_studies.grid import Study
from triptych_studies.results import POINTS, compared, groups_of, standing, within
from triptych_studies.wording import direction


def tables(study: Study, results: Mapping[str, Any]) -> list[Table]:
    """Changed minus unchanged, with its interval: changes by headline metrics.

    Bold where a difference is shown; nothing where no ablation was computed.
    """
    found: list[Table] = []
    for data, split in groups_of(results["rows"]):
        rows = within(results["rows"], (data, split))
        present = {row["method"]: row["metrics"] for row in rows}
        changes = [name for name in study.ablated[1:] if name in present]
        if study.focus not in present or not changes:
            continue
        metrics = [
            metric
            for metric in study.headline
            if metric in present[study.focus] and direction(study, metric) != "none"
        ]
        pairs = [(m, change, study.focus) for change in changes for m in metrics]
        judged = compared(rows, pairs, study)
        metrics = [m for m in metrics if any((m, c, study.focus) in judged for c in changes)]
        lines = tuple(
            (
                Value(name.partition("/")[2]),
                *(_field(study, m, judged.get((m, name, study.focus))) for m in metrics),
            )
            for name in changes
        )
        note = (
            f"The recipe of {study.focus} with one thing changed minus {study.focus}, on the same "
            "test subjects, with its 95 % interval; in points (hundredths) unless another unit is "
            "named. Bold: a difference is shown (the comparisons of the table judged together by "
            "Holm's method, at 5 %); ▲ better, ▼ worse. One seed: what differs between two "
            "trainings of the same recipe is in it, too."
        )
        units = (study.units.get(m, POINTS) for m in metrics)
        names = (
            f"{m}, {u}" if u != "points" else m for m, (_, u) in zip(metrics, units, strict=True)
        )
        found.append(Table(("change", *names), lines, caption=f"{data}, split {split}", note=note))
    return found


def _field(study: Study, metric: str, difference: Difference | None) -> Value:
    if difference is None:
        return Value("–")
    scale = study.units.get(metric, POINTS)[0]
    mean, low, high = (scale * each for each in (difference.mean, difference.low, difference.high))
    how = standing(difference, direction(study, metric))
    mark = {"ahead": " ▲", "behind": " ▼"}.get(how, "")
    ends = f"[{low:+.1f}, {high:+.1f}]".replace("-", "−")
    return Value(f"{mean:+.1f}".replace("-", "−") + mark, ends, how != "even")
