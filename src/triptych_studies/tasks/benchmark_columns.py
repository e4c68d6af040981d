"""The columns that every row of the benchmark has, whatever its task and method.

Latents are those of the invariant block, or of the whole vector where a method has no blocks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from triptych.datasets import Windows
from triptych.metrics import (
    Factor,
    between_groups,
    cosine,
    factor_matrix,
    per_subject,
    separation,
)
from triptych_studies.scores import Scores
from triptych_studies.tasks import benchmark_probes as probes
from triptych_studies.tasks.base import Sides, Trained
from triptych_studies.tasks.benchmark_reading import LatentReading, Timed

REVISION = 2  # of the figures below: raised with every change that moves them
# Windows of which θ is read; of 100 little can be read, so smoke shows only that it runs.
FACTOR_ROWS = {"smoke": 100, "quick": 1000, "full": 3000}
FEWEST = 4  # subjects that the probes of θ are fitted on and scored on; else others beside them
PERMUTATIONS = 19  # no p is printed
TIMED = 1000  # windows of which the pace is taken, the best of three
UNFINISHED = 0.02
METRICS: Mapping[str, str] = {
    "probe": "↑ linear probe on frozen latents, fitted on windows of all other subjects (as they "
    "are, and under one draw of the nuisance), scored on test windows as they are: macro F1 of "
    "classes, R² of numbers",
    "probe_moved": "↑ the same probe on test windows under one draw of the nuisance",
    "consistency": "↑ share of test windows whose reading stays under the nuisance: the same "
    "class, or a number within 5",
    **{
        f"{name}@{share}%": f"↑ {name} fitted on {share} % of the training subjects' labels (at "
        f"least one per class; mean over {draws} draws)"
        for share, draws in ((10, probes.DRAWS[10]), (1, probes.DRAWS[1]))
        for name in ("probe", "probe_moved")
    },
    "separation": "↑ AUROC of cosine: a test window and itself under the nuisance, against windows "
    "of different subjects",
    "gap": "↑ (cosine under the nuisance − between-subject cosine) / (1 − between-subject cosine)",
    "cosine_moved": "mean cosine of a test window and itself under the nuisance",
    "cosine_random": "mean cosine between windows of different subjects (of one test subject: and "
    "of validation subjects)",
    "purity": "↑ R² of the main nuisance's θ (of a rotation: of where gravity points), read by "
    "other subjects' probes (below 0 counts as 0), in the block that is meant for it, minus the "
    "best in another block that declares a relation; methods without blocks have none. Where "
    "fewer than four subjects are tested, with windows of the others, too",
    "leakage": "↓ R² of that θ in blocks that declare to be invariant to it (whole latent where a "
    "method has no blocks)",
    "accuracy": "↑ share of test windows as they are whose class is read right",
    "accuracy_moved": "↑ the same under the nuisance",
    "auroc": "↑ one-against-rest AUROC of the probe on test windows as they are, macro",
    "auroc_moved": "↑ the same under the nuisance",
    "auroc@recording": "↑ the same of recordings (one label each) by their mean latents",
    "error": "↓ mean absolute error of the number that is read, test windows as they are (BPM)",
    "error_moved": "↓ the same under the nuisance",
    "probe_full": "↑ probe on all blocks",
    "probe_full_moved": "↑ the same under the nuisance",
    "labels": "1: labels were used in training, so the row is not among the label-free ones",
    "encoder_parameters": "↓ weights of front end and encoder",
    "falling": f"share of itself by which the validation loss fell over the last third of the "
    f"epochs: above {UNFINISHED:g} the training had not converged (marked ‡ in figures)",
    "train_seconds": "↓ s of training, of CPU time (all cores)",
    "windows_per_s": "↑ windows embedded per second of CPU time",
    "peak_mb": "↓ peak of resident memory in training above that before it, MB (Linux)",
}


def measure(task: Any, trained: Trained, sides: Sides, scores: Scores) -> None:
    """Put every column into `scores`."""
    reading = LatentReading(task, trained.model, sides)
    scores.count(sides.test.subject)
    if scores.sound(" + ".join(reading.inside), *map(reading.chosen, reading.test)):
        _measure_invariance(reading, scores)
        if task.number or task.classes:
            probes.measure_probes(reading, scores)
    _measure_blocks(reading, scores)
    scores.add("labels", float(bool(trained.recipe.get("classes"))) if trained.epochs else 0.0)
    _measure_cost(reading, trained, scores)


def _measure_invariance(reading: LatentReading, scores: Scores) -> None:
    test = reading.sides.test
    still, moved = (reading.chosen(z).numpy() for z in reading.test)
    kept = cosine(still, moved)
    rows, subject = still, test.subject
    if len(np.unique(subject)) < 2:
        others = reading.sides.validation
        rows = np.concatenate([still, reading.chosen(reading.model.embed(others.centred).all)])
        subject = np.concatenate([subject, others.subject])
    between = between_groups(rows, subject)
    level = float(between.mean())
    own = {name: kept[test.subject == name] for name in np.unique(test.subject).tolist()}
    apart = {name: separation(values, between) for name, values in own.items()}
    scores.add("separation", separation(kept, between), apart)
    if level < 1:
        ratio = (kept - level) / (1 - level)
        scores.add("gap", ratio.mean(), per_subject(ratio, test.subject))
    scores.add("cosine_moved", kept.mean(), per_subject(kept, test.subject))
    scores.add("cosine_random", level)


def _measure_blocks(reading: LatentReading, scores: Scores) -> None:
    """Purity and leakage of the main nuisance's θ."""
    task, schema, sides = reading.task, reading.model.schema, reading.sides
    part = next(each for each in task.chain(tested=False).parts if each.name == task.main)
    pool = sides.test
    if len(np.unique(pool.subject)) < FEWEST:
        pool = Windows.concat([sides.test, sides.validation, sides.train])
    order = np.random.default_rng(2).permutation(len(pool))[: FACTOR_ROWS[task.budget]]
    few = pool.take(np.sort(order))
    theta = part.sample(len(few), torch.Generator().manual_seed(2))
    still, moved = (schema.split(z) for z in reading.moved(few, part, theta))
    values, paired = task.carried(few, part, theta)
    z = (still, moved) if paired else (moved, None)
    factor = Factor("θ", values.double().numpy(), few.subject, *z, part.name)
    matrix = factor_matrix([factor], schema, permutations=PERMUTATIONS)
    if "θ" in matrix.purity:
        scores.add("purity", matrix.purity["θ"])
    blocks = reading.inside if "θ" in matrix.leakage else schema.names
    held = [max(0.0, cell.score) for cell in matrix.cells if cell.block in blocks]
    if held:
        scores.add("leakage", max(held))


def _measure_cost(reading: LatentReading, trained: Trained, scores: Scores) -> None:
    model, x = trained.model, reading.sides.test.centred[:TIMED]
    parts = (model.front_end, model.encoder)
    scores.add("encoder_parameters", sum(p.numel() for part in parts for p in part.parameters()))
    paces: list[float] = []
    for _ in range(3):
        start = time.process_time()
        model.embed(x)
        paces.append(len(x) / (time.process_time() - start))
    scores.add("windows_per_s", max(paces))
    losses = [row["validation/total"] for row in trained.history if "validation/total" in row]
    if len(losses) > 2:
        before = losses[: -(-2 * len(losses) // 3)]
        scores.add("falling", (min(before) - min(losses)) / max(abs(min(before)), 1e-12))
    if isinstance(trained, Timed) and trained.epochs:
        scores.add("train_seconds", trained.seconds)
        scores.add("peak_mb", trained.megabytes)
