"""Results in words and tables: the best methods, ties, and paired statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from triptych.audit.tables import Table, Value, number
from triptych_studies import collapse
from triptych_studies.grid import Study
from triptych_studies.progress import duration
from triptych_studies.results import (
    POINTS,
    Difference,
    Group,
    Pair,
    Row,
    compared,
    groups_of,
    means,
    standing,
    within,
    without_subjects,
)

_ARROW = {"higher": " ↑", "lower": " ↓"}
_WIDE = 6  # metrics in one table


def metric_tables(study: Study, results: Mapping[str, Any], headline: bool) -> list[Table]:
    """Methods by metrics with intervals: the headline metrics, or all the others."""
    tables: list[Table] = []
    for group in groups_of(results["summary"]):
        present = {name for row in within(results["summary"], group) for name in row["metrics"]}
        present = {name for name in present if not name.startswith(collapse.PREFIX)}
        metrics = [
            name for name in _ordered(study, present) if (name in study.headline) is headline
        ]
        for start in range(0, len(metrics), _WIDE):
            tables.append(_table(study, results, group, metrics[start : start + _WIDE]))
    return tables


def _ordered(study: Study, present: set[str]) -> list[str]:
    """Metrics as they are defined; those under another transform (``a@b``) behind their own."""
    order = {name: k for k, name in enumerate([*study.headline, *study.definitions])}
    return sorted(present, key=lambda m: (order.get(m, order.get(m.split("@")[0], 999)), m))


def _table(study: Study, results: Mapping[str, Any], group: Group, metrics: Sequence[str]) -> Table:
    summary, rows = within(results["summary"], group), within(results["rows"], group)
    leaders = {m: leader for m in metrics if (leader := _leader(study, summary, m)) is not None}
    pairs = [
        (metric, leader, row["method"])
        for metric, leader in leaders.items()
        for row in collapse.sound(summary)
        if row["method"] != leader and metric in row["metrics"]
    ]
    judged = compared(rows, pairs, study)
    best = {m: _best(summary, m, leaders.get(m), judged) for m in metrics}
    exact = {
        m: _leader(study, [s for s in summary if s["method"] in study.exact], m) for m in metrics
    }
    lines: list[tuple[Value, ...]] = []
    for row in summary:
        fields = [Value(row["method"], collapse.words(row))]
        for metric in metrics:
            figures = row["metrics"].get(metric)
            text = number(figures["mean"]) if figures else "–"
            text += " †" if figures and exact[metric] == row["method"] else ""
            fields.append(Value(text, _between(figures), row["method"] in best[metric]))
        lines.append(tuple(fields))
    several = len(groups_of(results["summary"])) > 1
    return Table(
        ("method", *(m + _ARROW.get(direction(study, m), "") for m in metrics)),
        tuple(lines),
        caption=f"{group[0]}, split {group[1]}" if several else "",
    )


def explanation(study: Study, results: Mapping[str, Any]) -> str:
    """What arrows, bold and dagger mean."""
    whole = collapse.sound(results["summary"]) or results["summary"]
    counts = sorted({f["n"] for row in whole for f in row["metrics"].values()})
    runs = " or ".join(map(str, counts))
    text = (
        "Mean and, in brackets, 95 % interval over seeds and test subjects, both random "
        f"(runs = seeds × folds: {runs}). ↑ more is better, ↓ less is better. Bold: the best, and "
        "every method that is not shown to differ from it (paired over test subjects; the "
        "comparisons of one table are judged together by Holm's method, at 5 %); nothing where a "
        "metric has no values per subject. Intervals take no notice of a metric's bounds."
    )
    if len({row["seed"] for row in results["rows"]}) == 1:
        text += (
            " One seed: intervals and comparisons are about these runs; another seed of the same "
            "method may differ by more."
        )
    alone = [n for n in study.headline if n in without_subjects(results["rows"])]
    if alone:
        text += (
            f" {', '.join(alone)}: no metric per subject, so the interval is over runs alone, "
            "which are few, and no comparison is made."
        )
    text += f" {collapse.NOTE}" if any(map(collapse.blocks, results["summary"])) else ""
    return text + (" † the best of the exact methods." if study.exact else "")


def direction(study: Study, metric: str) -> str:
    """Which way a metric is better; ``a@b`` as ``a``."""
    return study.directions.get(metric) or study.directions.get(metric.split("@")[0], "none")


def _between(figures: Mapping[str, Any] | None) -> str:
    if not figures or figures["low"] is None:
        return ""
    return f"[{number(figures['low'])}, {number(figures['high'])}]"


def _leader(study: Study, summary: Sequence[Row], metric: str) -> str | None:
    """Method with the best mean; None if the metric has no better side or no method has it."""
    way, found = direction(study, metric), means(summary, metric)
    if way == "none" or not found:
        return None
    return (max if way == "higher" else min)(found, key=found.__getitem__)


def _best(
    summary: Sequence[Row], metric: str, leader: str | None, judged: Mapping[Pair, Difference]
) -> set[str]:
    """The best method and those that are not shown to differ from it; none that collapsed."""
    # The best of one is nothing, nor is the best of what is not compared.
    if leader is None or not any(metric == compared_by for compared_by, _, _ in judged):
        return set()
    shown = {method: number(mean) for method, mean in means(summary, metric).items()}

    def tied(method: str) -> bool:
        difference = judged.get((metric, leader, method))
        even = difference is not None and not difference.shown
        return even or shown[method] == shown[leader]

    return {method for method in shown if tied(method)}


def statements(study: Study, results: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Paired statements about the method under study, under headings, its losses first.

    Headline metrics with a better side, against every other method. Losses are worded one by one,
    draws and wins in one line per metric; a study without losses says so.
    """
    behind: list[str] = []
    even: dict[str, list[str]] = {}
    unpaired: list[str] = []
    ahead: dict[str, list[str]] = {}
    several = len(groups_of(results["summary"])) > 1
    for group in groups_of(results["summary"]):
        rows = within(results["rows"], group)
        others = [s["method"] for s in collapse.sound(within(results["summary"], group))]
        where = f" ({group[0]}, {group[1]})" if several else ""
        pairs = [
            (metric, study.focus, other)
            for metric in study.headline
            for other in others
            if study.focus in others and other != study.focus and direction(study, metric) != "none"
        ]
        for (metric, _, other), difference in compared(rows, pairs, study).items():
            scale, unit = study.units.get(metric, POINTS)
            match standing(difference, direction(study, metric)):
                case "behind":
                    behind.append(f"{metric}{where}: {difference.verdict}.")
                case "even":
                    line, by = _drawn(difference, scale, unit)
                    even.setdefault(f"{metric}{where}, {line}: ", []).append(f"{other} {by}")
                case _:
                    by = f"{other} {abs(difference.mean) * scale:.1f}"
                    ahead.setdefault(f"{metric}{where}, in {unit}: ", []).append(by)
        sound = collapse.sound(within(results["summary"], group))
        unpaired += _unpaired(study, sound, rows, where)
    won, draws = ([k + ", ".join(by) for k, by in lines.items()] for lines in (ahead, even))
    if not (behind or draws or won or unpaired):
        return []
    found = [
        (f"Where {study.focus} is behind", behind or ["Nowhere among these comparisons."]),
        ("Without a metric per subject, so without a verdict", unpaired),
        (
            f"Where no difference between {study.focus} and another is shown (95 % intervals of "
            f"{study.focus} minus the other; *: not when all comparisons are judged together)",
            draws,
        ),
        (f"What {study.focus} is ahead of", won),
    ]
    return [(heading, points) for heading, points in found if points]


