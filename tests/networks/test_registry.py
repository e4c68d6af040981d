from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from triptych.errors import InputError
from triptych.networks import ENCODERS, FRONT_ENDS, ConvEncoder, encoder, front_end
from triptych.networks.registry import ALL, name_of, register
from triptych.registry import Registry
from triptych_studies.images.networks import ImageEncoder

RATED = ("power_spectrum", "cross_spectrum", "aligned_peak", "vqf", "motion_removed",
         "log_frequency", "envelope_spectrum")  # fmt: skip


def test_names_make_networks_and_networks_know_their_names() -> None:
    for name in ("conv", "resnet", "guaranteed", "dilated"):
        settings = {"channels": 4, "raw": 3} if name == "guaranteed" else {"channels": 1}
        assert name_of(encoder(name, length=64, **settings)) == name
    for name in FRONT_ENDS:
        rate = {"rate": 100.0} if name in RATED else {}
        assert name_of(front_end(name, **rate)) == name


def test_foreign_classes_and_subclasses_have_no_name() -> None:
    class Mine(ConvEncoder):
        pass

    assert name_of(nn.LSTM(1, 2)) is None
    assert name_of(Mine(1, 64)) is None


def test_another_package_adds_an_encoder_under_a_name_of_its_own() -> None:
    class Linear(nn.Linear):
        def __init__(self, channels: int, length: int) -> None:
            super().__init__(channels * length, 4)

    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(ENCODERS, "linear", raising=False)
        register("linear", Linear)
        register("linear", Linear)  # a second import
        assert name_of(encoder("linear", channels=2, length=3)) == "linear"
        with pytest.raises(InputError, match="network 'conv' already"):
            register("conv", Linear)
        ENCODERS.pop("linear")


