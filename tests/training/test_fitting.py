"""`fit`: what it keeps, what it writes, how it stops, and that a killed training loses nothing."""

from __future__ import annotations

import csv
import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import SingleDeviceStrategy
from tests.training import toys
from torch import Tensor

from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.model import Model
from triptych.objectives import SimCLR
from triptych.training import (
    Fitted,
    NonFiniteLossError,
    Recipe,
    StructuredModule,
    fit,
    fit_module,
)
from triptych.training.settings import Training
from triptych_studies.images.transforms import ImageTone

REPOSITORY = Path(__file__).resolve().parents[2]


class Stop(L.Callback):
    """Does something at one step of one epoch (both from 0), before the weights change."""

    def __init__(self, epoch: int, step: int, action: Any) -> None:
        super().__init__()
        self.place, self.action = (epoch, step), action

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if (trainer.current_epoch, trainer.fit_loop.batch_idx) == self.place:
            self.action(pl_module)


def run(recipe: Recipe | None = None, **options: Any) -> Fitted:
    made = recipe or toys.recipe()
    return fit(made, toys.windows(), toys.windows(24, 1), device="cpu", **options)


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(
        torch.equal(x, y)
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def killed(folder: str) -> None:
    """Run in a process of its own: train, and die by SIGKILL in the middle of epoch 2."""
    torch.set_num_threads(1)
    stop = Stop(1, 1, lambda module: os.kill(os.getpid(), signal.SIGKILL))
    run(out=folder, callbacks=[stop])


def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    code = f"from tests.training.test_fitting import killed; killed({str(tmp_path / 'b')!r})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "ignore", "-c", code]
    died = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert (tmp_path / "b" / "checkpoint.ckpt").exists()
    assert not (tmp_path / "b" / "model.json").exists()
    with pytest.raises(InputError, match="after epoch 1"):
        run(out=tmp_path / "b")
    whole = run(out=tmp_path / "a")
    resumed = run(out=tmp_path / "b", resume=True)
    assert equal(whole.model, resumed.model)
    assert equal(whole.objective, resumed.objective)
    drop = {"seconds"}
    histories = [
        [{k: v for k, v in row.items() if k not in drop} for row in each.history]
        for each in (whole, resumed)
    ]
    assert histories[0] == histories[1]
    again = run(out=tmp_path / "b", resume=True)  # finished: nothing is left to do
    assert equal(whole.model, again.model)
    assert again.seconds == resumed.seconds


def test_a_teacher_is_trained_first_and_resumed(tmp_path: Path) -> None:
    classes = ["slow", "fast"]
    plain = toys.recipe(classes=classes, objective__name="plain", decoder=False)
    taught = toys.recipe(
        classes=classes, decoder=False, teacher=plain.to_dict(), weights__teacher=2.0
    )
    whole = run(taught)
    assert "validation/teacher" in whole.history[0]
    untaught = run(toys.recipe(classes=classes, decoder=False))
    assert not equal(whole.model, untaught.model)

    def interrupt(module: StructuredModule) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # after an epoch of the teacher
        run(plain, out=tmp_path / "a", callbacks=[Stop(1, 1, interrupt)])
    (tmp_path / "b").mkdir()
    (tmp_path / "a").rename(tmp_path / "b" / "teacher")
    with pytest.raises(InputError, match="after epoch 1"):
        run(taught, out=tmp_path / "b")
    resumed = run(taught, out=tmp_path / "b", resume=True)
    assert equal(whole.model, resumed.model)
    assert equal(Model.load(tmp_path / "b" / "teacher"), run(plain).model)


def test_a_training_stopped_in_its_second_teacher_is_resumed(tmp_path: Path) -> None:
    classes = ["slow", "fast"]
    plain = toys.recipe(classes=classes, objective__name="plain", decoder=False)
    other = toys.recipe(classes=classes, objective__name="plain", decoder=False, training__seed=7)
    taught = toys.recipe(
        classes=classes,
        decoder=False,
        teacher=plain.to_dict(),
        full_teacher=other.to_dict(),
        weights__teacher=2.0,
        weights__full_teacher=2.0,
    )
    whole = run(taught)
    assert {"validation/teacher", "validation/full_teacher"} <= set(whole.history[0])

    def interrupt(module: StructuredModule) -> None:
        raise KeyboardInterrupt

    run(plain, out=tmp_path / "b" / "teacher")
    with pytest.raises(KeyboardInterrupt):
        run(other, out=tmp_path / "b" / "full_teacher", callbacks=[Stop(1, 1, interrupt)])
    resumed = run(taught, out=tmp_path / "b", resume=True)
    assert equal(whole.model, resumed.model)


def test_what_is_written(tmp_path: Path) -> None:
    fitted = run(toys.recipe(classes=["slow", "fast"]), out=tmp_path, channels=["II"])
    loaded = Model.load(tmp_path)
    x = toys.windows().centred
    assert torch.equal(loaded.embed(x)["morphology"], fitted.model.embed(x)["morphology"])
    assert set(loaded.predict(x)) == {"invariant", "full"}
    assert loaded.preprocessing.channels == ("II",)
    assert Recipe.of(loaded.info["recipe"]) == Recipe.read(tmp_path / "recipe.yaml")
    strong = x.double().square().mean((1, 2)).sqrt().median()
    assert loaded.info["level"] == pytest.approx(float(strong), rel=0.05)  # with context
    with open(tmp_path / "log.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    names = {"total", "reconstruction", "kl", "invariance/phase_shift", "task/full"}
    assert {f"{stage}/{name}" for stage in ("train", "validation") for name in names} <= set(
        rows[0]
    )
    assert float(rows[0]["train/total"]) == pytest.approx(fitted.history[0]["train/total"])
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.json", "weights.safetensors", "recipe.yaml", "log.csv", "checkpoint.ckpt"
    }  # fmt: skip


def test_the_same_seed_gives_the_same_model_and_leaves_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    first = run()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(123)
    assert equal(first.model, run().model)
    assert not equal(first.model, run(toys.recipe(training__seed=1)).model)


def test_the_best_epoch_is_kept() -> None:
    def spoil(module: StructuredModule) -> None:
        for parameter in module.parameters():
            parameter.data.add_(torch.randn_like(parameter))

    fitted = run(toys.recipe(training__epochs=4), callbacks=[Stop(2, 0, spoil)])
    losses = [row["validation/total"] for row in fitted.history]
    assert fitted.best_epoch == losses.index(min(losses)) + 1 == 2
    assert fitted.best_validation == pytest.approx(min(losses), rel=1e-6)


def test_patience_stops_and_is_resumed(tmp_path: Path) -> None:
    def interrupt(module: StructuredModule) -> None:
        raise KeyboardInterrupt

    recipe = toys.recipe(training__epochs=9, training__patience=2, training__learning_rate=1e-20)
    recipe = recipe.replace({"training.weight_decay": 0})
    fitted = run(recipe)
    assert fitted.epochs - fitted.best_epoch == 2
    assert fitted.epochs < 9
    with pytest.raises(KeyboardInterrupt):  # after one epoch of waiting
        run(recipe, out=tmp_path, callbacks=[Stop(fitted.epochs - 1, 0, interrupt)])
    assert run(recipe, out=tmp_path, resume=True).epochs == fitted.epochs


def test_double_precision_is_resumed_to_the_same_model(tmp_path: Path) -> None:
    def interrupt(module: StructuredModule) -> None:
        raise KeyboardInterrupt

    recipe = toys.recipe(training__precision="64-true")
    whole = run(recipe)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, out=tmp_path, callbacks=[Stop(2, 0, interrupt)])
    assert equal(run(recipe, out=tmp_path, resume=True).model, whole.model)


