"""Tasks beside classes, the baseline's settings, and trainings that start from a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pandas as pd
import pytest
import torch
from tests.training import toys
from torch import nn
from typer.testing import CliRunner

from triptych.audit import evaluate
from triptych.cli import app
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import LabelSet, Quantity
from triptych.model import Model
from triptych.objectives import MoCo
from triptych.training import Recipe, fit, fit_heads, prepare
from triptych.training.build import build
from triptych.training.labels import labels_of
from triptych.training.starting import start_from

SETS = {"classes": ["slow", "middling"], "labels": "multi", "decoder": False}


def windows(n: int = 64, seed: int = 0) -> Windows:
    """Toy windows that are slow or not and middling or not; their frequency is an attribute."""
    made = toys.windows(n, seed)
    hertz = 1 + 3 * torch.rand(n, generator=torch.Generator().manual_seed(seed)).numpy()
    slow, middling = made.label == "slow", (hertz > 1.75) & (hertz < 3.25)
    assert np.array_equal(slow, hertz < 2.5)
    known = np.where(middling, "middling", ";")
    sets = np.where(slow, np.where(middling, "slow;middling", "slow"), known)
    text = np.array([f"{each:.4f}" for each in hertz])
    return replace(made, label=sets, attributes={"rate (Hz)": text})


def run(recipe: Recipe, n: int = 64, **options: Any) -> Any:
    made = fit(recipe, windows(n), windows(32, 1), device="cpu", progress=False, **options)
    assert all(bool(each.isfinite().all()) for each in made.model.state_dict().values())
    return made


def weights(model: torch.nn.Module) -> list[torch.Tensor]:
    return [each.clone() for each in model.state_dict().values()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_sets_of_labels_are_learned_saved_and_evaluated(tmp_path: Path) -> None:
    recipe = toys.recipe(**SETS, training__epochs=10, objective__name="plain",
                         training__batch=32, training__monitor="macro_auroc",
                         training__class_weights="balanced",
                         training__learning_rate=1e-2)  # fmt: skip
    fitted = run(recipe, 256, out=tmp_path / "m")
    best = max(row["validation/macro_auroc"] for row in fitted.history)
    assert fitted.best_validation == pytest.approx(best)
    model = Model.load(tmp_path / "m")
    data = windows(48, 2)
    found = model.predict(data.centred)["invariant"]
    assert set(found.labels) <= {";", "slow", "middling", "slow;middling"}
    scores = evaluate(model, data)
    assert scores.overall.figures["macro_auroc"].mean > 0.75
    assert set(scores.per_label) == {"slow", "middling"}
    assert scores.chance["macro_auroc"] == 0.5
    assert "consistency@phase_shift" in scores.overall.figures
    assert len(scores.tables()) == 3
    assert "set of labels" in scores.sentence


def test_numbers_are_learned_in_their_unit(tmp_path: Path) -> None:
    recipe = toys.recipe(data__target="rate (Hz)", decoder=False,
                         training__epochs=10, objective__name="plain", training__batch=32,
                         training__monitor="mae",
                         training__learning_rate=1e-2)  # fmt: skip
    fitted = run(recipe, 256, out=tmp_path / "m")
    best = min(row["validation/mae"] for row in fitted.history)
    assert fitted.best_validation == pytest.approx(best)
    model = Model.load(tmp_path / "m")
    scores = evaluate(model, windows(48, 2))
    assert scores.unit == "Hz"
    assert scores.headline == "mae"
    assert scores.overall.figures["mae"].mean < 0.6 * scores.chance["mae"]
    assert scores.overall.figures["r2"].mean > 0.5
    assert scores.confusion.shape == (0, 0)
    assert "Hz" in scores.sentence
    with pytest.raises(InputError, match="no probabilities"):
        _ = model.predict(windows().centred)["full"].probabilities


def test_a_label_itself_may_be_the_number() -> None:
    data = replace(windows(), label=np.arange(64).astype(str), attributes={})
    target, (found,) = labels_of(toys.recipe(labels="regression"), [data])
    assert found.tolist() == list(range(64))
    assert isinstance(target, Quantity)
    assert target.centre == pytest.approx(31.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": "multi"}, "name classes"),
        ({"labels": "regression", "classes": ["a", "b"]}, "leave classes out"),
        ({"labels": "single", "data__target": "hr"}, "make it 'regression'"),
        ({"training__class_weights": "balanced"}, "are of classes"),
        ({"training__monitor": "macro_f1"}, "metric of"),
        ({"training__monitor": "mae", "classes": ["a", "b"]}, "single labels"),
        ({"training__freeze": "encoder", "classes": ["a", "b"]}, "init_from"),
        ({**SETS, "weights__consistency": 1.0}, "one per window"),
    ],
)
def test_tasks_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        toys.recipe(**changes)


def test_class_weights_help_the_rare_class(tmp_path: Path) -> None:
    """One window in eight is fast: where it is hard to tell, an even loss hardly ever says so."""
    saved(tmp_path / "m")
    model = Model.load(tmp_path / "m")
    rare: list[Windows] = []
    for seed in (0, 1):
        made = toys.windows(600, seed)
        rows = (made.label == "slow") | (np.arange(600) % 8 == 0)
        noise = torch.randn(made.signals.shape, generator=torch.Generator().manual_seed(seed))
        made.signals.add_(noise)
        rare.append(made.take(rows))
    found: dict[bool, float] = {}
    for balanced in (False, True):
        fitted = fit_heads(model, rare[0], ["slow", "fast"], balanced=balanced)
        figures = evaluate(fitted, rare[1], transforms=[]).overall.figures
        found[balanced] = figures["balanced_accuracy"].mean
    assert found[True] > found[False] + 0.05


def test_class_weights_are_in_the_loss_of_a_training() -> None:
    recipe = toys.recipe(**SETS, training__epochs=1)
    even = run(recipe).history[0]["train/task/full"]
    weighted = run(recipe.replace({"training.class_weights": "balanced"}))
    assert weighted.history[0]["train/task/full"] != even


def test_of_a_monitor_that_tells_nothing_the_last_epoch_is_kept() -> None:
    recipe = toys.recipe(**SETS, training__epochs=2, training__monitor="macro_auroc")
    validation = toys.windows(24, 1)
    both = np.full(24, "slow;middling")  # no window without one of the labels: there is no AUROC
    fitted = fit(recipe, windows(), replace(validation, label=both), device="cpu", progress=False)
    assert fitted.best_epoch == 2
    assert np.isnan(fitted.best_validation)


# --- from a model that is there


def saved(folder: Path) -> Recipe:
    recipe = toys.recipe(classes=["slow", "fast"], decoder=False, training__epochs=1)
    fit(recipe, toys.windows(), toys.windows(24, 1), out=folder, device="cpu", progress=False,
        channels=["ECG"])  # fmt: skip
    return recipe


def test_a_training_starts_from_a_model_and_may_leave_its_encoder_alone(tmp_path: Path) -> None:
    recipe = saved(tmp_path / "m")
    model = Model.load(tmp_path / "m")
    start = recipe.replace({"init_from": str(tmp_path / "m"), "classes": SETS["classes"],
                            "labels": "multi", "encoder.dropout": 0.0})  # fmt: skip
    frozen = run(start.replace({"training.freeze": "encoder"}), channels=["ECG"])
    assert same(weights(frozen.model.encoder), weights(model.encoder))
    assert not same(weights(frozen.model.heads), weights(model.heads)[:4])
    first: list[Any] = []

    class Start(L.Callback):
        def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            loss: Any = pl_module
            first.append((weights(loss.loss.encoder), weights(loss.loss.heads)))

    tuned = fit(recipe.replace({"init_from": str(tmp_path / "m")}), toys.windows(), None,
                device="cpu", progress=False, callbacks=[Start()])  # fmt: skip
    assert same(first[0][0], weights(model.encoder))
    assert same(first[0][1], weights(model.heads))  # the same labels: heads go on, too
    assert not same(weights(tuned.model.encoder), weights(model.encoder))


def test_what_an_objective_keeps_of_the_encoder_starts_from_the_model_too(tmp_path: Path) -> None:
    saved(tmp_path / "m")
    recipe = toys.recipe(objective={"name": "moco", "queue": 64}, decoder=False,
                         init_from=str(tmp_path / "m"))  # fmt: skip
    parts = build(recipe, 1, recipe.length)
    start_from(tmp_path / "m", recipe, parts, None)
    network = nn.Sequential(parts.front_end, parts.encoder)
    assert isinstance(parts.objective, MoCo)
    assert parts.objective.copy is not None
    assert same(weights(parts.objective.copy)[: len(weights(network))], weights(network))


def test_channel_names_are_counted_before_anything_is_trained() -> None:
    class Never(L.Callback):
        def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            raise AssertionError("it trains")

    with pytest.raises(InputError, match="2 channel names"):
        fit(toys.recipe(), toys.windows(), None, device="cpu", progress=False,
            channels=["I", "II"], callbacks=[Never()])  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"latent": [{"name": "other", "size": 16, "invariant_to": "phase_shift"}]}, "has blocks"),
        ({"data.low": 1.0}, "has a band"),
        ({"encoder.widths": [8, 16]}, "has an encoder"),
        ({"encoder.front_end": "scaled"}, "has a front-end"),
    ],
)
def test_another_model_is_refused_in_one_sentence(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    recipe = saved(tmp_path / "m").replace({**changes, "init_from": str(tmp_path / "m")})
    with pytest.raises(InputError, match=f"init_from: the model in .* {words}"):
        fit(recipe, toys.windows(), None, device="cpu", progress=False)


def test_other_channels_are_refused(tmp_path: Path) -> None:
    recipe = saved(tmp_path / "m").replace({"init_from": str(tmp_path / "m")})
    with pytest.raises(InputError, match="channels ECG"):
        fit(recipe, toys.windows(), None, device="cpu", progress=False, channels=["PPG"])


def test_heads_alone_are_fitted_in_one_call(tmp_path: Path) -> None:
    saved(tmp_path / "m")
    model = Model.load(tmp_path / "m")
    before = weights(model.encoder)
    data = windows(96)
    again = fit_heads(model, data, LabelSet(("slow", "middling")), balanced=True)
    assert same(weights(again.encoder), before)
    assert model.heads["full"].classes == ("slow", "fast")
    assert again.predict(data.centred)["full"].probabilities.shape == (96, 2)
    single = fit_heads(model, toys.windows(240), ["fast", "slow"])
    figures = evaluate(single, toys.windows(96, 3), transforms=[]).overall.figures
    assert figures["accuracy"].mean > 0.7
    twice = fit_heads(model, toys.windows(240), ["fast", "slow"])
    assert same(weights(single.heads), weights(twice.heads))
    number = fit_heads(model, data, Quantity("rate (Hz)"))
    assert number.predict(data.centred)["full"].values.shape == (96,)
    with pytest.raises(InputError, match="labelled 'quick'"):
        fit_heads(model, data, ["slow", "quick"])
    with pytest.raises(InputError, match="80"):  # as many samples, but of twice the time
        fit_heads(model, replace(toys.windows(), rate=50.0), ["slow", "fast"])
    for dtype in (torch.float64, torch.bfloat16):  # or on a GPU: heads are where the encoder is
        moved = fit_heads(Model.load(tmp_path / "m").to(dtype), toys.windows(240), ["fast", "slow"])
        assert moved.heads["full"].linear.weight.dtype == dtype
        same_labels = moved.predict(data.centred)["full"].labels
        assert (same_labels == single.predict(data.centred)["full"].labels).mean() > 0.9
    number.save(tmp_path / "n")
    assert Model.load(tmp_path / "n").heads["full"].settings == number.heads["full"].settings


# --- own recordings


def folder_of(tmp_path: Path) -> dict[str, Any]:
    """Six subjects whose tables have a heart rate, and two columns of labels."""
    for k in range(6):
        rng, n = np.random.default_rng(k), 900
        rate = np.repeat(rng.uniform(60, 120, 6).round(1), n // 6)
        wave = np.sin(2 * np.pi * np.cumsum(rate / 60 / 50)) + 0.1 * rng.standard_normal(n)
        walk, talk = np.repeat([1, 0], n // 2), np.repeat([0, 1, 1], n // 3)
        table = {
            "time": np.arange(n) / 50,
            "ppg": wave,
            "hr (bpm)": rate,
            "walk": walk,
            "talk": talk,
        }
        pd.DataFrame(table).to_csv(tmp_path / f"s{k}.csv", index=False)
    shift = {"name": "phase_shift", "max_shift": 0.2}
    return {"name": "own", "decoder": False, "transforms": [shift],
            "latent": [{"name": "a", "size": 4, "invariant_to": "phase_shift"}],
            "data": {"name": "folder", "path": str(tmp_path), "rate": 50, "high": 20,
                     "length_s": 2.0, "per_recording": 10}}  # fmt: skip


def test_a_column_of_numbers_is_the_label_at_the_middle_of_a_window(tmp_path: Path) -> None:
    content = folder_of(tmp_path)
    content["data"] |= {"target": "hr (bpm)", "redraw": True,
                        "options": {"channels": ["ppg"]}}  # fmt: skip
    prepared = prepare(Recipe.of(content))
    data = prepared.train
    rate = pd.read_csv(tmp_path / f"{data.subject[0]}.csv")["hr (bpm)"]
    middle = rate[round((data.start[0] + 1.0) * 50)]
    assert float(data.label[0]) == middle
    assert prepared.redraw is not None
    again = prepared.redraw(1)
    assert len(again) == len(data)
    assert set(again.subject) == set(data.subject)
    assert not np.array_equal(again.start, data.start)
    assert np.array_equal(again.start, prepared.redraw(1).start)


def test_the_command_line_learns_predicts_and_evaluates_a_number(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    content = {**folder_of(tmp_path / "data"), "training": {"epochs": 1, "batch": 8}}
    content["data"]["options"] = {"channels": ["ppg"]}
    recipe, model, data = (str(tmp_path / name) for name in ("r.yaml", "m", "data"))
    Path(recipe).write_text(json.dumps(content))  # JSON is YAML
    table = str(tmp_path / "p.csv")

    def run(*words: str) -> str:
        answer = CliRunner().invoke(app, words)
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    run("train", recipe, "training.monitor=mae", "--target", "hr (bpm)", "--out", model)
    run("predict", model, data, "--channels", "ppg", "--out", table)
    rows = pd.read_csv(table)
    assert not [name for name in rows if name.startswith("probability")]
    found = json.loads(run("evaluate", model, data, "--channels", "ppg", "--format", "json"))
    assert (found["kind"], found["unit"]) == ("regression", "bpm")
    error = (rows["prediction"] - rows["label"]).abs().mean()
    assert found["overall"]["figures"]["mae"]["mean"] == pytest.approx(error, rel=1e-4)


def test_columns_of_0_and_1_are_a_set(tmp_path: Path) -> None:
    content = folder_of(tmp_path)
    content["data"]["options"] = {"label_column": ["walk", "talk"], "channels": ["ppg"]}
    recipe = Recipe.of({**content, "classes": ["walk", "talk"]})
    assert isinstance(recipe.target, LabelSet)
    prepared = prepare(recipe)
    assert set(prepared.train.label) == {"walk", "walk;talk", "talk"}
    one = pd.read_csv(tmp_path / "s0.csv").drop(columns="talk")
    one.to_csv(tmp_path / "s0.csv", index=False)
    assert any("no column 'talk'" in note for note in prepare(recipe).notes)


def test_windows_are_drawn_anew_in_every_epoch() -> None:
    seen: list[int] = []

    def redraw(epoch: int) -> Windows:
        seen.append(epoch)
        return windows(64, seed=10 + epoch)

    recipe = toys.recipe(**SETS, training__epochs=3)
    fresh, still = run(recipe, redraw=redraw), run(recipe)
    assert seen == [1, 2]
    rows = [[row["train/total"] for row in each.history] for each in (fresh, still)]
    assert rows[0][0] == rows[1][0]
    assert rows[0][1] != rows[1][1]
