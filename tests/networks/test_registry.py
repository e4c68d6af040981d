from __future__ import annotations

import pytest
from torch import nn

from triptych.errors import InputError
from triptych.networks import ENCODERS, FRONT_ENDS, ConvEncoder, encoder, front_end
from triptych.networks.registry import make, name_of


def test_names_make_networks_and_networks_know_their_names() -> None:
    for name in ENCODERS:
        settings = {"channels": 4, "raw": 3} if name == "guaranteed" else {"channels": 1}
        assert name_of(encoder(name, length=64, **settings)) == name
    for name in FRONT_ENDS:
        rate = {"rate": 100.0} if name in ("power_spectrum", "aligned_peak") else {}
        assert name_of(front_end(name, **rate)) == name


def test_foreign_classes_and_subclasses_have_no_name() -> None:
    class Mine(ConvEncoder):
        pass

    assert name_of(nn.LSTM(1, 2)) is None
    assert name_of(Mine(1, 64)) is None


def test_lists_stand_for_tuples() -> None:
    made = encoder("resnet", channels=1, length=64, widths=[16, 32])
    assert made.settings["widths"] == [16, 32]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lstm", {}, "there is no encoder 'lstm'; choose one of conv, resnet"),
        (["conv"], {}, "there is no encoder"),
        ("conv", {"channel": 1}, "no setting 'channel'; it has channels, length"),
        ("conv", {"channels": 1}, "cannot be built"),
        ("conv", {"channels": "one", "length": 64}, "cannot be built"),
        ("conv", {"channels": 1, "length": 64, "widths": [7]}, "cannot be built"),
        ("resnet", {"channels": -1, "length": 64}, "cannot be built"),
        ("resnet", {"channels": 1, "length": 64, "widths": []}, "cannot be built"),
        ("resnet", {"channels": 1, "length": 64, "kernel": 2}, "must be odd"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(name: str, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encoder(name, **settings)


def test_an_encoder_is_no_front_end() -> None:
    with pytest.raises(InputError, match="there is no front-end 'conv'"):
        front_end("conv")
    assert isinstance(make("conv", {"channels": 1, "length": 64}), ConvEncoder)
