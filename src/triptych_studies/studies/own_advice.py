"""The paragraph of advice of `study own`, from paired comparisons and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from scipy import special

from triptych.audit.tables import number
from triptych.metrics import Difference
from triptych_studies import collapse
from triptych_studies.grid import Study
from triptych_studies.results import POINTS, Group, compared, groups_of, means, within

# what is computed instead of training
PRACTITIONER = ("rr", "spectrum", "envelope", "har", "exact-har")
UNTRAINED = ("random", *PRACTITIONER)
FEWEST = 6  # subjects, below which no difference can be shown
SHARES = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 6: "a sixth", 7: "a seventh",
          8: "an eighth", 9: "a ninth", 10: "a tenth"}  # fmt: skip
SUITED = {"probe": "labels read from latents of what was held out",
          "probe_moved": "labels read from latents under the nuisance",
          "error": "mean absolute error of the number read in what was held out, less is better",
          "error_moved": "mean absolute error of the number under the nuisance, less is better",
          "gap": "closeness of a window to itself under the nuisance, beside that of different "
          "subjects"}  # fmt: skip


def metric_of(results: Mapping[str, Any]) -> str:
    """By which methods are compared: read in what was held out, or under the nuisance."""
    present = {name for row in results["summary"] for name in row["metrics"]}
    moved = "" if results.get("asked", {}).get("hold_out") else "_moved"
    wanted = (f"error{moved}", f"probe{moved}")  # R² says little of a subject with one number
    return next((name for name in wanted if name in present), "gap")


def advise(study: Study, results: Mapping[str, Any]) -> dict[str, Any]:
    """The paragraph (`text`), and per part of the data the comparisons that it rests on."""
    metric = metric_of(results)
    nuisance = " and ".join(each["name"] for each in results.get("asked", {}).get("nuisance", ()))
    groups = [_group(study, results, metric, each) for each in groups_of(results["summary"])]
    told = [each["text"] for each in groups if each["text"]]
    words = [f"For {nuisance} on these data ({metric}: {SUITED[metric]}): {' '.join(told)}"]
    if results.get("budget") == "smoke":
        words.append(
            "Budget smoke trains for seconds: it shows that the study runs, not which method is "
            "best; use --budget quick for that."
        )
    words += _caveats(study, metric, results["rows"], groups)
    return {"text": " ".join(words), "metric": metric, "parts": groups}


def _group(study: Study, results: Mapping[str, Any], metric: str, group: Group) -> dict[str, Any]:
    """Leader, comparisons with it, and what to start from, of one part of the data."""
    rows = within(results["rows"], group)
    found = means(within(results["summary"], group), metric)
    trained = {name: mean for name, mean in found.items() if name != "random"} or found
    part: dict[str, Any] = {
        "dataset": group[0],
        "leader": "",
        "start_from": "",
        "comparisons": [],
        "text": "",
    }
    if not trained:
        return part
    less = study.directions[metric] == "lower"
    leader = (min if less else max)(trained, key=trained.__getitem__)
    pairs = [(metric, leader, other) for other in found if other != leader]
    judged = {pair[2]: each for pair, each in compared(rows, pairs, study).items()}
    cost = {name: _seconds(rows, name) for name in found}
    even = [name for name, each in judged.items() if not each.shown]
    start = min([leader, *(n for n in even if n != "random")], key=lambda n: cost[n])
    several = len(groups_of(results["summary"])) > 1
    told = [f"{f'{group[0]}: ' if several else ''}{leader} is best, {number(found[leader])}"]
    enough = [each for each in judged.values() if each.subjects >= FEWEST]
    if enough:
        told += _sentences(leader, judged, cost)
    else:
        told += [f"{name} {number(mean)}" for name, mean in found.items() if name != leader]
    if enough and "random" in even:
        start = ""
        told.append("so no training is shown to pay here; more subjects or epochs may show it")
    elif enough and start != leader:
        told.append(f"start from {start}, the cheapest that nothing is shown to be better than")
    return part | {
        "leader": leader,
        "start_from": start if enough else "",
        "comparisons": [{"other": name, **each.to_dict()} for name, each in judged.items()],
        "smallest": smallest(list(judged.values())),
        "text": f"{'; '.join(told)}.",
    }


def _sentences(
    leader: str, judged: Mapping[str, Difference], cost: Mapping[str, float]
) -> list[str]:
    """What the comparisons with the leader show, in words."""
    above = [f"{name} by {_points(each)}" for name, each in judged.items() if each.shown]
    level = [each for each in judged.values() if not each.shown]
    even = [
        f"{name} ({_interval(each)}{_cost(cost[name], cost[leader])})"
        for name, each in judged.items()
        if not each.shown and name not in UNTRAINED
    ]
    untrained = [n for n, each in judged.items() if not each.shown and n in UNTRAINED]
    one_seed = any(1 in each.seeds for each in judged.values())
    run = " in this run" if one_seed else ""
    side = "below" if any(each.shown and each.mean < 0 for each in judged.values()) else "above"
    told: list[str] = []
    if above:
        told.append(f"it is shown to be {side} {', '.join(above)}{run}")
    if even:
        told.append(f"not shown to differ{run}: {', '.join(even)}")
    if untrained and leader not in UNTRAINED:
        names = [f"{name} ({_interval(judged[name])})" for name in untrained]
        told.append(f"it is not better than {', '.join(names)}: nothing is trained there")
    if any(each.low > 0 or each.high < 0 for each in level):
        told.append(
            "each interval is of one comparison alone: where it leaves out 0 and nothing is shown, "
            "the difference does not hold once all comparisons are judged together"
        )
    if leader in PRACTITIONER:
        told.append("no trained row is better than these features, which train nothing")
    return told


def _caveats(
    study: Study,
    metric: str,
    rows: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]],
) -> list[str]:
    """How many subjects were tested, what they could show, and who stopped the training."""
    tested = {subject for row in rows for subject in row["subjects"]}
    found: list[str] = []
    if len(tested) < FEWEST:
        found.append(
            f"Subjects tested: {len(tested)}, and fewer than {FEWEST} cannot show any "
            "difference: these are means, and no more."
        )
    known = [each["smallest"] for each in groups if each["smallest"] is not None]
    if known:
        scale, unit = study.units.get(metric, POINTS)
        found.append(
            f"The smallest difference that these {len(tested)} subjects could show is about "
            f"{min(known) * scale:.1f} {unit}."
        )
    if len({row["seed"] for row in rows}) == 1:
        found.append("One seed: another training may differ by more.")
    watching = [int(row["metrics"].get("validation_subjects", 0)) for row in rows]
    few = [n for n in watching if 0 < n <= 2]
    if few:
        folds = len({row["fold"] for row in rows})
        averaged = f", averaged over {folds} folds" if folds > 1 else ""
        found.append(
            f"Training was stopped by {min(few)} validation "
            f"subject{'s' if min(few) > 1 else ''} only{averaged}."
        )
    if lost := {row["method"] for row in rows if collapse.blocks(row)}:
        found.append(f"Collapsed, and not compared: {', '.join(sorted(lost))}.")
    return found


def smallest(judged: Sequence[Difference]) -> float | None:
    """Smallest mean difference that would be claimed, if subjects differ as they did here.

    Of the median comparison, at Bonferroni's level for all of them (Holm's first step); None with
    fewer than six subjects.
    """
    found: list[float] = []
    for each in judged:
        half, freedom = (each.high - each.low) / 2, each.subjects - 1
        if each.subjects >= FEWEST and math.isfinite(half):
            error = half / special.stdtrit(freedom, 0.975)
            found.append(float(error * special.stdtrit(freedom, 1 - 0.025 / len(judged))))
    return median(filter(None, found)) if any(found) else None  # 0: all subjects are alike


def _seconds(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    spent = [row["metrics"].get("train_seconds", 0.0) for row in rows if row["method"] == name]
    return sum(spent) / len(spent)


def _points(each: Difference) -> str:
    low, high = sorted(abs(end) * each.scale for end in (each.low, each.high))
    mean, digits = abs(each.mean) * each.scale, 0 if high - low >= 5 else 1
    ends = f"{low:.{digits}f} to {high:.{digits}f}"
    return f"{mean:.{digits}f} {each.unit} ({ends}, {each.subjects} subjects)"


def _interval(each: Difference) -> str:
    low, high = (f"{end * each.scale:.1f}".replace("-", "−") for end in (each.low, each.high))
    return f"{low} to {high} {each.unit}"


def _cost(one: float, leader: float) -> str:
    """`", costs a fifth of the time"`, as far as it says something."""
    if not one or not leader:
        return ""
    ratio = one / leader
    if ratio < 0.75:
        share = SHARES.get(round(1 / ratio), f"1/{round(1 / ratio)}")
        return f", costs {share} of the time"
    return f", costs {ratio:.1f} times the time" if ratio > 1.5 else ""
