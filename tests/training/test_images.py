"""Recipes are for signals: images are refused, unless an encoder is registered for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.training import toys
from torch import Tensor, nn

from triptych import networks
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.training import Recipe, fit


class Pixels(nn.Module):
    """The smallest encoder of images."""

    of_images = True

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.settings = {"channels": channels, "size": size}
        self.features = channels * size * size

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


@pytest.fixture
def of_images(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setitem(networks.ENCODERS, "pixels", Pixels)
    return Recipe.of(
        {
            "name": "digits",
            "data": {"name": "own", "rate": 1.0, "low": None, "high": None, "length_s": 6},
            "latent": [{"name": "all", "size": 4}],
            "encoder": {"name": "pixels"},
            "decoder": False,
            "classes": ["slow", "fast"],
            "objective": {"name": "plain"},
            "training": {"epochs": 1, "batch": 8},
        }
    )


def images() -> Windows:
    windows = toys.windows(24)
    return replace(windows, signals=torch.rand(24, 1, 6, 6), rate=1.0, context=0)


def test_images_do_not_become_signals(of_images: Recipe) -> None:
    conv = of_images.replace({"encoder.name": "conv"})
    with pytest.raises(InputError, match=r"\(24, 1, 6, 6\).*'conv'.*signals"):
        fit(conv, images(), None, device="cpu")
    flat = replace(images(), signals=torch.rand(24, 1, 6))
    with pytest.raises(InputError, match=r"train .*\(24, 1, 6\).*images"):
        fit(of_images, flat, None, device="cpu")


@pytest.mark.parametrize(
    "change", [{"decoder": True}, {"encoder.front_end": "power_spectrum"}], ids=str
)
def test_an_encoder_of_images_gets_nothing_that_is_for_signals(
    of_images: Recipe, change: dict[str, object]
) -> None:
    with pytest.raises(InputError, match=r"'pixels' takes images.*decoder: false"):
        of_images.replace(change)


def test_an_encoder_registered_for_images_is_trained(of_images: Recipe) -> None:
    model = fit(of_images, images(), None, device="cpu", progress=False).model
    assert model(images().signals).shape == (24, 4)
