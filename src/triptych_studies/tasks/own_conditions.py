"""Figures per condition of own recordings: a device, an orientation, a session."""

from __future__ import annotations

from typing import Any

import numpy as np

from triptych.datasets import Windows
from triptych.metrics import cosine
from triptych_studies.base import Cell
from triptych_studies.scores import Scores
from triptych_studies.tasks.base import Trained
from triptych_studies.tasks.benchmark import MOST
from triptych_studies.tasks.benchmark_probes import FITTED, read, score
from triptych_studies.tasks.benchmark_reading import LatentReading

MOST_VALUES, MOST_COLUMNS = 12, 3
FEWEST = 5  # windows of a condition


def columns_of(windows: Windows, first: str) -> tuple[str, ...]:
    """Columns of few values; where one is held out, that one or none."""
    found = [
        name
        for name, values in windows.attributes.items()
        if first in ("", name) and 2 <= len(set(values.tolist()) - {""}) <= MOST_VALUES
    ]
    return tuple(found[:MOST_COLUMNS])


def measure(task: Any, trained: Trained, cell: Cell, scores: Scores) -> None:
    """Of the tested subjects' windows of every value, those of values trained on included.

    With labels `probe@COLUMN=VALUE`, as the benchmark's `probe`; else `cosine_moved@...`.
    """
    columns = columns_of(task.windows, task.asked.hold_out)
    sides = task.sides(cell)
    scores.add("validation_subjects", len(np.unique(sides.validation.subject)))
    if not columns or "gap" not in scores.metrics:  # collapsed
        return
    reading = LatentReading(task, trained.model, sides)
    order = np.random.default_rng(5).permutation(np.flatnonzero(task.under_test(cell)))
    test = task.windows.take(np.sort(order[: MOST[task.budget][2]]))
    still, moved = (reading.chosen(z).numpy() for z in reading.pair(test, 0, tested=True))
    known = test.label != ""
    told = bool(task.number or task.classes)
    kept = known if told else np.ones(len(test), bool)
    kind: Any = float if task.number else str
    guess = _read(task, reading, still[known], kind) if told else None
    truth = test.label[known].astype(kind)
    for column in columns:
        values = test.attributes[column][kept]
        for value in sorted(set(values.tolist()) - {""}):
            own = values == value
            if own.sum() < FEWEST:
                continue
            if guess is None:
                scores.add(f"cosine_moved@{column}={value}", cosine(still, moved)[own].mean())
            else:
                classes = np.unique(truth[own]).tolist()
                found = score(guess[own], truth[own], classes)
                scores.add(f"probe@{column}={value}", found)


def _read(task: Any, reading: LatentReading, unseen: Any, kind: Any) -> Any:
    """What the benchmark's probe reads from latents of test windows."""
    train = reading.fitted
    known = np.random.default_rng(3).permutation(np.flatnonzero(train.label != ""))
    known = known[: FITTED[task.budget]]
    fitted = np.concatenate([reading.chosen(z).numpy()[known] for z in reading.train])
    labels: Any = np.tile(train.label[known].astype(kind), 2)
    return read(fitted, labels, np.tile(train.subject[known], 2), [unseen])[0]
