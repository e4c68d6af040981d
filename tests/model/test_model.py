"""Embedding, predicting, reconstructing, preparing and exporting."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from triptych import signals
from triptych.errors import InputError
from triptych.latent import BernoulliGate, Block, BlockHeads, LatentSchema, LinearHead
from triptych.model import Latents, Model, Preprocessing
from triptych.networks import (
    CanonicalPhase,
    ConvDecoder,
    ConvEncoder,
    Standardize,
)

SCHEMA = LatentSchema(Block("shape", 5, invariant_to="phase_shift"), Block("detail", 3))
WINDOWS = Preprocessing(rate=100.0, channels=("MLII", "V1"), length=60, low=0.5, high=40.0)


def make(**parts: object) -> Model:
    torch.manual_seed(0)
    encoder = nn.Sequential(Standardize(), BlockHeads(ConvEncoder(2, 60), SCHEMA, hidden=8))
    settings = {
        "heads": {"beat": LinearHead(SCHEMA, ["shape"], ["N", "S", "V"])},
        "decoder": ConvDecoder(8, 2, 60),
    }
    return Model(WINDOWS, encoder, SCHEMA, **{**settings, **parts})


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(7, 2, 60)


def test_latents_are_blocks_in_order(x: torch.Tensor) -> None:
    model = make()
    z = model.embed(x)
    assert isinstance(z, Latents)
    assert list(z) == ["shape", "detail"]
    assert z["shape"].shape == (7, 5)
    assert z.all.dtype == torch.float32
    assert not z.all.requires_grad
    assert torch.equal(z.all, torch.cat([z["shape"], z["detail"]], dim=1))
    torch.testing.assert_close(z.all, model(x))


def test_batches_arrays_and_precision_do_not_matter(x: torch.Tensor) -> None:
    model = make()
    expected = model.embed(x).all
    torch.testing.assert_close(model.embed(x, batch=3).all, expected)
    torch.testing.assert_close(model.embed(x.double().numpy(), rate=100.0).all, expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_converted_model_embeds(x: torch.Tensor, dtype: torch.dtype) -> None:
    expected = make().embed(x).all
    found = make().to(dtype).embed(x).all
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.1, rtol=0.1)


def test_arrays_in_any_order_and_impossible_batches(x: torch.Tensor) -> None:
    model = make()
    back = model.embed(x.numpy()[::-1]).all
    torch.testing.assert_close(back, model.embed(x).all.flip(0))
    with pytest.raises(InputError, match="0, expected"):
        model.embed(x, batch=0)
    size = model.schema.size
    out = np.zeros((len(x), size), dtype=np.float32)
    torch.testing.assert_close(model.embed(x, out=out).all, model.embed(x).all)
    for shape in ((len(x) + 1, size), (len(x), size + 1)):
        with pytest.raises(InputError, match="out has shape"):
            model.embed(x, out=np.zeros(shape, dtype=np.float32))
    with pytest.raises(InputError, match="single precision cannot"):
        model.embed(x.double() * 1e39)


def test_embedding_leaves_every_training_flag_as_it_was(x: torch.Tensor) -> None:
    dropout = nn.Dropout(0.9)
    model = make()
    assert isinstance(model.encoder, nn.Sequential)
    model.encoder.insert(1, dropout)
    model.train()
    model.decoder.eval()
    assert torch.equal(model.embed(x).all, model.embed(x).all)
    assert dropout.training
    assert not model.decoder.training
    with pytest.raises(InputError):
        model.embed(x[..., 1:])
    assert dropout.training


def test_gradients_flow_through_the_call_but_not_through_embed(x: torch.Tensor) -> None:
    model = make()
    model(x).sum().backward()
    assert all(value.grad is not None for value in model.encoder.parameters())


def test_another_rate_is_resampled() -> None:
    model = make()
    fast = np.random.default_rng(0).standard_normal((3, 2, 120))
    expected = signals.resample(fast, 200.0, 100.0).astype(np.float32)
    torch.testing.assert_close(model.embed(fast, rate=200.0).all, model.embed(expected).all)


@pytest.mark.parametrize(
    ("shape", "rate", "message"),
    [
        ((7, 2, 61), None, r"\(n, 2, 60\) of MLII, V1 at 100 Hz"),
        ((7, 1, 60), None, r"windows \(n, 2, 60\)"),
        ((2, 60), None, r"prepare\(signal, rate\)"),
        ((7, 2, 60), 200.0, r"\(7, 2, 30\) at 100 Hz, but"),
        ((7, 2, 60), 0.0, "sampling rate"),
        ((0, 2, 60), None, "shape"),
    ],
)
def test_other_windows_are_refused(
    shape: tuple[int, ...], rate: float | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make().embed(torch.randn(shape), rate)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_bad_values_are_placed(x: torch.Tensor, value: float) -> None:
    x[3, 1, 30] = value
    with pytest.raises(InputError, match=r"channel 'V1' of window 3 at 0\.300 s"):
        make(front_end=CanonicalPhase()).embed(x)


def test_missing_samples_are_masked_where_front_end_and_encoder_know_them(x: torch.Tensor) -> None:
    model, holed = make(), x.clone()
    holed[:, :, 20:30] = torch.nan
    assert model.takes_gaps
    assert not make(front_end=CanonicalPhase()).takes_gaps
    assert not Model(WINDOWS, nn.Sequential(Standardize(), nn.Flatten()), SCHEMA).takes_gaps
    found = model.embed(holed).all
    assert found.isfinite().all()
    assert (found != model.embed(x).all).any()
    torch.testing.assert_close(model.embed(holed.double(), rate=100.0).all, found)
    for bad in (torch.inf, torch.nan):
        holed[2] = bad
        with pytest.raises(InputError, match="window 2"):
            model.embed(holed)


def test_another_rate_keeps_what_is_missing() -> None:
    model, fast = make(), np.random.default_rng(0).standard_normal((3, 2, 120))
    fast[:, 1, 40:60] = np.nan
    slow = model.preprocessing.windows(fast, 200.0, missing=True)
    assert slow.isnan().nonzero()[:, 2].unique().tolist() == list(range(20, 30))
    assert model.embed(fast, rate=200.0).all.isfinite().all()


def test_a_flat_window_is_embedded() -> None:
    assert torch.isfinite(make().embed(torch.zeros(2, 2, 60)).all).all()


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (ConvEncoder(2, 60, 7), r"latents .*\(7, 7\).* 8"),
        (nn.LSTM(60, 8), "encoder gave"),
    ],
)
def test_an_encoder_that_does_not_fit_the_schema_is_refused(
    x: torch.Tensor, encoder: nn.Module, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Model(WINDOWS, encoder, SCHEMA).embed(x)


def test_parts_of_another_schema_are_refused() -> None:
    other = LatentSchema(Block("shape", 5), Block("detail", 3))
    with pytest.raises(InputError, match="block heads"):
        Model(WINDOWS, BlockHeads(ConvEncoder(2, 60), other), SCHEMA)
    with pytest.raises(InputError, match="head 'beat'"):
        make(heads={"beat": LinearHead(other, ["shape"], ["N", "V"])})
    with pytest.raises(InputError, match="not an identifier"):
        make(heads={"../beat": LinearHead(SCHEMA, ["shape"], ["N", "V"])})


# --- heads and decoder


def test_predictions_are_probabilities_of_named_classes(x: torch.Tensor) -> None:
    model = make()
    found = model.predict(x, batch=2)["beat"]
    assert found.classes == ("N", "S", "V")
    torch.testing.assert_close(found.probabilities.sum(dim=1), torch.ones(7))
    expected = model.heads["beat"](model.embed(x).all).argmax(dim=1)
    assert found.labels.tolist() == [found.classes[i] for i in expected]


def test_reconstructions_are_windows(x: torch.Tensor) -> None:
    model = make()
    y = model.reconstruct(x, batch=2)
    assert y.shape == x.shape
    torch.testing.assert_close(y, model.decoder(model(x)).detach())


def test_what_a_model_does_not_have_is_said(x: torch.Tensor) -> None:
    bare = make(heads=None, decoder=None)
    with pytest.raises(InputError, match="no heads"):
        bare.predict(x)
    with pytest.raises(InputError, match="no decoder"):
        bare.reconstruct(x)


# --- preparing recordings


def test_a_recording_is_resampled_filtered_and_cut() -> None:
    signal = np.random.default_rng(0).standard_normal((2, 3600)).astype(np.float32)
    windows = make().prepare(signal, 360.0)
    whole = signals.bandpass(signals.resample(signal, 360.0, 100.0), 100.0, 0.5, 40.0)
    assert windows.shape == (16, 2, 60)
    assert windows.dtype == torch.float32
    np.testing.assert_array_equal(windows[3], whole[:, 180:240])
    half = make().prepare(signal, 360.0, step_s=0.3)
    np.testing.assert_array_equal(half[1], whole[:, 30:90])
    assert make().embed(windows).all.shape == (16, 8)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1000), r"\(2, time\) .*MLII, V1"),
        ((4, 2, 60), r"needs \(2, time\)"),
        ((2, 50), r"0\.5 s, .*0\.6 s"),
    ],
)
def test_other_recordings_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().prepare(np.random.default_rng(0).standard_normal(shape), 100.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0}, {"rate": "fast"}, {"rate": True}, {"rate": float("nan")}, {"length": 2.5},
        {"length": -1}, {"low": 0}, {"high": "none"}, {"channels": (1, 2)}, {"phase": "linear"},
    ],
)  # fmt: skip
def test_impossible_preprocessing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"preprocessing got {next(iter(wrong))}"):
        Preprocessing(**{"rate": 100.0, "channels": ("a",), "length": 50, **wrong})


def test_a_model_needs_channels_and_a_length() -> None:
    for form in (Preprocessing(100.0, (), 60), Preprocessing(100.0, ("a",))):
        with pytest.raises(InputError, match="a model needs"):
            Model(form, nn.Identity(), SCHEMA)


# --- ONNX


def test_an_exported_model_gives_the_same_blocks(tmp_path: Path) -> None:
    """Its names, metadata and free batch; test_export has every kind of layer that we make."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    gated = LatentSchema(Block("shape", 5, gate=BernoulliGate(prior=0.7)), Block("detail", 3))
    encoder = nn.Sequential(Standardize(), nn.Tanh(), BlockHeads(ConvEncoder(2, 60), gated))
    model = Model(WINDOWS, encoder, gated)
    model.train()  # of Tanh nobody knows what it does with gaps, so they are refused
    model.export(tmp_path / "m.onnx")
    assert model.encoder.training
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert [output.name for output in session.get_outputs()] == ["shape", "detail"]
    told = session.get_modelmeta().custom_metadata_map
    assert (told["rate"], told["missing"], told["filters"]) == ("100", "refuse", "null")
    for n in (1, 9):  # the batch is free
        x = torch.randn(n, 2, 60)
        shape, detail = session.run(["shape", "detail"], {"signals": x.numpy()})
        expected = model.embed(x)
        np.testing.assert_allclose(shape, expected["shape"], atol=1e-4)
        assert ((shape > 0) == (expected["shape"] > 0).numpy()).all()  # gates open alike
        np.testing.assert_allclose(detail, expected["detail"], atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "m_stream.py"]


def test_what_onnx_cannot_express_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **settings: object) -> None:
        raise RuntimeError("no operator aten::strange\nand a hundred lines")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(InputError, match=r"ONNX .*aten::strange\)"):
        make().export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'triptych\[onnx\]'"):
        make().export(tmp_path / "m.onnx")
