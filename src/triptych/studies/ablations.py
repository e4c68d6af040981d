"""Ablations of the method under study: what each change alone did, paired over test people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triptych.audit.tables import Table, Value
from triptych.studies.base import Study
from triptych.studies.results import POINTS, compare, groups_of, standing, within
from triptych.studies.wording import direction


def tables(study: Study[Any], results: Mapping[str, Any]) -> list[Table]:
    """One row a change, one column a headline metric: changed minus unchanged, with its interval.

    Bold where the interval leaves 0 out; nothing where no ablation was computed.
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
        metrics = [
            m for m in metrics if any(_field(study, rows, m, c).text != "–" for c in changes)
        ]
        lines = tuple(
            (Value(name.partition("/")[2]), *(_field(study, rows, m, name) for m in metrics))
            for name in changes
        )
        note = (
            f"The recipe of {study.focus} with one thing changed minus {study.focus}, on the same "
            "test people; in points (hundredths) unless another unit is named. Bold: the 95 % "
            "interval leaves 0 out; ▲ better, ▼ worse. One seed: what differs between two "
            "trainings of the same recipe is in it, too."
        )
        units = (study.units.get(m, POINTS) for m in metrics)
        names = (
            f"{m}, {u}" if u != "points" else m for m, (_, u) in zip(metrics, units, strict=True)
        )
        found.append(Table(("change", *names), lines, caption=f"{data}, split {split}", note=note))
    return found


def _field(study: Study[Any], rows: Any, metric: str, changed: str) -> Value:
    difference = compare(rows, metric, changed, study.focus, study)
    if difference is None:
        return Value("–")
    scale = study.units.get(metric, POINTS)[0]
    mean, low, high = (scale * each for each in (difference.mean, difference.low, difference.high))
    how = standing(difference, direction(study, metric))
    mark = {"ahead": " ▲", "behind": " ▼"}.get(how, "")
    ends = f"[{low:+.1f}, {high:+.1f}]".replace("-", "−")
    return Value(f"{mean:+.1f}".replace("-", "−") + mark, ends, how != "even")