def test_lists_stand_for_tuples() -> None:
    made = encoder("resnet", channels=1, length=64, widths=[16, 32])
    assert made.settings["widths"] == [16, 32]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lstm", {}, "no encoder 'lstm'; choose"),
        ("covn", {}, r"did you mean 'conv'"),
        (["conv"], {}, "there is"),
        ("conv", {"channel": 1}, "no setting 'channel'"),
        ("conv", {"channels": 1}, "'conv' .*length; got {'channels': 1}"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(name: str, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encoder(name, **settings)


def test_an_encoder_is_no_front_end() -> None:
    with pytest.raises(InputError, match="no front-end 'conv'"):
        front_end("conv")
    assert isinstance(ALL.make("conv", {"channels": 1, "length": 64}), ConvEncoder)


# What each network is built with, and for each of its settings what it cannot be. A new network, or
# a setting that none of these names, makes the first test fail.
NOT_WHOLE = (0, -1, 2.5, "4", None, True, float("nan"))
NOT_AT_LEAST_0 = (-1, 2.5, "4", None, True)
NOT_LAYERS = ((), 8, "8", (0,), (8, -8), (8.0,), (True,), None)
NOT_NUMBERS = ((), (0.0,), (1.0, -1.0), (float("nan"),), (float("inf"),), ("1",), 1.0, None)
NOT_ABOVE_0 = (0, -1.0, float("nan"), float("inf"), "100", None, True)
CONV = {
    "widths": (*NOT_LAYERS, (7,), (8, 12)),
    "kernels": (*NOT_LAYERS, (4, 5)),
    "strides": NOT_LAYERS,
    "where": NOT_AT_LEAST_0,
    "dropout": (-0.1, 1.0, "0.5", None, True, float("nan")),
    "statistics": NOT_AT_LEAST_0,
}
SHAPE = {"channels": NOT_WHOLE, "length": NOT_WHOLE}
IMAGE = {"channels": NOT_WHOLE, "size": NOT_WHOLE}
OUTPUTS = {"outputs": NOT_AT_LEAST_0}
WIDTHS = {"widths": (*NOT_LAYERS, (7,), (8, 12))}
FIRST_FREE = {"widths": (*NOT_LAYERS, (8, 12), (5, 7))}
SCALES = {"scales": NOT_NUMBERS}
SMALL = {"widths": (8, 16), "kernels": (5, 5), "strides": (2, 2)}
WRONG: dict[str, tuple[dict[str, Any], dict[str, tuple[Any, ...]]]] = {
    "conv": ({"channels": 1, "length": 64, **SMALL}, {**SHAPE, **OUTPUTS, **CONV}),
    "conv_blur": ({"channels": 1, "length": 64, **SMALL}, {**SHAPE, **OUTPUTS, **CONV}),
    "conv_dct": ({"channels": 1, "length": 64, **SMALL}, {**SHAPE, **OUTPUTS, **CONV}),
    "resnet": (
        {"channels": 1, "length": 64, "widths": (8, 16)},
        {**SHAPE, **OUTPUTS, **WIDTHS, "blocks": NOT_WHOLE, "where": NOT_AT_LEAST_0,
         "kernel": (*NOT_WHOLE, 4)},
    ),
    "guaranteed": (
        {"channels": 4, "length": 64, "raw": 3, **SMALL},
        {**SHAPE, **CONV, "raw": (*NOT_WHOLE, 4, 9)},
    ),
    "dilated": (
        {"channels": 1, "length": 64, "depth": 2},
        {**SHAPE, "hidden": NOT_WHOLE, "width": NOT_WHOLE, "depth": NOT_WHOLE,
         "kernel": (*NOT_WHOLE, 4), "mask": CONV["dropout"]},
    ),
    "capsules": (
        {"capsules": 3, "size": 5},
        {"capsules": NOT_WHOLE, "size": NOT_WHOLE, "coherence": NOT_AT_LEAST_0,
         "spread": (*NOT_AT_LEAST_0, 3), "mean": NOT_ABOVE_0},
    ),
    "topk_sae": (
        {"size": 4, "features": 16, "active": 2},
        {"size": NOT_WHOLE, "features": NOT_WHOLE, "active": (*NOT_WHOLE, 17)},
    ),
    "components": (
        {"channels": 1, "length": 64}, {**SHAPE, "outputs": (*NOT_WHOLE, 65)},
    ),
    "rr": (
        {"channels": 1, "length": 200, "rate": 100.0},
        {**SHAPE, "rate": (*NOT_ABOVE_0, 80.0), "kind": ("eeg", None),
         "lead": (*NOT_AT_LEAST_0, 1)},
    ),
    "tempo": (
        {"channels": 2, "length": 61},
        {**SHAPE, "sharpness": NOT_ABOVE_0, "orders": NOT_WHOLE},
    ),
    "har": (
        {"channels": 3, "length": 64},
        {"channels": (*NOT_WHOLE, 4), "length": (*NOT_WHOLE, 7)},
    ),
    "statistics": (
        {"channels": 1, "length": 64}, {"channels": NOT_WHOLE, "length": (*NOT_WHOLE, 7)},
    ),
    "standardize": ({}, {}),
    "canonical_phase": (
        {}, {"harmonics": NOT_WHOLE, "lead": (-1, 0.5, "I")},
    ),
    **{
        name: (
            {"rate": 100.0}, {"rate": NOT_ABOVE_0, "cutoff": NOT_ABOVE_0, "scale": NOT_ABOVE_0},
        )
        for name in ("power_spectrum", "cross_spectrum")
    },
    "guided_phase": (
        {},
        {"harmonics": NOT_WHOLE, "lead": (-1, 0.5, "I"), "bins": NOT_WHOLE, "hidden": NOT_WHOLE,
         "spread": NOT_ABOVE_0},
    ),
    "aligned_peak": (
        {"rate": 100.0}, {"rate": (*NOT_ABOVE_0, 80.0), "lead": NOT_AT_LEAST_0},
    ),
    **{
        name: ({}, SCALES)
        for name in (
            "scaled", "gravity_aligned", "second_order",
        )
    },
    **{
        name: ({}, {**SCALES, "per_gravity": (0, "yes", None)})
        for name in ("rotation_invariants", "invariants_beside")
    },
    "ring_aligned": ({}, {**SCALES, "per_loudness": (0, "yes", None)}),
    "vqf": (
        {"rate": 50.0},
        {"rate": NOT_ABOVE_0, "tau": NOT_ABOVE_0, **SCALES,
         **dict.fromkeys(("gyroscope", "heading"), (0, "yes", None))},
    ),
    "motion_removed": (
        {"rate": 25.0},
        {"rate": NOT_ABOVE_0, "first": NOT_AT_LEAST_0, "reach": NOT_ABOVE_0,
         "lags": (*NOT_WHOLE, 4), "ridge": NOT_ABOVE_0, "drift": NOT_ABOVE_0},
    ),
    "log_frequency": (
        {"rate": 25.0},
        {"rate": NOT_ABOVE_0, "low": NOT_ABOVE_0, "high": (*NOT_ABOVE_0, 0.9, 13.0),
         "motion": (-1, 0.5, "x")},
    ),
    "envelope_spectrum": (
        {"rate": 100.0},
        {"rate": NOT_ABOVE_0, "low": (*NOT_ABOVE_0, 15.0), "high": (*NOT_ABOVE_0, 5.0, 51.0),
         "cutoff": NOT_ABOVE_0},
    ),
    "conv_decoder": (
        {"size": 4, "channels": 1, "length": 64, "widths": (5, 8)},
        {"size": NOT_WHOLE, **SHAPE, **FIRST_FREE, "samples": NOT_WHOLE},
    ),
    "image": (
        {"channels": 1, "widths": (8,)}, {**IMAGE, **OUTPUTS, **WIDTHS, "where": NOT_WHOLE},
    ),
}  # fmt: skip


KINDS = Registry("network", {"image": ImageEncoder}, ALL)


@pytest.mark.parametrize("name", KINDS)
def test_every_setting_that_does_not_fit_is_named(name: str) -> None:
    fits, wrong = WRONG[name]
    KINDS.make(name, fits)
    assert set(wrong) == set(inspect.signature(KINDS[name]).parameters)
    for setting, values in wrong.items():
        for value in values:
            for written in (value, list(value) if isinstance(value, tuple) else value):
                with pytest.raises(InputError) as refused:
                    KINDS.make(name, {**fits, setting: written})
                message = str(refused.value)
                assert f"{setting}=" in message, message
                assert "expected" in message, message
                assert "cannot be made" not in message, message


@pytest.mark.parametrize("name", ["conv", "guaranteed"])
@pytest.mark.parametrize("setting", ["widths", "kernels", "strides"])
def test_layers_are_as_many_in_every_list(name: str, setting: str) -> None:
    fits = WRONG[name][0]
    with pytest.raises(InputError, match=rf"{name} got .*{setting}=\[.*one for each layer"):
        ALL.make(name, {**fits, setting: [*fits[setting], 9 if setting == "kernels" else 8]})


@given(
    widths=st.lists(st.integers(-1, 20), max_size=3),
    kernels=st.lists(st.integers(-1, 5), max_size=3),
    strides=st.lists(st.integers(-1, 3), max_size=3),
    length=st.integers(-1, 40),
)
def test_an_encoder_is_made_and_works_or_says_why_not(widths, kernels, strides, length) -> None:
    settings = {"widths": widths, "kernels": kernels, "strides": strides}
    try:
        made = encoder("conv", channels=2, length=length, where=1, **settings)
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert made(torch.randn(2, 2, length)).shape == (2, made.features)
    assert not message or any(f"{name}=" in message for name in (*settings, "length"))
    assert "cannot be made" not in message


@pytest.mark.parametrize(
    ("name", "settings", "channels", "length", "message"),
    [
        ("canonical_phase", {"lead": 2}, 2, 64, "lead=2 for signals"),
        ("canonical_phase", {}, 2, 2, "2 samples"),
        ("aligned_peak", {"rate": 100.0, "lead": 1}, 1, 64, "lead=1 for signals"),
        ("power_spectrum", {"rate": 100.0, "cutoff": 1.0}, 1, 64, "cutoff=1.0 Hz"),
        ("scaled", {"scales": [1.0, 2.0]}, 3, 64, "2 scales"),
        ("gravity_aligned", {"scales": [1.0, 2.0]}, 3, 64, "2 scales"),
        *(
            (name, {}, channels, 64, f"signals have {channels} channels, expected x, y, z")
            for name in ("rotation_invariants", "gravity_aligned", "second_order",
                         "invariants_beside")
            for channels in (1, 4)
        ),
    ],
)  # fmt: skip
def test_windows_that_do_not_fit_a_front_end_are_refused_before_anything_is_built(
    name: str, settings: dict[str, Any], channels: int, length: int, message: str
) -> None:
    made = front_end(name, **settings)
    for refused in (
        lambda: made.shape(channels, length),
        lambda: made(torch.randn(2, channels, length)),
    ):
        with pytest.raises(InputError, match=message):
            refused()
