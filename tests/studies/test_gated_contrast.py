"""The gated-contrast study: its sides, its rows, its measures, and a small run on real digits."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent.gates import non_negative
from triptych.objectives import NonNegative
from triptych.training import Recipe
from triptych.training.build import build
from triptych.transforms import Gain
from triptych_studies.base import Options
from triptych_studies.cache import finite
from triptych_studies.methods import recipe_of
from triptych_studies.runner import run
from triptych_studies.scores import Scores
from triptych_studies.studies.gated_contrast import GatedAblation, GatedContrast
from triptych_studies.tasks import dimension_windows, imu_windows
from triptych_studies.tasks.class_dimensions import ClassDimensions
from triptych_studies.tasks.dimension_meaning import ABOVE_SHUFFLED, measure_dimensions
from triptych_studies.tasks.dimension_probes import Layers, measure_invariance, measure_probes
from triptych_studies.tasks.imu_windows import Source

pytestmark = pytest.mark.usefixtures("coarse_figures")


@pytest.fixture(scope="module")
def digits() -> ClassDimensions:
    return ClassDimensions.load(None, Options(dataset="digits", budget="smoke"))


def test_the_digits_sides_share_no_image(digits: ClassDimensions) -> None:
    sides = [digits.train, digits.validation, digits.test]
    assert all(each.signals.shape[1:] == (1, 8, 8) for each in sides)
    seen = [set(each.record) for each in sides]
    assert sum(map(len, seen)) == len(set.union(*seen))
    assert "groups" in digits.notes[0]


def test_an_unknown_data_set_is_named() -> None:
    with pytest.raises(InputError, match="'cifar'; choose"):
        GatedContrast().prepare(None, Options(dataset="cifar"))


@pytest.mark.parametrize("method", dict.fromkeys(GatedContrast.methods + GatedAblation.methods))
def test_every_row_has_the_same_trunk_and_head(digits: ClassDimensions, method: str) -> None:
    recipe = Recipe.of(recipe_of(digits, method, seed=0))
    parts = build(recipe, 1, recipe.length)
    other = build(Recipe.of(recipe_of(digits, "simclr", seed=0)), 1, 8)
    shapes = [
        [
            tuple(p.shape)
            for p in (*each.trunk.parameters(), *next(iter(each.heads.values())).parameters())
        ]
        for each in (parts.encoder, other.encoder)
    ]
    assert shapes[0] == shapes[1]
    assert recipe.classes is None  # labels only measure
    assert recipe.objective.name == "scl" or not list(parts.objective.parameters())


def test_a_gated_block_under_simclr_is_bayesncl(digits: ClassDimensions) -> None:
    torch.manual_seed(0)
    recipe = Recipe.of(recipe_of(digits, "bayesncl-ste", seed=0))
    parts = build(recipe, 1, 8)
    x = digits.train.signals[:16]
    objective = parts.objective
    views = objective.views(x, torch.Generator().manual_seed(0))
    heads, seen = parts.encoder, parts.front_end(views.signals)
    z = heads.outputs(seen)
    loss = objective(z.z, views).total
    features = heads.trunk(seen)
    gates, probability = heads.gates["latent"](features)
    expected = non_negative(heads.heads["latent"](features)) * gates
    paper = NonNegative(
        ClassDimensions.size, objective.transforms, projection=0, non_negative="relu"
    )
    torch.testing.assert_close(loss, paper(expected, views).total)
    torch.testing.assert_close(z.probabilities["latent"], probability)


def windows() -> Windows:
    """Sixty of three classes and five subjects."""
    x = torch.rand(60, 3, 8, generator=torch.Generator().manual_seed(0))
    names, empty = np.array([f"p{i // 12}" for i in range(60)]), np.zeros(60)
    return Windows(x, 20.0, 0, names, names, empty, np.array(["walk", "sit", "lie"] * 20), empty)


def test_pure_dimensions_and_perfect_features_score_one() -> None:
    test = windows()
    z = (test.label[:, None] == np.unique(test.label)).astype(np.float32)
    scores = Scores()
    measure_dimensions(z, test, scores)
    measure_probes(Layers(z, z), test.label, Layers(z, z), test, scores)
    figures = scores.metrics
    names = ("semantic_consistency", ABOVE_SHUFFLED, "linear_probe", "linear_probe@contrasted")
    for name in (*names, "knn"):
        assert figures[name] == pytest.approx(1.0)
        assert [own[name] for own in scores.subjects.values()] == pytest.approx([1.0] * 5)
    assert (figures["active"], figures["coverage"], figures["classes_told"]) == (3, 1, 3)
    assert figures["semantic_entropy"] == pytest.approx(0)
    assert figures["semantic_consistency@shuffled"] < 0.3
    assert {each["speaks_for"] for each in scores.artifacts["excited"]} == {"walk", "sit", "lie"}


def test_of_collapsed_layers_nothing_is_measured() -> None:
    test = windows()
    h = (test.label[:, None] == np.unique(test.label)).astype(np.float32)
    for z in (np.zeros((60, 4), np.float32), np.ones((60, 4), np.float32)):
        scores = Scores()
        measure_invariance(lambda x, z=z: Layers(h, z), z, Gain(3.0), test, scores)
        measure_dimensions(z, test, scores)
        measure_probes(Layers(h, z), test.label, Layers(h, z), test, scores)
        left = finite(scores.metrics)
        assert left["collapsed:contrasted"] == 1
        told = ("active", "coverage", "sparsity", "effective_rank", "linear_probe", "knn")
        assert {name.split("@")[0] for name in left} == {*told, "collapsed:contrasted"}
        assert "linear_probe@contrasted" not in left
        assert all(n == 12 for n, _ in scores.by_subject().values())


def test_cells_from_before_get_consistency_above_shuffled_labels() -> None:
    old = {
        "metrics": {
            "semantic_consistency": 0.6,
            "semantic_consistency@positive": 0.6,
            "semantic_consistency@shuffled": 0.2,
            "semantic_consistency@eps0.3": 0.0,
            "active": 9.0,
            "active@eps0.3": 0.0,
        },
        "subjects": {
            "a": {"n": 5, "metrics": {"semantic_consistency": 0.8}},
            "b": {"n": 5, "metrics": {}},
        },
    }
    study = GatedContrast()
    row = study.settled(old)
    assert row["metrics"][ABOVE_SHUFFLED] == pytest.approx(0.5)
    assert row["subjects"]["a"]["metrics"][ABOVE_SHUFFLED] == pytest.approx(0.75)
    assert row["subjects"]["b"]["metrics"] == {}
    assert "semantic_consistency@eps0.3" not in row["metrics"]  # nothing was open
    assert study.settled(row) == row
    signed = old | {"metrics": old["metrics"] | {"semantic_consistency": 0.0}}
    assert study.settled(signed)["subjects"]["a"]["metrics"] == {"semantic_consistency": 0.8}


def test_dimensions_that_all_tell_one_class_are_consistent_and_tell_one() -> None:
    test = windows()
    z = np.repeat((test.label[:, None] == "walk").astype(np.float32), 4, axis=1)
    scores = Scores()
    measure_dimensions(z, test, scores)
    assert scores.metrics["semantic_consistency"] == pytest.approx(1.0)
    assert (scores.metrics["active"], scores.metrics["classes_told"]) == (4, 1)


def test_a_small_run_on_digits_is_whole(
    tmp_path: Path, digits: ClassDimensions, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options("smoke", ("simclr", "ncl-topk", "bayesncl-ste", "scl+gate"), dataset="digits")
    monkeypatch.setattr(GatedContrast, "prepare", lambda *_: replace(digits, options=options))
    outcome = run(GatedContrast(), tmp_path, options=options)
    rows = {row["method"]: row["metrics"] for row in outcome.results["rows"]}
    assert rows["simclr"]["semantic_consistency"] == pytest.approx(0, abs=1e-3)  # signed: all open
    assert rows["ncl-topk"]["sparsity"] >= 1 - 8 / ClassDimensions.size - 1e-9
    assert all(rows[name]["coverage"] > 0.95 for name in ("bayesncl-ste", "scl+gate"))
    assert 0 <= rows["bayesncl-ste"]["sign_flips"] <= 1
    assert set().union(*rows.values()) <= set(ClassDimensions.metrics)
    drawn = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert {"front", "dimensions", "signs", "intervals", "excited-bayesncl-ste"} <= drawn


def test_a_simulated_cohort_says_so() -> None:
    with pytest.MonkeyPatch.context() as patch:
        small = Source("simulated", {"kind": "imu", "people": 10, "seconds": 40})
        patch.setitem(imu_windows.SOURCES, "simulated", small)
        data = ClassDimensions.load(None, Options("smoke", dataset="simulated"))
    assert data.simulated
    assert data.recipe(0)["transforms"][0] == {"name": "rotation"}
    assert len(data.train) <= dimension_windows.MOST["smoke"]["train"]
    sides = [set(each.subject) for each in (data.train, data.validation, data.test)]
    assert sum(map(len, sides)) == len(set.union(*sides))


@pytest.mark.data
def test_beats_are_trained_on_without_their_classes(data_root: Path) -> None:
    data = ClassDimensions.load(data_root, Options("smoke", dataset="mitdb"))
    assert set(data.train.label) == {"beat"}
    assert set(data.test.label) == {"N", "S", "V"}
    sides = [set(each.subject) for each in (data.train, data.validation, data.test)]
    assert sum(map(len, sides)) == len(set.union(*sides))


def test_the_ablation_says_which_change_matters_most():
    rows = [
        {"method": name, "metrics": {ABOVE_SHUFFLED: {"mean": value}}}
        for name, value in {"ncl": 0.68, "bayesncl-ste": 0.67, "soft": 0.65, "depth-3": 0.7}.items()
    ]
    said = GatedAblation().conclude({"summary": rows})
    assert re.search(r"0\.670.* 0\.680.* depth-3 .*\(0\.700\).* soft .*\(0\.650\)", said)
    assert not GatedAblation().conclude({"summary": rows[:2]})
