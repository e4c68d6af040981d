"""results.json: rows as they were computed, their summary with intervals, paired comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from triptych.metrics import (
    Difference,
    Floats,
    bootstrap_interval,
    holm,
    paired_difference,
    stack_subjects,
)
from triptych_studies import collapse
from triptych_studies.base import Finished, Prepared, Study

Row: TypeAlias = Mapping[str, Any]
Group: TypeAlias = tuple[str, str]  # dataset and split: what a table is about

POINTS = (100.0, "points")  # how a difference is worded, where the study says nothing else


def results_of(
    study: Study[Any], prepared: Prepared, finished: Sequence[Finished], command: str = ""
) -> dict[str, Any]:
    """Content of results.json, in the binding format of the design.

    `command` and what stands under ``data`` are all that `rebuild` needs beside the cells.
    """
    rows = [study.settled(done.row) for done in finished]
    return {
        "study": study.name,
        "protocol": study.protocol,
        "data": {
            "name": prepared.data_name,
            "fingerprint": prepared.fingerprint,
            "simulated": prepared.simulated,
        },
        "budget": prepared.options.budget,
        "environment": merged([done.environment for done in finished]),
        "definitions": dict(study.definitions),
        "rows": rows,
        "summary": [summary_of(of_method) for _, of_method in _by_method(rows)],
        "command": command,
    }


def merged(environments: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One environment; where cells were computed in several, the list of what differed."""
    values: dict[str, list[Any]] = {}
    for environment in environments:
        for name, value in environment.items():
            if value not in values.setdefault(name, []):
                values[name].append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def groups_of(rows: Iterable[Row]) -> list[Group]:
    """Datasets and splits of the rows, in order."""
    return list(dict.fromkeys((row["dataset"], row["split"]) for row in rows))


def within(rows: Iterable[Row], group: Group) -> list[Row]:
    """Rows of one dataset and split."""
    return [row for row in rows if (row["dataset"], row["split"]) == group]


def summary_of(rows: Sequence[Row]) -> dict[str, Any]:
    """Mean and 95 % interval of every metric over rows that differ in seed and fold only."""
    metrics = dict.fromkeys(name for row in rows for name in row["metrics"])
    return {
        **{name: rows[0][name] for name in ("method", "dataset", "split")},
        "metrics": {name: _interval(rows, name) for name in metrics},
    }


def means_of(results: Mapping[str, Any], metric: str) -> dict[str, float]:
    """Method → mean of a metric, of the methods that have it and have not collapsed."""
    return {
        row["method"]: row["metrics"][metric]["mean"]
        for row in collapse.sound(results["summary"])
        if metric in row["metrics"]
    }


def _interval(rows: Sequence[Row], metric: str) -> dict[str, Any]:
    """Mean of the rows; interval over seeds x test subjects, or over seeds alone.

    A metric over all subjects (a macro F1) is not the mean of theirs: the interval is that of the
    subjects' figures, moved to stand around the metric.
    """
    held = [row for row in rows if metric in row["metrics"]]
    figures = [float(row["metrics"][metric]) for row in held]
    mean = float(np.mean(figures))
    people = [_per_subject(row, metric) for row in held]
    table = stack_subjects(_joined(held, people))
    if np.isfinite(table).any():
        sizes = [{s: row["subjects"][s]["n"] for s in _per_subject(row, metric)} for row in held]
        counts = stack_subjects(_joined(held, sizes))
        interval = bootstrap_interval(table, np.nan_to_num(counts))
    else:
        interval = bootstrap_interval(np.array(figures)[:, None])
    moved = mean - interval.mean
    low, high = interval.low + moved, interval.high + moved
    known = math.isfinite(low)
    return {
        "mean": mean,
        "low": low if known else None,
        "high": high if known else None,
        "n": len(held),
    }


def _joined(
    rows: Sequence[Row], figures: Sequence[Mapping[str, float]]
) -> list[Mapping[str, float]]:
    """Figures of people, a row a seed where its folds tested different people, else a row each."""
    by_seed: dict[int, dict[str, float]] = {}
    for row, own in zip(rows, figures, strict=True):
        by_seed.setdefault(row["seed"], {}).update(own)
    whole = sum(map(len, by_seed.values())) == sum(map(len, figures))
    return [*by_seed.values()] if whole else list(figures)


def compare(
    rows: Iterable[Row], metric: str, a: str, b: str, study: Study[Any]
) -> Difference | None:
    """Paired difference of two methods over seeds and shared test subjects; None without two."""
    rows = list(rows)
    sides = [_by_seed([row for row in rows if row["method"] == name], metric) for name in (a, b)]
    shared = sorted(set(sides[0]) & set(sides[1]))
    if len(shared) < 2:
        return None
    left, right = (np.stack([side[name] for name in shared], axis=1) for side in sides)
    scale, unit = study.units.get(metric, POINTS)
    return paired_difference(left, right, names=(a, b), scale=scale, unit=unit)


Pair: TypeAlias = tuple[str, str, str]  # metric, method, method


def compared(
    rows: Iterable[Row], pairs: Iterable[Pair], study: Study[Any]
) -> dict[Pair, Difference]:
    """Paired differences of what stands in one table, judged together by Holm's method.

    Pairs of methods without two shared test subjects are left out.
    """
    rows = list(rows)
    found = {pair: compare(rows, *pair, study) for pair in pairs}
    held = {pair: difference for pair, difference in found.items() if difference is not None}
    return dict(zip(held, holm(list(held.values())), strict=True))


def standing(difference: Difference, direction: str) -> str:
    """``"ahead"``, ``"behind"`` or ``"even"``: what a paired difference says of its first side."""
    if not difference.shown:
        return "even"
    return "ahead" if (difference.mean > 0) == (direction == "higher") else "behind"


def without_people(rows: Iterable[Row]) -> set[str]:
    """Metrics of which no row has figures of people, so that methods cannot be paired."""
    rows = list(rows)
    metrics = {name for row in rows for name in row["metrics"]}
    return {name for name in metrics if not any(_per_subject(row, name) for row in rows)}


def _by_seed(rows: Sequence[Row], metric: str) -> dict[str, Floats]:
    """Test subject to its figure of every seed, of the subjects that all seeds have."""
    figures = [_per_subject(row, metric) for row in rows]
    names = sorted({name for own in figures for name in own})
    table = stack_subjects(_joined(rows, figures))
    return {name: c for name, c in zip(names, table.T, strict=True) if np.isfinite(c).all()}


def _per_subject(row: Row, metric: str) -> dict[str, float]:
    return {
        name: subject["metrics"][metric]
        for name, subject in row["subjects"].items()
        if metric in subject["metrics"]
    }


def _by_method(rows: Sequence[Row]) -> list[tuple[tuple[str, Group], list[Row]]]:
    found: dict[tuple[str, Group], list[Row]] = {}
    for row in rows:
        found.setdefault((row["method"], (row["dataset"], row["split"])), []).append(row)
    return list(found.items())
