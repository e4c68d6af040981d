"""The contrastive-analysis study: its data, its measures, a small run of every kind of row."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from triptych.errors import InputError
from triptych_studies import study
from triptych_studies.base import Cell, Finished, Options, StudyData
from triptych_studies.methods import find
from triptych_studies.methods.contrastive_pca import ContrastivePCA
from triptych_studies.results import results_of
from triptych_studies.runner import run
from triptych_studies.scores import Scores
from triptych_studies.studies.contrastive_analysis import ContrastiveAblation, ContrastiveAnalysis
from triptych_studies.tasks.population_parts import parts_of
from triptych_studies.tasks.population_pictures import nearness
from triptych_studies.tasks.population_probes import READ, Space, dependence, measure_spaces
from triptych_studies.tasks.two_populations import TwoPopulations
from triptych_studies.wording import explanation, metric_tables, statements

pytestmark = pytest.mark.usefixtures("coarse_figures")

STUDIES = (ContrastiveAnalysis(), ContrastiveAblation())


@cache
def task(name: str = "digits", data: Path | None = None) -> TwoPopulations:
    return TwoPopulations.load(data, Options("smoke", ("sepclr",), dataset=name))


def recipe_of(data: TwoPopulations, method: str) -> dict[str, Any]:
    return STUDIES[0].recipe(data, Cell(method, data.data_name))


@pytest.mark.parametrize("name", ["digits", "sprites"])
def test_every_row_can_be_made(name: str) -> None:
    data = task(name)
    for each in STUDIES:
        for cell in (Cell(method, name) for method in each.methods):
            recipe = each.recipe(data, cell)
            assert json.loads(json.dumps(recipe)) == recipe
            model, _ = parts_of(recipe, data)
            assert model.embed(data.test.x[:3]).shape == (3, model.schema.size)
            assert find(each.row(cell))
    assert set(STUDIES[0].descriptions) == set(STUDIES[0].methods)


def test_sprites_are_trained_by_the_published_terms_and_weights():
    data = task("sprites")
    _, objective = parts_of(recipe_of(data, "sepclr"), data)
    views = replace(objective.views(data.train.x[:12]), labels=data.train.labels[:12])
    found = objective(torch.randn(24, objective.schema.size, requires_grad=True), views)
    slopes = torch.autograd.grad(found.total, list(found.terms.values()))
    salient = {f"salient/{name}": 100 for name in ("shape", "scale", "orientation", "x", "y")}
    expected = {"common/alignment": 1, "common/uniformity": 1, **salient, "independence": 10}
    assert dict(zip(found.terms, map(float, slopes), strict=True)) == expected
    assert objective.bandwidth == 0.5


def test_populations_are_what_they_say():
    data = task()
    assert data.simulated
    assert set(data.test.own[data.test.target]) == set("0123456789")
    assert set(data.test.own[~data.test.target]) == {""}
    assert data.shared_test.target.all()
    with pytest.raises(InputError, match="no data set 'faces'"):
        task("faces")


def test_dependence_is_0_of_independent_latents_and_1_of_a_function():
    rng = np.random.default_rng(0)
    c, other = rng.normal(size=(800, 3)), rng.normal(size=(800, 3))
    assert dependence(c, other) < 0.05
    assert dependence(c, np.stack([np.sin(c[:, 0]), c[:, 1] * c[:, 2]], axis=1)) > 0.8


@pytest.mark.parametrize("fallen", ["common", "salient"])
@pytest.mark.parametrize("constant", [0.0, 2.0])
def test_of_a_collapsed_space_nothing_is_measured(fallen: str, constant: float):
    spaces = Space("common", slice(0, 6)), Space("salient", slice(6, 12))

    def embed(x: torch.Tensor) -> torch.Tensor:
        z = x.flatten(1)[:, :: x[0].numel() // 12][:, :12].clone()
        z[:, spaces[fallen == "salient"].columns] = constant
        return z

    scores = Scores()
    measure_spaces(embed, spaces, task(), scores)
    metrics = scores.metrics
    assert metrics[f"collapsed:{fallen}"] == 1
    assert not set(READ[fallen]) & set(metrics)
    other = {name for space in READ if space != fallen for name in READ[space]} - set(READ[fallen])
    attributes = {"spearman_own", "spearman_other", "dci"}
    assert other - attributes <= set(metrics)
    assert np.isnan(dependence(np.ones((40, 2)), np.random.default_rng(0).normal(size=(40, 2))))


def test_dependence_does_not_depend_on_the_scale():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
    y[:, 0] += np.sin(x[:, 0])
    found = dependence(x, y)
    assert 0.1 < found < 0.5
    assert dependence(1e-12 * x, 1e-9 * y) == pytest.approx(found, abs=1e-6)


def test_committed_cells_that_collapsed_are_marked_and_never_best():
    folder = Path(__file__).parents[2] / "results/contrastive-analysis/mitdb/full/cells"
    study, finished = ContrastiveAnalysis(), []
    for path in sorted(folder.glob("*.json")):
        row = json.loads(path.read_text(encoding="utf-8"))["row"]
        if row["method"] in ("sepclr", "sepclr-kjem", "random"):
            cell = Cell(*(row[name] for name in ("method", "dataset", "split", "fold", "seed")))
            finished.append(Finished(cell, row, {}))
    results = results_of(study, StudyData(data_name="mitdb", fingerprint=""), finished)
    seeds = {
        row["seed"] for row in results["rows"] if "collapsed:salient" in row["metrics"]
    }  # of sepclr-kjem alone
    assert seeds == {0, 2}
    for row in results["rows"]:
        own = [row["metrics"], *(each["metrics"] for each in row["subjects"].values())]
        if "collapsed:salient" in row["metrics"]:
            assert row["method"] == "sepclr-kjem"
            assert not any(set(READ["salient"]) & set(each) for each in own)
        assert study.settled(row) == row
    lines = [
        line
        for table in metric_tables(study, results, headline=True)
        for line in table.to_markdown().splitlines()
        if line.startswith("| sepclr-kjem")
    ]
    assert lines
    assert all("(collapsed: salient in 2 of 3 runs)" in line and "**" not in line for line in lines)
    assert "never the best" in explanation(study, results)
    said = [point for _, points in statements(study, results) for point in points]
    assert said
    assert not any("kjem" in point for point in said)


def test_the_null_vector_is_a_place_of_the_salient_space_alone():
    query, null, other = [3.0, 0.0], [0.01, 0.0], [2.5, 1.0]
    z = np.array([query, null, other])
    for name, nearest in (("common", 1), ("salient", 2)):
        near = nearness(Space(name, slice(None)), z[:1], z)
        assert near.shape == (1, 3)
        assert near[0, 1:].argmax() + 1 == nearest


def test_contrastive_pca_finds_what_only_targets_vary_in():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(300, 6)) * [3, 1, 1, 1, 0.1, 1], np.arange(300) % 2 == 1
    x[:, 4] += np.where(target, rng.normal(size=300) * 2, 0)
    z = ContrastivePCA(torch.tensor(x), target, 1, 1)(torch.tensor(x)).numpy()
    assert abs(np.corrcoef(z[:, 0], x[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(z[:, 1], x[:, 4])[0, 1]) > 0.95


@pytest.mark.parametrize(
    ("dataset", "methods"),
    [
        ("digits", ("random", "contrastive-pca", "supcon", "mm-cvae-published", "sepclr")),
        ("sprites", ("sepclr",)),
    ],
)
def test_a_small_run_is_whole_and_says_simulated(tmp_path: Path, dataset, methods):
    outcome = run(STUDIES[0], tmp_path, options=Options("smoke", methods, dataset=dataset))
    rows = {row["method"]: row for row in outcome.results["rows"]}
    assert set(rows) == set(methods)
    for row in rows.values():
        assert set(row["metrics"]) <= set(outcome.results["definitions"])
        assert {"error_sum", "background_norm", "dependence"} <= set(row["metrics"])
        assert 0 <= row["metrics"]["error_sum"] <= 4
    assert ("dci" in rows["sepclr"]["metrics"]) is (dataset == "sprites")
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert "simulated" in lines[0]
    said = lines[lines.index("## Rows") + 2 : lines.index("## Definitions") - 1]
    expected = {name: STUDIES[0].descriptions[name] for name in STUDIES[0].methods}
    assert said == [f"- `{name}`: {text}" for name, text in expected.items() if name in methods]
    drawn = {path.name for path in (tmp_path / "figures").glob("*.png")}
    assert {"maps.png", "neighbours.png", "intervals.png"} <= drawn
    assert ("attributes.png" in drawn) is (dataset == "sprites")


def test_the_ablation_is_a_study_of_its_own():
    ablation = STUDIES[1]
    assert type(study(ablation.name)) is type(ablation)
    prepared = replace(task(), options=Options("smoke", ablation.methods))
    cells = ablation.cells(prepared)
    keys = [json.dumps(ablation.key(prepared, cell)) for cell in cells]
    assert len(set(keys)) == len(keys)
    # what this data set's recipe does not have cannot be taken away, and what does nothing beside
    # shared backgrounds is no change
    missing = set(ablation.methods) - {cell.method for cell in cells}
    assert missing == {"groups not told", "no null radius", "null pairs counted"}


@pytest.mark.data
def test_heartbeats_divide_into_populations(data_root: Path):
    prepared = task("mitdb", data_root)
    assert not prepared.simulated
    model, objective = parts_of(recipe_of(prepared, "sepclr"), prepared)
    assert objective.grouped
    assert model.schema["salient"].null_radius > 0
    found = STUDIES[0].compute(prepared, Cell("sepclr", "mitdb"), lambda stage: None)
    assert 0 <= found.metrics["error_sum"] <= 4
    published, objective = parts_of(recipe_of(prepared, "sepclr-published"), prepared)
    assert not objective.grouped
    assert not published.schema["salient"].null_radius
    assert set(prepared.test.own[prepared.test.target]) <= {"S", "V", "F"}
    assert not prepared.shared_fit.target.any()
    assert not set(prepared.train.group) & set(prepared.test.group)
    found = STUDIES[0].compute(prepared, Cell("random", "mitdb"), lambda words: None)
    assert found.metrics["shared_common"] > found.metrics["shared_chance"]


def test_the_ablation_says_which_change_matters_most():
    rows = [
        {"method": name, "metrics": {"error_sum": {"mean": value}}}
        for name, value in {"sepclr": 0.7, "no common term": 1.9, "lambda x 10": 0.65}.items()
    ]
    said = STUDIES[1].conclude({"summary": rows})
    assert re.search(r"0\.70.* 'lambda x 10' .*\(0\.65\).* 'no common term' .*\(1\.90\)", said)
    assert not STUDIES[1].conclude({"summary": rows[:1]})


@pytest.mark.parametrize(
    ("sums", "end"),
    [
        ({"sepclr": 1.4, "sepvae": 1.3}, r"1\.40; .* sepvae, has 1\.30\."),
        # the published form is no form of ours
        (
            {"sepclr": 1.4, "sepclr-published": 1.0, "sepvae": 1.3},
            r"1\.40; .* sepclr-published, has 1\.00\.",
        ),
        (
            {"sepclr": 1.4, "sepclr-published": 1.5, "sepclr-crosscov": 1.1, "sepvae": 1.3},
            r"1\.40; .* sepvae, has 1\.30, .* sepclr-crosscov, .* 1\.10\.",
        ),
    ],
)
def test_a_better_form_of_the_method_is_named_beside_the_best_rival(
    sums: dict[str, float], end: str
) -> None:
    names = ("target_salient", "target_common", "shared_common", "shared_salient")
    flat = {name: {"mean": 0.5} for name in (*names, "target_chance", "shared_chance")}
    rows = [
        {"method": name, "metrics": flat | {"error_sum": {"mean": value}}}
        for name, value in sums.items()
    ]
    assert re.search(rf"together {end}$", STUDIES[0].conclude({"summary": rows}))