def _drawn(difference: Difference, scale: float, unit: str) -> tuple[str, str]:
    """What draws of one line share, and the interval of this one."""
    few = "" if difference.enough else ", too few to show one"
    seeds = "one seed" if 1 in difference.seeds else f"{min(difference.seeds)} seeds"
    star = "*" if difference.low * difference.high > 0 else ""
    ends = " to ".join(
        f"{end * scale:.1f}".replace("-", "−") for end in (difference.low, difference.high)
    )
    subjects = f"{difference.subjects} subject{'s' * (difference.subjects != 1)}"
    return f"in {unit}, {subjects}{few}, {seeds}", f"{ends}{star}"


def _unpaired(study: Study, summary: Sequence[Row], rows: Sequence[Row], where: str) -> list[str]:
    """Headline metrics that have a better side but none per subject: means, best first."""
    lines: list[str] = []
    for metric in study.headline:
        way, found = direction(study, metric), means(summary, metric)
        if way == "none" or study.focus not in found or metric not in without_subjects(rows):
            continue
        order = sorted(found, key=found.__getitem__, reverse=way == "higher")
        said = ", ".join(f"{method} {number(found[method])}" for method in order)
        lines.append(f"{metric}{where}, best first: {said}.")
    return lines


def headline(study: Study, results: Mapping[str, Any]) -> str:
    """The study's own conclusion, or the first headline metric of the methods that matter."""
    words = study.conclude(results)
    group = next(iter(groups_of(results["summary"])), None)
    if words or group is None or not study.headline:
        return words
    metric, summary = study.headline[0], within(results["summary"], group)
    exact = _leader(study, [s for s in summary if s["method"] in study.exact], metric)
    said: list[str] = []
    for method, what in ((study.focus, ""), (study.baseline, ""), (exact, " (the best exact)")):
        for row in summary:
            if row["method"] == method and metric in row["metrics"]:
                figures = row["metrics"][metric]
                value = f"{number(figures['mean'])} {_between(figures)}".strip()
                said.append(f"{method}{what} {value}")
    meaning = study.definitions.get(metric, "")
    return f"{metric}{f' ({meaning})' if meaning else ''}: {', '.join(said) or 'not measured'}."


def effort_table(results: Mapping[str, Any]) -> Table:
    """What each row cost: parameters, epochs, trials, seconds."""
    lines = tuple(
        (
            Value(row["method"]),
            *(Value(str(row[name])) for name in ("dataset", "split", "fold", "seed")),
            Value(f"{row['parameters']:,}"),
            Value(str(row.get("epochs", "–"))),
            Value(str(row.get("trials", "–"))),
            Value(duration(row["seconds"])),
        )
        for row in results["rows"]
    )
    names = ("dataset", "split", "fold", "seed", "parameters", "epochs", "trials", "time")
    return Table(("method", *names), lines)
