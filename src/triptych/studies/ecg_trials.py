"""Trials of the ECG phase study: eight recipes a method, chosen on validation people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from triptych.audit.similarity import between_groups, cosine, separation
from triptych.files import read_json, write_json
from triptych.studies.base import Progress
from triptych.studies.ecg_phase import EcgData, before_heads, train
from triptych.studies.ecg_recipes import TRIALS, chosen_trials, recipe_of
from triptych.transforms import PhaseShift


def tune(prepared: EcgData, methods: Sequence[str], out: Path, progress: Progress) -> Path:
    """Run the trials that are missing in ``out/trials.json`` and say which recipe each chose.

    A trial is trained at the budget of `prepared` (`quick` by the protocol) and scored on
    validation people by `separation` − mse / (plain's lowest mse); without a decoder by
    `separation` alone. Every finished trial is kept, so an interrupted run continues.

    Returns
    -------
    Path
        Of the file; its content belongs into ``studies/ecg_trials.json``.
    """
    file = out / "trials.json"
    found: dict[str, Any] = read_json(file) if file.exists() else {}
    for method in sorted((m for m in methods if m in TRIALS), key=lambda m: m != "plain"):
        scores: list[Any] = found.setdefault(method, {"scores": []})["scores"]
        for trial in range(len(scores), len(TRIALS[method])):
            progress(f"{method}: trial {trial + 1} of {len(TRIALS[method])}")
            budget = prepared.options.budget
            content, _ = recipe_of(method, prepared.data_name, budget, seed=0, trial=trial)
            model, _, _ = train(content, prepared, False, lambda text: None)
            scores.append(_scores(model, prepared))
            write_json(file, found)
    _choose(found)
    write_json(file, found)
    return file


def _scores(model: Any, prepared: EcgData) -> dict[str, float]:
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
            target = before_heads(model)(windows.centred)
        error = (model.reconstruct(windows.centred) - target).square().mean()
        scores["mse"] = float(error)
    return scores


def _choose(found: dict[str, Any]) -> None:
    plain: list[dict[str, float]] = {**chosen_trials(), **found}["plain"]["scores"]
    reference = min(each["mse"] for each in plain)
    for outcome in found.values():
        total = [
            each["separation"] - each.get("mse", 0.0) / reference for each in outcome["scores"]
        ]
        outcome["trial"] = max(range(len(total)), key=total.__getitem__)
        outcome["trials"] = len(total)
