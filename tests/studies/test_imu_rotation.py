"""The IMU rotation study: who is on which side, what is measured, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.training import Recipe
from triptych_studies.base import Cell, Options
from triptych_studies.methods import TRIALS, recipe_of
from triptych_studies.runner import run
from triptych_studies.scores import Scores
from triptych_studies.studies.imu_rotation import ImuRotation
from triptych_studies.tasks import imu_windows
from triptych_studies.tasks.base import Sides
from triptych_studies.tasks.imu_windows import FOLDS, Source
from triptych_studies.tasks.turned_factors import cadence, measure_matrix
from triptych_studies.tasks.turned_imu import TurnedImu
from triptych_studies.tasks.turned_probes import (
    MeasuredTurns,
    measure_angles,
    measure_classes,
    measure_latents,
    measure_orientation,
)

pytestmark = pytest.mark.usefixtures("coarse_figures")

SMALL = Source("simulated", {"kind": "imu", "people": 20, "seconds": 40})
SCHEMA = LatentSchema(
    Block("activity", 1, invariant_to="rotation"),
    Block("orientation", 3, equivariant_to="rotation"),
)


@pytest.fixture(scope="module")
def data() -> TurnedImu:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(imu_windows.SOURCES, "simulated", SMALL)
        return TurnedImu.load(None, Options(budget="smoke", dataset="simulated"))


def test_no_subject_is_on_two_sides_and_every_subject_is_tested_once(data: TurnedImu) -> None:
    tested: list[str] = []
    full = replace(data, options=Options(budget="full"))
    for fold in range(FOLDS):
        cell = full.sides(Cell("", "", "subject", fold))
        parts = [set(each.subject) for each in (cell.train, cell.validation, cell.test)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))
        tested += sorted(parts[2])
    assert sorted(tested) == sorted(set(data.train.subject))


def test_the_random_split_shares_subjects_but_no_samples(data: TurnedImu) -> None:
    cell = replace(data, options=Options(budget="full")).sides(Cell("", "", "random"))
    places = [
        set(zip(each.record, each.start, strict=True))
        for each in (cell.train, cell.validation, cell.test)
    ]
    assert sum(map(len, places)) == len(set.union(*places))
    starts = np.array([start for each in places for _, start in each])
    assert np.allclose(starts % 5.0, 0)  # side by side, so no two windows overlap
    assert len(places[2]) == pytest.approx(0.2 * sum(map(len, places)), rel=0.1)


def test_removed_gravity_is_gone() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(imu_windows.SOURCES, "simulated", SMALL)
        removed = TurnedImu.load(None, Options(dataset="simulated-linear"))
    assert removed.data_name == "simulated-linear"
    assert float(removed.test.signals.mean(dim=2).abs().median()) < 0.05


@pytest.mark.parametrize(
    ("name", "words"), [("watch", "no data set 'watch'"), (">hapt-6", "no data set")]
)
def test_an_unknown_data_set_is_named(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        TurnedImu.load(None, Options(dataset=name))


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(InputError, match="no split 'leaky'"):
        ImuRotation().prepare(None, Options(dataset="simulated", split="leaky"))


ROWS = [row for row in ImuRotation().rows if row.partition("/")[2] not in ImuRotation.retired]


@pytest.mark.parametrize("method", ROWS)
def test_every_row_has_a_recipe(data: TurnedImu, method: str) -> None:
    for trial in range(len(TRIALS["imu"].get(method, []))):
        Recipe.of(recipe_of(data, method, 0, trial=trial))
    own = method in ImuRotation.methods and method != "random"
    assert len(TRIALS["imu"].get(method, [])) == (8 if own else 0)
    recipe = Recipe.of(recipe_of(data, method, 0, ImuRotation.ablations))
    assert recipe.length == data.test.signals.shape[-1]
    assert recipe.encoder.settings["widths"] == [48, 64, 96, 96]  # the same terms for all


def known(data: TurnedImu, test: Windows) -> MeasuredTurns:
    """Latents that are right by construction: the size of the motion, and the mean."""

    def embed(x: Tensor) -> Tensor:
        mean = x[:, :3].mean(dim=2)
        moved = (x[:, :3] - mean[:, :, None]).square().mean(dim=(1, 2))[:, None].sqrt()
        return torch.cat([1 + moved, mean], dim=1)

    train = replace(data, options=Options(budget="full")).sides(Cell("", "")).train
    level = {name: i for i, name in enumerate(data.classes)}
    size = embed(train.signals)[:, 0].numpy()
    centres = [float(size[train.label == name].mean()) for name in level]

    def read(z: Tensor) -> np.ndarray:
        return np.abs(z[:, :1].numpy() - np.array(centres)).argmin(axis=1)

    return MeasuredTurns(embed, SCHEMA, read, read, Sides(train, train, test), data.classes)


@pytest.mark.usefixtures("ridge_only")
def test_an_exact_reader_is_consistent_and_a_mean_knows_gravity(data: TurnedImu) -> None:
    measured = known(data, replace(data, options=Options(budget="full")).sides(Cell("", "")).test)
    scores = Scores()
    for measure in (measure_classes, measure_latents, measure_orientation, measure_angles):
        measure(measured, scores)
    figures = scores.metrics
    assert figures["consistency"] == pytest.approx(1.0, abs=0.01)
    assert figures["consistency_balanced"] == pytest.approx(1.0, abs=0.01)
    assert figures["accuracy_rotated"] == pytest.approx(figures["accuracy"], abs=0.01)
    assert figures["accuracy"] > 0.4
    assert figures["orientation_error"] < 3
    assert figures["orientation_r2_invariant"] <= 0.05
    assert {name for name in figures if name.endswith("@yaw")} == {
        "accuracy_rotated@yaw",
        "consistency@yaw",
        "consistency_balanced@yaw",
    }
    measure_matrix(measured, scores)
    assert figures["purity@gravity"] > 0.9
    assert figures["leakage@gravity"] <= 0.05
    assert figures["activity_share"] > 0.9
    cells = {(c["block"], c["factor"]): c for c in scores.artifacts["glass_box"]["cells"]}
    assert cells["activity", "angle"]["score"] < 0.05
    assert cells["activity", "activity"]["p"] < 0.05
    own = {name: each["accuracy"] for name, each in scores.subjects.items()}
    counts = np.array([scores.counts[name] for name in own])
    mean = float(np.average(list(own.values()), weights=counts))
    assert mean == pytest.approx(figures["accuracy"])
    table = np.array(scores.artifacts["confusion"]["upright"])
    assert table.sum() == len(measured.sides.test)


@pytest.mark.usefixtures("ridge_only")
def test_a_small_run_is_whole_and_says_simulated(
    tmp_path: Path, data: TurnedImu, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options("smoke", ("plain", "scl", "exact+scl"), dataset="simulated")
    monkeypatch.setattr(ImuRotation, "prepare", lambda *_: replace(data, options=options))
    outcome = run(ImuRotation(), tmp_path, options=options)
    rows = {row["method"]: row["metrics"] for row in outcome.results["rows"]}
    exact = rows["exact+scl"]
    assert exact["consistency"] == pytest.approx(1.0, abs=0.01)
    assert exact["cosine_rotated"] == pytest.approx(1.0, abs=0.01)
    assert rows["plain"]["consistency"] < exact["consistency"]
    unknown = [name for name in exact if name not in TurnedImu.metrics]
    assert all("recall" in name for name in unknown)
    assert "simulated" in outcome.table.read_text().splitlines()[0]
    assert "simulated" in outcome.report.read_text()
    drawn = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    whole = {"angles", "confusion", "directions", "map", "subjects", "intervals", "probe_matrix"}
    assert drawn == whole
    assert {"purity@gravity", "leakage@gravity", "activity_share"} <= set(exact)
    assert "| scl: orientation |" in outcome.table.read_text()


def test_the_cadence_of_a_window_is_its_steps_a_second(data: TurnedImu) -> None:
    t = torch.arange(100) / 20.0
    walk = 1 + 0.3 * torch.sin(2 * torch.pi * torch.tensor([[1.8], [2.5]]) * t)
    x = torch.stack([0 * walk, 0 * walk, walk], dim=1)
    still = torch.cat([x, torch.ones(1, 3, 100)])
    found = cadence(replace(data.test.take([0, 1, 2]), signals=still.float()))
    np.testing.assert_allclose(found, [1.8, 2.5, np.nan], atol=0.05)