class Recorder(Logger):
    """Keeps what it gets."""

    name, version = "recorder", "0"

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {}
        self.rows: list[dict[str, float]] = []

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self.settings |= params

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append(metrics)


def test_any_logger_gets_the_recipe_and_every_epoch() -> None:
    recorder = Recorder()
    fitted = run(logger=recorder)
    assert recorder.settings["training.epochs"] == 3
    for side in ("train", "validation"):
        told = [row[f"{side}/total"] for row in recorder.rows if f"{side}/total" in row]
        kept = [row[f"{side}/total"] for row in fitted.history]
        assert told == pytest.approx(kept, rel=1e-6)


def test_a_strategy_is_passed_on_and_an_unknown_one_refused() -> None:
    assert equal(run(strategy=SingleDeviceStrategy(device="cpu")).model, run().model)
    with pytest.raises(InputError, match="strategy=magic"):
        run(strategy="magic")


def test_minutes_end_a_training() -> None:
    assert run(toys.recipe(training__minutes=1e-6)).epochs == 1


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_other_precisions_give_a_float32_model(precision: str) -> None:
    fitted = run(toys.recipe(training__precision=precision, training__epochs=1))
    assert {value.dtype for value in fitted.model.state_dict().values()} == {torch.float32}


def test_without_validation_the_last_epoch_is_kept() -> None:
    fitted = fit(toys.recipe(training__epochs=2), toys.windows(), None, device="cpu")
    assert fitted.best_epoch == fitted.epochs == 2
    assert fitted.best_validation != fitted.best_validation


