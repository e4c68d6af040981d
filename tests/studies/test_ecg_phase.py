"""The ECG phase study: recipes, trials, and one small run on the simulated cohort."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.metrics.matrix import Factor
from triptych.metrics.regressors import folds
from triptych.training import Recipe
from triptych_studies.base import Cell, Options
from triptych_studies.methods import TRIALS, recipe_of
from triptych_studies.recipes import merged
from triptych_studies.runner import run
from triptych_studies.scores import Scores
from triptych_studies.studies.ecg_phase import EcgPhase
from triptych_studies.tasks.mitdb_phase import MitdbPhase
from triptych_studies.tasks.phase_probes import measure_beats, measure_matrix
from triptych_studies.tasks.phase_windows import BEATS

pytestmark = pytest.mark.usefixtures("coarse_figures")

RESULTS = Path(__file__).resolve().parents[2] / "results"
SCHEMA = LatentSchema(
    Block("morphology", 8, invariant_to="phase_shift"),
    Block("timing", 2, variant_to="phase_shift"),
    Block("detail", 3),
)


def task(budget: str = "quick") -> MitdbPhase:
    """A task without its recordings."""
    made = object.__new__(MitdbPhase)
    vars(made).update(data_name="mitdb", options=Options(budget))
    return made


@pytest.mark.parametrize("method", EcgPhase.methods)
def test_every_recipe_and_every_trial_is_valid(method):
    for trial in (None, *range(len(TRIALS["ecg"].get(method, [])))):
        recipe = Recipe.of(recipe_of(task(), method, seed=3, trial=trial))
        assert recipe.schema_of_latent.size == 128
        assert recipe.training.seed == 3
        assert recipe.context_s == 0.25


def test_the_values_that_run_are_those_that_the_trials_chose():
    record = json.loads((RESULTS / "ecg-phase" / "trials.json").read_text())
    assert set(TRIALS["ecg"]) == set(record) == set(EcgPhase.methods) - {"random"}
    for method, outcome in record.items():
        assert len(outcome["scores"]) == outcome["trials"] == MitdbPhase.trials
        assert len(TRIALS["ecg"][method]) == MitdbPhase.trials
        recipe = recipe_of(task(), method, seed=0)
        assert recipe_of(task(), method, seed=0, trial=outcome["trial"]) == recipe


def test_merging_goes_into_mappings_and_replaces_the_rest():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 4}
    assert merged(base, {"a": {"c": [3]}, "e": 5}) == {"a": {"b": 1, "c": [3]}, "d": 4, "e": 5}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 4}


@pytest.fixture(scope="module")
def simulated() -> MitdbPhase:
    """What all tests here read once."""
    return MitdbPhase.load(None, Options("smoke", ("plain",), dataset="simulated"))


def test_subjects_are_on_one_side_only_and_neighbours_are_not_the_query(simulated: MitdbPhase):
    study, prepared, test = EcgPhase(), simulated, simulated.test
    sides = [set(prepared.train.subject), set(prepared.validation.subject), set(test.sweep.subject)]
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
    assert set(test.beats_train.subject) == sides[0] | sides[1]
    assert set(test.probe.subject) == set(test.gallery.subject) == sides[2]
    assert not (test.shape_neighbours == test.shape_queries[:, None]).any()
    assert float(test.gallery_shift.abs().max()) <= 0.25 + 1e-6
    cells = study.cells(prepared)
    assert cells == [Cell("plain", prepared.data_name)]
    assert study.key(prepared, cells[0]) != study.key(prepared, Cell("plain", "x", seed=1))


@pytest.mark.usefixtures("ridge_only")
def test_a_small_run_on_the_simulated_cohort_is_whole_and_says_simulated(
    tmp_path: Path, simulated: MitdbPhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepared(study: EcgPhase, data: Path | None, options: Options) -> MitdbPhase:
        return replace(simulated, options=options)

    monkeypatch.setattr(EcgPhase, "prepare", prepared)
    options = Options("smoke", ("plain", "scl"), dataset="simulated")
    outcome = run(EcgPhase(), tmp_path, options=options)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results == outcome.results
    rows = {row["method"]: row for row in results["rows"]}
    assert set(rows) == {"plain", "scl"}
    assert set(EcgPhase.headline) <= set(rows["scl"]["metrics"])
    assert "phase_r2_variant" not in rows["plain"]["metrics"]
    assert set(rows["scl"]["metrics"]) - {"class_p10:N", "class_p10:V", "class_p10:S"} <= set(
        results["definitions"]
    )
    assert "simulated" in (tmp_path / "table.md").read_text().splitlines()[0]
    assert "simulated" in outcome.report.read_text()
    assert len(list((tmp_path / "figures").glob("*.png"))) >= 5
    assert {"purity@phase", "leakage@phase", "record_gap"} <= set(rows["scl"]["metrics"])
    leakage, read = (rows["scl"]["metrics"][m] for m in ("leakage@phase", "phase_r2_invariant"))
    assert leakage == pytest.approx(read, rel=1e-9)
    table = (tmp_path / "table.md").read_text().split("## Probe matrix")[1]
    named = ("method: block | phase | class | identity", "| plain: latent |", "| scl: timing |")
    assert all(words in table for words in named)
    assert "Heat map" in outcome.report.read_text()


@pytest.mark.usefixtures("ridge_only")
def test_the_probe_matrix_says_what_known_blocks_know(simulated: MitdbPhase) -> None:
    test, rng = simulated.test, np.random.default_rng(0)
    beats = test.beats_test.take(np.isin(test.beats_test.label, BEATS))

    def embed(x: Tensor) -> dict[str, Tensor]:
        """The record is in morphology and the class in detail."""
        windows = test.gallery if len(x) == len(test.gallery) else beats

        def told(names: np.ndarray) -> Tensor:
            code = np.unique(names, return_inverse=True)[1]
            return torch.as_tensor(np.eye(8)[code] + 0.1 * rng.normal(size=(len(x), 8)))

        noise = torch.as_tensor(rng.normal(size=(len(x), 2)))
        return {"morphology": told(windows.record), "timing": noise, "detail": told(windows.label)}

    theta = test.probe_shift[:, 0].double().numpy()
    read = {"morphology": 0 * theta, "timing": theta, "detail": 0 * theta}
    still = np.random.default_rng(1).normal(size=(len(theta), 1))
    z = dict.fromkeys(read, still)  # what was read of it is given
    phase = Factor("phase", theta, test.probe.subject, z, z, "phase_shift", read=read)
    scores = Scores()
    measure_matrix(embed, SCHEMA, phase, test, scores)
    figures = scores.metrics
    assert figures["purity@phase"] == 1
    assert figures["leakage@phase"] == pytest.approx(0, abs=0.01)
    assert figures["record_gap"] > 0.7
    kept = scores.artifacts["glass_box"]
    known = {(cell["block"], cell["factor"]): cell["score"] for cell in kept["cells"]}
    # one of the three classes is found in subjects of one half only, so nobody can have learned it
    sides = [set(beats.label[~held]) for held in folds(beats.subject, 2, 0)]
    assert len(sides[0] & sides[1]) == 2
    assert known["detail", "class"] == pytest.approx(0.5, abs=0.02)
    assert known["morphology", "class"] < 0.1
    assert kept["meant"] == {"phase": "timing", "class": "morphology", "identity": "morphology"}
    slow, fast = np.quantile(test.heart_rate, [0, 1])
    assert 30 < slow < fast < 200


def test_beat_f1_has_values_of_every_subject(simulated: MitdbPhase) -> None:
    test, scores = simulated.test, Scores()
    measure_beats(lambda x: x[:, 0, ::20], test, scores)
    own = {name: figures["beat_f1"] for name, figures in scores.subjects.items()}
    assert set(own) == set(map(str, test.beats_test.subject))
    size = [float((test.beats_test.subject == name).sum()) for name in own]
    assert np.average(list(own.values()), weights=size) == pytest.approx(scores.metrics["beat_f1"])


def test_another_data_set_is_refused():
    with pytest.raises(InputError, match="wisdm"):
        EcgPhase().prepare(None, Options("smoke", ("plain",), dataset="wisdm"))
