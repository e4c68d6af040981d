"""Cards of what ships: their figures are those of the committed results; recipes parse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training import toys

from triptych import InputError
from triptych.audit.tables import number
from triptych.files import read_json
from triptych.model import Model, hub
from triptych.training import Recipe, fit
from triptych_studies.pretrained import fine_tuning
from triptych_studies.pretrained.entries import ENTRIES
from triptych_studies.pretrained.probing import macro_f1, share_of
from triptych_studies.pretrained.training import TrainingSource

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = "results/pretrained/fine-tuning"


@pytest.mark.parametrize("name", ENTRIES)
def test_a_card_prints_the_committed_results(name: str) -> None:
    found = read_json(REPOSITORY / "results" / "pretrained" / f"{name}.json")
    card = (hub.SHIPPED / name / "README.md").read_text(encoding="utf-8")
    for each in found["blocks"]["moves"]:
        row = f"| {each['block']} | {each['transform'].replace('_', ' ')} | "
        line = next(line for line in card.splitlines() if line.startswith(row))
        assert number(each["gap"]) in line
    for scores in found["probes"].values():
        assert all(f" {number(value)} |" in card for value in scores.values())
    assert found["subjects_out"]
    for what, value in found.get("orientation", {}).items():
        assert (f"{value:.1f} degrees" if what.startswith("gravity") else number(value)) in card


@pytest.mark.parametrize("name", ENTRIES)
def test_what_ships_was_trained_by_the_recipe_that_is_there(name: str) -> None:
    recipe = Recipe.read(REPOSITORY / "recipes" / "pretrained" / f"{name}.yaml")
    assert Model.from_pretrained(name).info["recipe"] == recipe.to_dict()
    assert recipe.classes is None
    assert recipe.data.phase == "causal"


def test_few_labels_are_of_every_class() -> None:
    labels = np.repeat(["a", "b", "c"], [100, 30, 2])
    rows = share_of(labels, 10, draw=0)
    assert np.unique(labels[rows], return_counts=True)[1].tolist() == [10, 3, 1]
    assert share_of(labels, 100, 0).tolist() == list(range(132))
    assert macro_f1(labels, labels) == 1


def test_weights_are_trained_on_with_and_without_structure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fine_tuning.TRAINING, "epochs", 1)
    recipe = toys.recipe(decoder=False, training__epochs=1)
    fit(recipe, toys.windows(), None, out=tmp_path / "before", progress=False)
    test = toys.windows(24, seed=1)
    shift = {each.name: each for each in recipe.make_transforms()}
    before = Model.load(tmp_path / "before")
    z = before.embed(test.centred).all
    for arm in fine_tuning.ARMS:
        made = fine_tuning.tuned(recipe, tmp_path / "before", toys.windows(), arm, seed=0)
        assert made.schema == before.schema
        assert not np.allclose(made.embed(test.centred).all, z, atol=1e-4)
        found = fine_tuning.figures(made, test, shift, "phase_shift")
        assert set(found) == {*fine_tuning.COLUMNS, "gaps"}
        assert found["gap"] == found["smallest gap"] == found["gaps"]["phase_shift"] <= 1
        assert 0 <= found["macro F1"] <= 1


@pytest.mark.parametrize("path", sorted((REPOSITORY / RESULTS).glob("*.json")))
def test_the_page_has_the_fine_tuned_figures(path: Path) -> None:
    page = (REPOSITORY / "docs" / "pretrained.md").read_text(encoding="utf-8")
    for arm, figures in read_json(path)["rows"].items():
        printed = " | ".join(number(figures[key]) for key in fine_tuning.COLUMNS)
        assert f"| {path.stem} | {arm} | {printed} |" in page.replace("`", "")


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_twin_that_would_have_seen_everybody_is_refused(fold: int) -> None:
    source: Any = TrainingSource.__new__(TrainingSource)
    with pytest.raises(InputError, match="--fold"):
        source.fold(fold)
