"""Every label-free method takes two steps on ECG-like and IMU-like windows, and moves weights."""

from __future__ import annotations

from typing import Any

import pytest
from tests.training import toys

from triptych.training import Recipe, fit
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


@pytest.mark.parametrize("kind", ["ecg", "imu"])
@pytest.mark.parametrize("row", ROWS)
def test_a_method_trains(row: str, kind: str) -> None:
    content = methods.recipe_of(Toy(kind), row, seed=0)
    if content["encoder"]["name"] == "dilated":
        content["encoder"] |= {"hidden": 8, "width": 16}
    made = Recipe.of(content)
    channels = 1 if kind == "ecg" else 3
    given = [toys.windows(n, seed, channels=channels) for seed, n in ((0, 32), (1, 16))]
    fitted = fit(made, *given, device="cpu", progress=False)
    assert fitted.epochs == 1
    assert fitted.history[0]["train/total"] != pytest.approx(0)
    assert fitted.model.embed(given[1].centred).all.shape == (16, made.schema_of_latent.size)
