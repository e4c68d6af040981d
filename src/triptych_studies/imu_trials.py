"""Trials of the IMU rotation study, scored by `accuracy_full` + `accuracy_rotated`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from triptych_studies.base import Progress
from triptych_studies.fitted import fitted_model
from triptych_studies.imu_measures import measure_classes, measured
from triptych_studies.imu_recipes import FROZEN, TRIALS, recipe_of
from triptych_studies.imu_windows import ImuData, sides
from triptych_studies.scores import Scores
from triptych_studies.trials import Figures, run_trials


def tune(prepared: ImuData, methods: Sequence[str], out: Path, progress: Progress) -> Path:
    """Run the trials of fold 0 on its validation people; see `run_trials`."""
    cell = sides(prepared, "subject", 0, prepared.options.budget)
    watched = replace(cell, test=cell.validation)

    def score(method: str, trial: int) -> Figures:
        content, _ = recipe_of(method, prepared, seed=0, trial=trial)
        model, _, _ = fitted_model(
            content,
            cell.train,
            cell.validation,
            channels=prepared.channels,
            device=prepared.options.device,
            untrained=False,
            progress=lambda text: None,
        )
        found = Scores()
        subject = measured(model, watched, prepared.classes, method in FROZEN)
        measure_classes(subject, found, families=("",))
        names = ("accuracy_full", "accuracy_rotated", "consistency")
        return {name: found.metrics[name] for name in names}

    counts = {method: len(trials) for method, trials in TRIALS.items()}
    return run_trials(counts, methods, out, score, _totals, progress)


def _totals(found: Mapping[str, list[Figures]], scores: list[Figures]) -> list[float]:
    del found
    return [each["accuracy_full"] + each["accuracy_rotated"] for each in scores]