def poison(module: StructuredModule) -> None:
    next(module.loss.encoder.parameters()).grad.fill_(torch.nan)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_model(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"nan in epoch 2, step 2.* epoch 1") as caught:
        run(out=tmp_path, callbacks=[Stop(1, 0, poison)])
    assert "loss term 'invariance/phase_shift'" in str(caught.value)
    latents = Model.load(tmp_path).embed(toys.windows().centred).all
    assert latents.isfinite().all()


def test_a_loss_that_is_not_finite_at_once_leaves_no_model(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match="no epoch"):
        run(out=tmp_path, callbacks=[Stop(0, 0, poison)])
    assert not (tmp_path / "model.json").exists()


def test_ctrl_c_is_a_keyboard_interrupt_and_can_be_resumed(tmp_path: Path) -> None:
    def interrupt(module: Any) -> None:
        raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(out=tmp_path, callbacks=[Stop(1, 1, interrupt)])
    assert signal.getsignal(signal.SIGINT) == handler
    assert run(out=tmp_path, resume=True).epochs == 3


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    run(toys.recipe(training__epochs=1))
    assert capfd.readouterr() == ("", "")


def test_a_checkpoint_of_another_recipe_or_data_is_refused(tmp_path: Path) -> None:
    recipe = toys.recipe(training__epochs=1)
    run(recipe, out=tmp_path)
    with pytest.raises(InputError, match=r"training\.learning_rate = 0\.002"):
        run(recipe.replace({"training.learning_rate": 0.1}), out=tmp_path, resume=True)
    with pytest.raises(InputError, match="checksum"):
        fit(recipe, toys.windows(seed=5), None, out=tmp_path, resume=True, device="cpu")
    (tmp_path / "checkpoint.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="damaged or"):
        run(recipe, out=tmp_path, resume=True)
    run(recipe, out=tmp_path)  # anew: nothing there that could be continued


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("chapter 1", encoding="utf-8")
    with pytest.raises(InputError, match=r"'thesis\.tex' .*no model"):
        run(out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_full_disk_stops_with_a_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(module: Any) -> None:
        monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(InputError, match=r"checkpoint\.ckpt: No space"):
        run(out=tmp_path, callbacks=[Stop(1, 0, fill)])
    monkeypatch.undo()
    assert equal(run(out=tmp_path, resume=True).model, run().model)


def with_signals(change: Any) -> Any:
    windows = toys.windows()
    change(windows.signals)
    return windows


def set_nan(signals: Tensor) -> None:
    signals[3, 0, 5] = torch.nan


@pytest.mark.parametrize(
    ("recipe", "train", "options", "words"),
    [
        ({}, toys.windows(context=10), {}, "10 samples"),
        ({"data__length_s": 1.0}, toys.windows(), {}, "80 samples"),
        ({}, with_signals(set_nan), {}, "train windows hold"),
        ({}, toys.windows(channels=2), {}, "train windows 2"),
        ({"classes": ["slow", "fsat"]}, toys.windows(), {}, "labelled 'fsat'"),
        ({"encoder__name": "lstm"}, toys.windows(), {}, "no encoder 'lstm'"),
        ({"encoder__front_end": "spectrum"}, toys.windows(), {}, "no front-end 'spectrum'"),
        ({"encoder__widhts": [8]}, toys.windows(), {}, "no setting 'widhts'"),
        ({"encoder__name": "guaranteed"}, toys.windows(), {}, "write front_end: invariants_beside"),
        ({}, toys.windows(seed=1), {}, "3 subjects"),
        ({}, toys.windows(), {"device": "tpu"}, "device 'tpu'"),
        ({}, toys.windows(), {"device": "cpu:x"}, "device 'cpu:x'"),
        ({}, toys.windows(), {"resume": True}, "resume needs"),
    ],
)
def test_a_fault_is_named(
    recipe: dict[str, Any], train: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        fit(toys.recipe(**recipe), train, toys.windows(24, 1), **{"device": "cpu", **options})


def test_channel_names_must_be_as_many_as_channels() -> None:
    with pytest.raises(InputError, match="2 channel names"):
        run(toys.recipe(training__epochs=1), channels=["I", "II"])


@pytest.mark.parametrize("two", [False, True])
def test_two_populations_are_separated_saved_and_loaded(tmp_path: Path, two: bool) -> None:
    recipe = toys.recipe(
        latent=toys.POPULATIONS,
        objective={
            "name": "separation",
            "background": ["slow"],
            "weights": {"background": 30.0, "salient": 3.0},
        },
        encoder={"widths": [8, 8], "kernels": [7, 5], "strides": [4, 2], "two": two},
        decoder=False,
        training__epochs=20,
        training__learning_rate=0.02,
    )
    fitted = run(recipe, out=tmp_path / "m")
    assert {"train/background", "train/independence"} <= set(fitted.history[0])
    test = toys.windows(60, 2)
    z = Model.load(tmp_path / "m").embed(test.centred)
    assert torch.equal(z.all, fitted.model.embed(test.centred).all)
    size, slow = z["own"].norm(dim=1), torch.as_tensor(test.label == "slow")
    assert float(size[slow].mean()) < 0.8 * float(size[~slow].mean())
    with pytest.raises(InputError, match=r"in objective\.background"):
        run(recipe.replace({"objective.background": ["still"]}))


def test_attributes_of_the_recordings_supervise_salient_blocks(tmp_path: Path) -> None:
    def given(n: int, seed: int) -> Windows:
        made = toys.windows(n, seed)
        size = np.random.default_rng(seed).uniform(size=n).astype(str)
        return replace(made, attributes={"size": np.where(made.label == "fast", size, "")})

    recipe = toys.recipe(
        latent=[
            {"name": "shared", "size": 4, "role": "common"},
            {"name": "size", "size": 1, "role": "salient", "invariant_to": "phase_shift"},
        ],
        objective={
            "name": "separation",
            "background": ["slow"],
            "attributes": {"size": "continuous"},
        },
        decoder=False,
    )
    fitted = fit(recipe, given(48, 0), given(24, 1), device="cpu", out=tmp_path / "m")
    terms = [epoch["train/salient/size"] for epoch in fitted.history]
    assert terms[-1] < terms[0]
    assert Model.load(tmp_path / "m").schema["size"].role == "salient"
    with pytest.raises(InputError, match=r"0 value\(s\) .*'size'.*none"):
        run(recipe)
    train = toys.windows(48)
    for words, said in (
        (("1", "1.0"), "1 value"),
        (("big", "big"), "'big' in a recording, expected a number"),
        (("big", "small"), "'big' in a recording, expected a number"),
        (("inf", "1"), "'inf' in a recording, expected a number"),
    ):
        wrong = np.where(np.arange(48) % 3, *words)
        with pytest.raises(InputError, match=said):
            fit(recipe, replace(train, attributes={"size": wrong}), None, device="cpu")


def test_a_module_of_ones_own_is_trained_in_place() -> None:
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 4))
    objective = SimCLR(4, [ImageTone()])
    schema = LatentSchema(Block("all", 4))
    module = StructuredModule(
        encoder, objective, schema=schema, settings=Training(epochs=2, batch=8, seed=1)
    )
    before = encoder[1].weight.detach().clone()
    fit_module(module, torch.rand(24, 1, 4, 4), torch.zeros(24), device="cpu")
    assert not torch.equal(before, encoder[1].weight)
    assert not module.training
