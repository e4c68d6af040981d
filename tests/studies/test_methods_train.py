"""Every label-free method takes two steps on ECG-like and IMU-like windows, and moves weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training import toys

from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.model import Model
from triptych.training import Recipe, fit, untrained
from triptych_studies import methods
from triptych_studies.tasks.mitdb_phase import MitdbPhase
from triptych_studies.tasks.turned_imu import TurnedImu

ROWS = [
    "vicreg",
    "barlow",
    "moco",
    "scl-vicreg",
    "looc",
    "sie",
    "t-loss",
    "ts2vec",
    "ts2vec-dilated",
]
ENCODER = {"name": "conv", "widths": [8, 8], "kernels": [7, 5], "strides": [4, 2]}
ECG: dict[str, Any] = {
    "transforms": [{"name": "phase_shift", "max_shift": 0.2}],
    "encoder": ENCODER,
    "decoder": True,
}
IMU: dict[str, Any] = {
    "transforms": [{"name": "rotation"}],
    "encoder": ENCODER | {"front_end": "second_order"},
    "decoder": False,
    "classes": ["slow", "fast"],
}


class Toy:
    """What a method asks of a task: its kind, its blocks, and plain training on toy windows."""

    title, limits = "toy", MitdbPhase.limits

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.channels = ("ECG",) if kind == "ecg" else ("x", "y", "z")
        self.blocks = (MitdbPhase if kind == "ecg" else TurnedImu).blocks

    def recipe(self, seed: int) -> dict[str, Any]:
        return {
            "data": {"name": "simulated", "rate": 100.0, "low": None, "length_s": 0.8},
            "latent": [{"name": "latent", "size": 96}],
            "objective": {"name": "plain"},
            "training": {"epochs": 1, "batch": 16, "seed": seed},
            **(ECG if self.kind == "ecg" else IMU),
        }

    def finished(self, made: dict[str, Any]) -> dict[str, Any]:
        return made


def windows(kind: str) -> list[Windows]:
    channels = 1 if kind == "ecg" else 3
    return [toys.windows(n, seed, channels=channels) for seed, n in ((0, 32), (1, 16))]


@pytest.mark.parametrize("kind", ["ecg", "imu"])
@pytest.mark.parametrize("row", ROWS)
def test_a_method_trains(row: str, kind: str) -> None:
    content = methods.recipe_of(Toy(kind), row, seed=0)
    if content["encoder"]["name"] == "dilated":
        content["encoder"] |= {"hidden": 8, "width": 16}
    made = Recipe.of(content)
    given = windows(kind)
    fitted = fit(made, *given, device="cpu", progress=False)
    assert fitted.epochs == 1
    assert fitted.history[0]["train/total"] != pytest.approx(0)
    assert fitted.model.embed(given[1].centred).all.shape == (16, made.schema_of_latent.size)


@pytest.mark.parametrize(
    ("row", "kind"),
    [("rr", "ecg"), ("spectrum", "ecg"), ("envelope", "ecg"), ("spectrum", "imu"), ("har", "imu")],
)
def test_a_practitioners_row_is_a_model_untrained(row: str, kind: str, tmp_path: Path) -> None:
    content, given = methods.recipe_of(Toy(kind), row, seed=0), windows(kind)
    model = untrained(Recipe.of(content), Toy(kind).channels, given[0].centred)
    z = model.embed(given[0].centred).all
    assert torch.isfinite(z).all()
    if row not in (
        "spectrum",
        "envelope",
    ):  # in units of the training windows' deviation; what never changes is 0
        torch.testing.assert_close(z.mean(dim=0), torch.zeros(z.shape[1]), atol=1e-4, rtol=0)
        assert set(z.std(dim=0, correction=0).round(decimals=3).tolist()) <= {0.0, 1.0}
    model.save(tmp_path / "model")
    torch.testing.assert_close(Model.load(tmp_path / "model").embed(given[0].centred).all, z)


def test_fixed_features_train_heads_alone_and_refuse_blocks() -> None:
    content = methods.recipe_of(Toy("imu"), "har", seed=0)
    fitted = fit(Recipe.of(content), *windows("imu"), device="cpu", progress=False)
    assert fitted.model.predict(windows("imu")[1].centred)["full"].probabilities.shape == (16, 2)
    content["latent"] = TurnedImu.blocks("variant")
    content["objective"] = {"name": "scl"}
    with pytest.raises(InputError, match="51 fixed features"):
        fit(Recipe.of(content), *windows("imu"), device="cpu", progress=False)
    with pytest.raises(InputError, match="beats"):
        methods.recipe_of(Toy("imu"), "rr", seed=0)
    with pytest.raises(InputError, match="ECG"):
        methods.recipe_of(Toy("imu"), "envelope", seed=0)
    with pytest.raises(InputError, match="tri-axial"):
        methods.recipe_of(Toy("ecg"), "har", seed=0)
    with pytest.raises(InputError, match="tempo"):
        methods.recipe_of(Toy("ecg"), "peak", seed=0)
