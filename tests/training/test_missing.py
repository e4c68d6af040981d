"""Missing samples in training: masked views, the reconstruction, and what cannot mask them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training import toys

from triptych import transforms
from triptych.audit.run import audit_model
from triptych.audit.sweep import transform_for
from triptych.errors import InputError
from triptych.model import Model
from triptych.training import Fitted, Recipe, fit


def run(recipe: Recipe, train: Any = None, out: Path | None = None) -> Fitted:
    return fit(recipe, train or toys.windows(), toys.windows(24, 1), device="cpu", out=out)


def with_gaps() -> Any:
    case = transforms.Gaps()
    windows = toys.windows()
    theta = case.sample(len(windows), torch.Generator().manual_seed(0))
    return replace(windows, signals=case.apply(windows.signals, theta))


def test_missing_samples_are_trained_on_where_the_recipe_says_so(tmp_path: Path) -> None:
    views = [*toys.CONTENT["transforms"], {"name": "gaps", "high": 0.2}]
    changes = {"transforms": views, "latent": [
        {"name": "shape", "size": 8, "invariant_to": ["phase_shift", "gaps"]},
        {"name": "share", "size": 4, "variant_to": "gaps"},
    ], "classes": ["slow", "fast"], "training__epochs": 2}  # fmt: skip
    fitted = run(toys.recipe(**changes), with_gaps(), out=tmp_path)
    assert all(np.isfinite(value) for row in fitted.history for value in row.values())
    x = with_gaps().centred
    found = Model.load(tmp_path).embed(x)
    assert found.all.isfinite().all()
    result = audit_model(
        fitted.model, with_gaps(), transforms.Gaps(), grid=torch.tensor([[0.1, 0], [0.3, 0]])
    )
    assert np.isfinite(result.figures["cosine_mean"].mean)
    assert result.steps.labels[-1] == "30 % missing"
    with pytest.raises(InputError, match="cannot mask them"):
        run(toys.recipe(**changes, encoder__front_end="canonical_phase"))
    run(toys.recipe(training__epochs=1, data__options={"missing": "mask"}), with_gaps())


def test_a_model_that_does_not_mask_is_audited_on_filled_gaps() -> None:
    changes = {"training__epochs": 1, "encoder__front_end": "canonical_phase"}
    model = run(toys.recipe(**changes)).model
    assert not model.takes_gaps
    result = audit_model(
        model, toys.windows(), transforms.Gaps(), grid=torch.tensor([[0.1, 0], [0.3, 0]])
    )
    assert result.steps.labels[-1] == "30 % interpolated"
    assert transform_for(model, "gaps") == transforms.Gaps(fill="interpolate")
    assert transform_for(model, "gaps,gain").parts[0].fill == "interpolate"
