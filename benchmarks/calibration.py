"""``python -m benchmarks.calibration``: how often intervals cover, and verdicts are wrong.

Simulated subjects and seeds of one method, and the committed results: the same method under other
seeds. Nominal: 95 % covered, 5 % called different.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from triptych.metrics.differences import FEWEST_PAIRS, paired_difference
from triptych.metrics.statistics import bootstrap_interval

RESULTS = Path(__file__).resolve().parents[1] / "results"
SEEDS = 3


def simulated(rng: np.random.Generator, subjects: int, ratio: float, rest: float) -> np.ndarray:
    """Figures (seeds, subjects) of a method whose mean is 0.

    Seeds add `ratio` of the standard error that the subjects (standard deviation 1) have, and every
    subject's figure moves with the seed by `rest`.
    """
    seeds = ratio * np.sqrt(SEEDS / subjects) * rng.normal(size=(SEEDS, 1))
    return seeds + rng.normal(size=subjects) + rest * rng.normal(size=(SEEDS, subjects))


def committed(results: Path = RESULTS) -> Iterator[tuple[str, np.ndarray]]:
    """Folder and figures (3 seeds, subjects) of every method and metric with three seeds."""
    for path in sorted(results.rglob("results.json")):
        runs: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
            runs[row["method"], row["dataset"], row["split"]].append(row["subjects"])
        for found in runs.values():
            if len(found) != SEEDS:
                continue
            for metric in next(iter(found[0].values()))["metrics"]:
                table = np.array(
                    [[own[s]["metrics"].get(metric, np.nan) for s in found[0]] for own in found]
                )
                held = table[:, np.isfinite(table).all(axis=0)]
                if held.shape[1] >= FEWEST_PAIRS:
                    yield str(path.parent.relative_to(results)), held


def called_different(table: np.ndarray) -> list[bool]:
    """Whether a difference is claimed between each seed of one method and the two others."""
    return [
        paired_difference(np.delete(table, k, axis=0), table[k]).shown for k in range(len(table))
    ]


def called_different_in_one_run(table: np.ndarray) -> list[bool]:
    """Whether one is claimed between single runs of one method, two at a time."""
    return [
        paired_difference(table[i], table[k]).shown for i, k in combinations(range(len(table)), 2)
    ]


def main(trials: int = 4_000) -> None:
    """Print both tables in Markdown."""
    rng = np.random.default_rng(0)
    print("| subjects | seed s.e. / subject s.e. | seed × subject s.d. | covered | different |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for subjects in (6, 10, 22, 30):
        for ratio in (0.0, 0.5, 1.0):
            for rest in (0.0, 0.5):
                inside = wrong = 0
                for _ in range(trials):
                    a, b = (simulated(rng, subjects, ratio, rest) for _ in "ab")
                    interval = bootstrap_interval(a)
                    inside += interval.low <= 0 <= interval.high
                    wrong += paired_difference(a, b).shown
                covered, different = (f"{100 * k / trials:.1f} %" for k in (inside, wrong))
                print(f"| {subjects} | {ratio} | {rest} | {covered} | {different} |")
    shown: dict[str, list[bool]] = defaultdict(list)
    single: dict[str, list[bool]] = defaultdict(list)
    for folder, table in committed():
        for name in (folder, "all"):
            shown[name] += called_different(table)
            single[name] += called_different_in_one_run(table)
    print("\n| committed results | comparisons | different | one run against one |")
    print("| --- | ---: | ---: | ---: |")
    for name, calls in shown.items():
        rates = (f"{100 * np.mean(each):.1f} %" for each in (calls, single[name]))
        print(f"| {name} | {len(calls)} | {' | '.join(rates)} |")


if __name__ == "__main__":
    main()
