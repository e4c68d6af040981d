"""How the ECG phase study trains, and its trials: `separation` − mse / plain's lowest mse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from triptych.metrics import between_groups, cosine, separation
from triptych.model import Model
from triptych.transforms import PhaseShift
from triptych_studies.base import Progress
from triptych_studies.ecg_recipes import TRIALS, recipe_of
from triptych_studies.ecg_windows import EcgData
from triptych_studies.fitted import fitted_model
from triptych_studies.trials import Figures, chosen_trials, run_trials


def train(
    content: Mapping[str, Any], prepared: EcgData, untrained: bool, progress: Progress
) -> tuple[Model, nn.Module | None, int]:
    """Model of a recipe on the study's training people; see `fitted_model`."""
    return fitted_model(
        content,
        prepared.train,
        prepared.validation,
        channels=prepared.channels,
        device=prepared.options.device,
        untrained=untrained,
        progress=progress,
    )


def tune(prepared: EcgData, methods: Sequence[str], out: Path, progress: Progress) -> Path:
    """Run the trials at the budget of `prepared` (`quick` by the protocol); see `run_trials`.

    Without a decoder a trial is scored by `separation` alone.
    """
    budget = prepared.options.budget

    def score(method: str, trial: int) -> Figures:
        content, _ = recipe_of(method, prepared.data_name, budget, seed=0, trial=trial)
        model, _, _ = train(content, prepared, False, lambda text: None)
        return _scores(model, prepared)

    counts = {method: len(trials) for method, trials in TRIALS.items()}
    return run_trials(counts, methods, out, score, _totals, progress)


def _scores(model: Any, prepared: EcgData) -> Figures:
    windows, shift = prepared.validation, PhaseShift(0.25, prepared.validation.rate)
    names = tuple(b.name for b in model.schema.invariant("phase_shift")) or model.schema.names

    def invariant(x: Tensor) -> Any:
        return model.schema.select(model.embed(x).all, names).numpy()

    theta = shift.sample(len(windows), torch.Generator().manual_seed(0))
    z = invariant(windows.centred)
    moved = invariant(shift.apply(windows.signals, theta))
    scores = {"separation": separation(cosine(z, moved), between_groups(z, windows.person, seed=0))}
    if model.decoder is not None:
        with torch.no_grad():
            target = model.front_end(windows.centred)
        error = (model.reconstruct(windows.centred) - target).square().mean()
        scores["mse"] = float(error)
    return scores


def _totals(found: Mapping[str, list[Figures]], scores: list[Figures]) -> list[float]:
    plain = found.get("plain") or chosen_trials("ecg")["plain"]["scores"]
    reference = min(each["mse"] for each in plain)
    return [each["separation"] - each.get("mse", 0.0) / reference for each in scores]
