"""Precision and compilation that are left to the machine: what is taken, told and kept."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training import toys
from tests.training.test_fitting import Stop, equal, run
from tests.training.test_gates import gated

from triptych.errors import InputError
from triptych.training import Recipe, speed

EAGER: Any = partial(torch.compile, backend="eager")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
AUTO = {"training__precision": "auto", "training__compile": "auto"}


def clock(monkeypatch: pytest.MonkeyPatch, *, bf16: float, compiled: float = 1.0) -> list[str]:
    """Pretend that a step takes 1 s, `bf16` s in bfloat16, and `compiled` times that compiled."""
    asked: list[str] = []

    def timed(self: Any, precision: str, by_compiler: bool, at_most: float = 0) -> Any:
        asked.append(f"{precision}, {by_compiler}")
        seconds = bf16 if precision == "bf16-mixed" else 1.0
        return 2.0, seconds * (compiled if by_compiler else 1.0)

    monkeypatch.setattr(speed._Calibration, "timed", timed)  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(torch, "compile", EAGER)
    return asked


def told(fitted: Any) -> dict[str, Any]:
    return fitted.model.info["training"]["speed"]


def test_what_does_not_pay_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock(monkeypatch, bf16=0.95)
    plain = run(progress=False)
    assert "speed" not in plain.model.info["training"]
    fitted = run(toys.recipe(**AUTO), progress=False)
    assert (told(fitted)["precision"], told(fitted)["compile"]) == ("32-true", False)
    assert equal(fitted.model, plain.model)
    assert re.search(r"bf16-mixed .* 1\.05 times .*off", capfd.readouterr().err)


def test_what_pays_is_taken_and_is_the_same_after_a_resume(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(module: Any) -> None:
        raise KeyboardInterrupt

    clock(monkeypatch, bf16=0.5, compiled=0.4)
    monkeypatch.setattr(speed, "WORTH_S", 1.0)
    recipe = toys.recipe(**AUTO)
    whole = run(recipe, progress=False)
    assert told(whole)["precision"] == "bf16-mixed"
    assert told(whole)["compile"]
    assert "2.50" in told(whole)["said"][1]
    with pytest.raises(KeyboardInterrupt):
        run(recipe, out=tmp_path, callbacks=[Stop(2, 0, interrupt)], progress=False)
    clock(monkeypatch, bf16=9.0)  # the machine is another one now
    resumed = run(recipe, out=tmp_path, resume=True, progress=False)
    assert told(resumed) == told(whole)
    assert equal(resumed.model, whole.model)


def test_a_short_training_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = clock(monkeypatch, bf16=0.5, compiled=0.1)
    fitted = run(toys.recipe(training__compile="auto"), progress=False)
    assert not told(fitted)["compile"]
    assert asked == ["32-true, False"]


def test_a_few_real_steps_are_timed() -> None:
    fitted = run(toys.recipe(training__precision="auto", training__epochs=1), progress=False)
    assert told(fitted)["said"][0].startswith("bf16-mixed takes steps ")


def test_a_compiled_encoder_trains_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", EAGER)
    made = run(toys.recipe(training__compile=True), progress=False)
    plain = run(progress=False)
    for ours, theirs in zip(made.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    assert made.model.state_dict().keys() == plain.model.state_dict().keys()
    with pytest.raises(InputError, match="gates"):
        run(gated(training__compile=True))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="compiler"):
        run(toys.recipe(training__compile=True))


def test_a_recipe_that_does_not_compile_has_the_keys_that_it_had() -> None:
    assert "compile" not in toys.recipe().to_dict()["training"]
    for value in (True, "auto"):
        content = toys.recipe(training__compile=value).to_dict()
        assert content["training"]["compile"] == value
        assert Recipe.of(content).training.compile == value
