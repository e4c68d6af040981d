"""Whether bfloat16 and a compiled encoder train models of the same metrics, over three seeds.

Small trainings of SCL on simulated ECGs. The metric is the gap of the invariant block under the
shift, on other virtual subjects: (cosine − between) / (1 − between).
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean, median

import torch

from benchmarks import ECG
from benchmarks.timing import Effort, Row, Spread
from triptych.datasets import Windows, preprocess, random_windows, simulated
from triptych.metrics import between_groups, cosine
from triptych.training import Recipe, fit

SEEDS = 3
CHANGES = {
    "bf16-mixed": {"training.precision": "bf16-mixed"},
    "compiled encoder": {"training.compile": True},
}


def run(effort: Effort) -> Iterator[Row]:
    """Per change two rows: how far the metric moves, in units of the seeds' range, and the time."""
    recipe = Recipe.read(ECG).replace(
        {
            "data.rate": 100.0, "data.low": None, "data.high": None,
            "training.batch": 32, "training.epochs": 1 if effort.smallest else 6,
            "training.patience": None, "training.minutes": None,
        }
    )  # fmt: skip
    train, test = (_windows(recipe, 2 if effort.smallest else 8, seed) for seed in (0, 1))
    seeds = range(1 if effort.smallest else SEEDS)
    plain = [_trained(recipe, seed, train, test) for seed in seeds]
    gaps = [gap for gap, _ in plain]
    spread = max(max(gaps) - min(gaps), 1e-3)
    for name, change in list(CHANGES.items())[: 1 if effort.smallest else None]:
        made = [_trained(recipe.replace(change), seed, train, test) for seed in seeds]
        moved = [abs(gap - kept) / spread for (gap, _), kept in zip(made, gaps, strict=True)]
        paces = [base / each for (_, base), (_, each) in zip(plain, made, strict=True)]
        seconds = {name: median(each for _, each in made), "float32": median(s for _, s in plain)}
        gap = f"gap {mean(each for each, _ in made):.3f} for {mean(gaps):.3f}"
        case = f"{name}: {gap}; moved, in units of the seeds' range ({spread:.3f})"
        yield Row("same_metrics", case, Spread.of(moved), "×", 1.0, "at most", seconds)
        faster = f"{name}: times faster"
        yield Row("same_metrics", faster, Spread.of(paces), "×", None, "at least", seconds)


def _windows(recipe: Recipe, subjects: int, seed: int) -> Windows:
    cohort = simulated.load("ecg", subjects, seconds=60, seed=seed)
    cohort = cohort.map(lambda each: preprocess(each, recipe.data.preprocessing()))
    return random_windows(cohort, 40, recipe.data.length_s, recipe.context_s)


def _trained(recipe: Recipe, seed: int, train: Windows, test: Windows) -> tuple[float, float]:
    fitted = fit(recipe.replace({"training.seed": seed}), train, None, device="cpu", progress=False)
    (shift,) = recipe.make_transforms()
    x = test.signals
    theta = shift.sample(len(x), torch.Generator().manual_seed(0))
    block = fitted.model.schema.invariant(shift.name)[0].name
    still, moved = (
        fitted.model.embed(shift.apply(x, each))[block].numpy()
        for each in (shift.identity(len(x)), theta)
    )
    level = float(between_groups(still, test.subject).mean())
    return (float(cosine(still, moved).mean()) - level) / (1 - level), fitted.seconds
