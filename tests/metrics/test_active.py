"""What single dimensions speak for, on latents that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.audit import tiny

from triptych.audit.gated import spoken
from triptych.datasets import random_windows, simulated
from triptych.errors import InputError
from triptych.latent import BernoulliGate, Block, LatentSchema
from triptych.metrics.active import active_dimensions
from triptych.transforms import PhaseShift

CLASS = np.tile(["walk", "sit"], 30)
PERSON = np.repeat(["a", "b", "c"], 20)


def latents() -> np.ndarray:
    rng = np.random.default_rng(0)
    noise = rng.uniform(0.1, 1, (60, 4))
    gates = [CLASS == "sit", PERSON == "c", rng.random(60) < 0.5, np.arange(60) < 3]
    return noise * np.stack(gates, axis=1)


def test_a_dimension_speaks_for_what_opens_it() -> None:
    z = latents()
    found = {each.index: each for each in active_dimensions(z, {"class": CLASS, "subject": PERSON})}
    assert set(found) == {0, 1, 2}  # the last is open in three samples only
    assert (found[0].factor, found[0].value, found[0].share) == ("class", "sit", 1.0)
    assert (found[1].factor, found[1].value, found[1].score) == ("subject", "c", 1.0)
    assert found[2].score < 0.5
    assert found[0].open == pytest.approx(0.5)
    assert list(found[0].top) == np.argsort(-z[:, 0])[:3].tolist()


def test_a_dimension_that_only_a_transform_moves_speaks_for_it() -> None:
    rng = np.random.default_rng(1)
    still = np.repeat(rng.uniform(0.1, 1, (1, 2)), 60, axis=0)
    still[:, 0] = latents()[:, 0]
    moved = still.copy()
    moved[:, 1] = rng.uniform(0.1, 1, 60)
    found = {d.index: d for d in active_dimensions(still, {"class": CLASS}, {"rotation": moved})}
    assert found[0].factor == "class"
    assert (found[1].factor, found[1].value) == ("rotation", "")
    assert found[1].score > 0.3


def test_samples_without_a_label_are_no_class() -> None:
    labels = np.where(CLASS == "sit", "", CLASS)
    labels[:2] = "sit"
    for each in active_dimensions(latents(), {"class": labels}):
        assert each.value != ""
        assert np.isfinite(each.score)
    few = np.where(np.arange(60) < 2, CLASS, "")  # opened often, but by two that are labelled
    few[2:4] = np.where(CLASS[:2] == "sit", "walk", "sit")
    assert active_dimensions(latents(), {"class": few}) == []
    with pytest.raises(InputError, match="nothing to say"):
        active_dimensions(latents(), {"class": np.where(CLASS == "sit", "", "walk")})


def test_one_class_and_no_views_say_nothing() -> None:
    with pytest.raises(InputError, match="nothing to say"):
        active_dimensions(latents(), {"class": np.full(60, "walk")})


def test_gated_blocks_of_a_model_are_explained_and_drawn(tmp_path: Path) -> None:
    schema = LatentSchema(
        Block("morphology", 8, invariant_to="phase_shift", gate=BernoulliGate(hidden=8)),
        Block("timing", 4, variant_to="phase_shift"),
    )
    model = tiny.model(schema)
    cohort = simulated.load(people=4, seconds=30, rate=100)
    windows = random_windows(cohort, 20, 0.8, 0.2)
    found = spoken(model, windows, [PhaseShift(0.2, 100.0)])
    (table,) = found.tables()
    assert table.caption.startswith("morphology: ")
    index = model.schema.split(model.embed(windows.centred).all)["morphology"]
    assert len(table.rows) == int(((index > 0).sum(dim=0) >= 10).sum())
    assert " s (" in table.rows[0][-1].text
    found.draw(tmp_path / "dimensions.png", "simulated")
    assert (tmp_path / "dimensions.png").stat().st_size > 1000
    assert spoken(tiny.model(), windows, []).tables() == []
