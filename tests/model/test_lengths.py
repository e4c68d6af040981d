"""Windows of other lengths than a model was trained on: who takes them, and who says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema, LinearHead, TwoEncoders
from triptych.model import Model, Preprocessing
from triptych.networks import (
    AlignedPeak,
    CanonicalPhase,
    ConvDecoder,
    ConvEncoder,
    PowerSpectrum,
    ResNetEncoder,
    Standardize,
    front_end,
)
from triptych.networks.guaranteed import GuaranteedEncoder
from triptych.transforms import Gaps, PhaseShift

SCHEMA = LatentSchema(Block("shape", 5, invariant_to="phase_shift"), Block("detail", 3))
SMALL = {"widths": (8, 16), "kernels": (7, 5), "strides": (4, 2)}


def make(trunk: nn.Module | None = None, *front: nn.Module, length: int = 80) -> Model:
    torch.manual_seed(0)
    trunk = trunk or ConvEncoder(1, length, where=0, **SMALL)  # pyright: ignore[reportArgumentType]
    return Model(
        Preprocessing(100.0, ("a",), length),
        BlockHeads(trunk, SCHEMA),
        SCHEMA,
        front_end=nn.Sequential(*(front or [Standardize()])),
        heads={"beat": LinearHead(SCHEMA, ["shape"], ["N", "V"])},
        decoder=ConvDecoder(8, 1, length),
    ).eval()


def test_without_a_flattened_map_windows_of_any_length_are_embedded(tmp_path: Path) -> None:
    model = make()
    assert model.shortest == 1 + 6 + 4 * 4  # what one step of the map sees
    model.save(tmp_path / "m")
    again = Model.load(tmp_path / "m")
    for time in (23, 79, 80, 81, 800):
        x = torch.randn(3, 1, time)
        found = again.embed(x).all
        assert found.shape == (3, 8)
        assert torch.equal(found, model.embed(x).all)
        assert again.predict(x)["beat"].probabilities.shape == (3, 2)
    with pytest.raises(InputError, match=r"\(n, 1, 23 or more\)"):
        model.embed(torch.randn(3, 1, 22))
    with pytest.raises(InputError, match=r"windows \(n, 1, 80\)"):
        model.reconstruct(torch.randn(3, 1, 81))


def test_pooling_makes_a_longer_window_of_one_rhythm_the_same_to_the_model() -> None:
    time = torch.arange(1600) / 100
    x = torch.sin(2 * torch.pi * 2.5 * time)[None, None]
    model = make()
    short, long, longer = (model.embed(x[..., :n]).all for n in (80, 800, 1600))
    assert float((longer - long).norm()) < 0.2 * float((long - short).norm()) + 1e-3
    gaps = Gaps()
    holed = gaps.apply(x, gaps.at(0.2))
    assert model.embed(holed).all.isfinite().all()


def test_a_window_shorter_than_what_a_step_sees_is_taken_if_trained_on() -> None:
    assert make(ConvEncoder(1, 80, where=0)).shortest == 80
    assert make(ResNetEncoder(1, 80, where=0, widths=(8, 8))).shortest == 80
    assert make(ResNetEncoder(1, 4000, where=0, widths=(8,)), length=4000).shortest == 63


def test_the_length_is_fixed_where_something_depends_on_it() -> None:
    pooled = ConvEncoder(1, 80, where=0)
    for fixed in (
        make(ConvEncoder(1, 80)),
        make(pooled, Standardize(), CanonicalPhase()),
        make(ConvEncoder(1, 32, where=0), Standardize(), PowerSpectrum(100.0)),
        make(TwoEncoders(pooled, ConvEncoder(1, 80))),
    ):
        assert fixed.shortest is None
        with pytest.raises(InputError, match=r"windows \(n, 1, 80\)"):
            fixed.embed(torch.randn(2, 1, 81))
        with pytest.raises(InputError, match="80 samples"):
            fixed.with_length(1.6)
    for free in (
        make(pooled, Standardize(), AlignedPeak(100.0)),
        make(TwoEncoders(pooled, ConvEncoder(1, 80, where=0, **SMALL))),  # pyright: ignore
    ):
        assert free.shortest == 80
        assert free.embed(torch.randn(2, 1, 200)).all.shape == (2, 8)
    trunk = GuaranteedEncoder(15 + 54, 80, raw=54, where=0, widths=(8,), kernels=(5,), strides=(2,))
    before = front_end("invariants_beside")
    imu = Model(
        Preprocessing(50.0, ("x", "y", "z"), 80),
        BlockHeads(trunk, SCHEMA),
        SCHEMA,
        front_end=before,
    )
    assert imu.embed(torch.randn(2, 3, 123)).all.shape == (2, 8)


def test_why_a_canonical_phase_and_a_spectrum_fix_the_length() -> None:
    """At any length a circular shift is removed, but other frequencies lead in a longer window."""
    ring, front = PhaseShift(0.2, 100.0, mode="circular"), CanonicalPhase()
    time = torch.arange(1000, dtype=torch.float64) / 100
    x = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (2.0, 3.0)])[:, None]
    for n, exact in ((100, True), (1000, False)):  # 2 Hz is harmonic 2, and harmonic 20
        moved = ring.apply(x[..., :n], torch.full((2, 1), 0.07))
        assert torch.allclose(front(moved), front(x[..., :n]), atol=1e-6) is exact
    assert PowerSpectrum(100.0).shape(1, 80) != PowerSpectrum(100.0).shape(1, 160)


def test_a_model_for_another_length_shares_its_weights() -> None:
    model = make()
    long = model.with_length(1.6)
    assert long.preprocessing.length == 160
    assert model.with_length(0.8) is model
    assert long.encoder is model.encoder
    assert long.decoder is None
    recording = np.random.default_rng(0).standard_normal((1, 1000))
    assert long.prepare(recording, 100.0).shape == (6, 1, 160)
    with pytest.raises(InputError, match="23 or more"):
        model.with_length(0.1)
