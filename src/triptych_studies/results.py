"""results.json: rows as they were computed, their summary with intervals, paired comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from triptych.metrics import Difference, bootstrap_interval, holm, paired_difference
from triptych_studies import collapse
from triptych_studies.base import Finished, StudyData
from triptych_studies.grid import Study

Row: TypeAlias = Mapping[str, Any]
Group: TypeAlias = tuple[str, str]  # dataset and split: what a table is about
Pair: TypeAlias = tuple[str, str, str]  # metric, method, method

WINDOWS = "n"  # beside the metrics of a subject
POINTS = (100.0, "points")  # how a difference is worded, where the study says nothing else


def results_of(
    study: Study, prepared: StudyData, finished: Sequence[Finished], command: str = ""
) -> dict[str, Any]:
    """Content of results.json, in the binding format of the design.

    `command` and what stands under ``data`` are all that `rebuild` needs beside the cells.
    """
    rows = [study.settled(done.row) for done in finished]
    of_one: dict[tuple[str, Group], list[Row]] = {}
    for row in rows:
        of_one.setdefault((row["method"], (row["dataset"], row["split"])), []).append(row)
    asked = prepared.options.asked
    results = {
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
        "summary": [summary_of(each) for each in of_one.values()],
        "command": command,
        **({"asked": dict(asked)} if asked else {}),
    }
    return results | study.further(results)


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
    by_subject = table_by_subject(rows)
    return {
        **{name: rows[0][name] for name in ("method", "dataset", "split")},
        "metrics": {name: _interval(rows, by_subject, name) for name in metrics},
    }


def means_of(results: Mapping[str, Any], metric: str) -> dict[str, float]:
    """Method → mean of a metric, of the methods that have it and have not collapsed."""
    return means(results["summary"], metric)


def means(summary: Sequence[Row], metric: str) -> dict[str, float]:
    """The same of rows of the summary."""
    return {
        row["method"]: row["metrics"][metric]["mean"]
        for row in collapse.sound(summary)
        if metric in row["metrics"]
    }


def _interval(rows: Sequence[Row], by_subject: Any, metric: str) -> dict[str, Any]:
    """Mean of the rows; interval over seeds x test subjects, or over seeds alone.

    A metric over all subjects (a macro F1) is not the mean of theirs: the interval is that of the
    subjects' metrics, moved to stand around the metric.
    """
    runs = np.array([row["metrics"][metric] for row in rows if metric in row["metrics"]])
    mean = float(runs.mean())
    if metric in by_subject:
        figures = by_subject[metric]
        counts = by_subject[WINDOWS][figures.columns].fillna(0)
        interval = bootstrap_interval(*map(np.ascontiguousarray, (figures, counts)))
    else:
        interval = bootstrap_interval(runs[:, None])
    low, high = (end + (mean - interval.mean) for end in (interval.low, interval.high))
    known = math.isfinite(low)
    return {
        "mean": mean,
        "low": low if known else None,
        "high": high if known else None,
        "n": len(runs),
    }


def table_by_subject(rows: Iterable[Row]) -> Any:
    """Data frame of test subjects' metrics: (method, seed, run) x (metric, subject), NaN for none.

    A line per seed where its folds tested different subjects. The metric `WINDOWS` says how many
    windows a subject's metrics are of.
    """
    import pandas

    pd: Any = pandas
    lines = {
        (row["method"], row["seed"], run): {
            (metric, subject): value
            for subject, held in row["subjects"].items()
            for metric, value in {WINDOWS: held["n"], **held["metrics"]}.items()
        }
        for run, row in enumerate(rows)
    }
    table = pd.DataFrame.from_dict(lines, orient="index").sort_index(axis=1)
    by_seed = table.groupby(level=[0, 1], sort=False)
    return by_seed.first() if (by_seed.count() <= 1).all(axis=None) else table


def compare(rows: Iterable[Row], metric: str, a: str, b: str, study: Study) -> Difference | None:
    """Paired difference of two methods over seeds and shared test subjects; None without two."""
    return compared(rows, [(metric, a, b)], study).get((metric, a, b))


def compared(rows: Iterable[Row], pairs: Iterable[Pair], study: Study) -> dict[Pair, Difference]:
    """Paired differences of what stands in one table, judged together by Holm's method.

    Pairs of methods without two shared test subjects are left out.
    """
    table, found = table_by_subject(rows), dict[Pair, Difference]()

    @cache  # a method stands in many pairs, and each look into the table takes milliseconds
    def side(name: str, metric: str) -> Any:
        return table.loc[name, metric].dropna(axis=1)  # of the subjects that all seeds have

    for metric, a, b in pairs:
        if not (metric in table and a in table.index and b in table.index):
            continue
        left, right = side(a, metric), side(b, metric)
        shared = left.columns.intersection(right.columns)
        if len(shared) > 1:
            scale, unit = study.units.get(metric, POINTS)
            # in one layout, or the last bits of sums depend on pandas
            sides = (np.ascontiguousarray(each[shared], float) for each in (left, right))
            words = {"names": (a, b), "scale": scale, "unit": unit}
            found[metric, a, b] = paired_difference(*sides, **words)
    return dict(zip(found, holm(list(found.values())), strict=True))


def standing(difference: Difference, direction: str) -> str:
    """``"ahead"``, ``"behind"`` or ``"even"``: what a paired difference says of its first side."""
    if not difference.shown:
        return "even"
    return "ahead" if (difference.mean > 0) == (direction == "higher") else "behind"


def without_subjects(rows: Iterable[Row]) -> set[str]:
    """Metrics that no row has per subject, so that methods cannot be paired."""
    rows = list(rows)
    subjects = [each for row in rows for each in row["subjects"].values()]
    return {m for row in rows for m in row["metrics"]} - {m for p in subjects for m in p["metrics"]}
