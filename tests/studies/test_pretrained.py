"""Cards of what ships: their figures are those of the committed results; recipes parse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triptych import InputError
from triptych.audit.tables import number
from triptych.files import read_json
from triptych.model import Model, hub
from triptych.training import Recipe
from triptych_studies.pretrained.entries import ENTRIES
from triptych_studies.pretrained.probing import macro_f1, share_of
from triptych_studies.pretrained.training import TrainingSource

REPOSITORY = Path(__file__).resolve().parents[2]


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


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_twin_that_would_have_seen_everybody_is_refused(fold: int) -> None:
    source: Any = TrainingSource.__new__(TrainingSource)
    with pytest.raises(InputError, match="--fold"):
        source.fold(fold)
