"""Missing samples in front-ends and encoders: out of every mean, and out of the pooling."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from triptych.latent import Block, BlockHeads, LatentSchema, TwoEncoders
from triptych.networks import (
    CanonicalPhase,
    ConvEncoder,
    PowerSpectrum,
    ResNetEncoder,
    Standardize,
    front_end,
)
from triptych.networks import encoder as named
from triptych.networks.abilities import takes_gaps
from triptych.networks.encoder import WhatAndWhere
from triptych.networks.guaranteed import GuaranteedEncoder
from triptych.transforms import Gaps, Rotation

TIME = 101
ENCODERS = {
    "conv": lambda: ConvEncoder(3, TIME, widths=(8, 16), kernels=(7, 5), strides=(4, 2)),
    "described": lambda: ConvEncoder(
        3, TIME, widths=(8,), kernels=(5,), strides=(2,), statistics=6
    ),
    "resnet": lambda: ResNetEncoder(3, TIME, widths=(8, 16)),
    "guaranteed": lambda: GuaranteedEncoder(
        3, TIME, raw=1, widths=(8,), kernels=(5,), strides=(2,)
    ),
}
ROTATING = ("rotation_invariants", "gravity_aligned", "vqf", "second_order", "invariants_beside")

RATE = {"vqf": {"rate": 50.0}}


def signals(seed: int = 0, n: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, TIME, generator=generator) * 2 + torch.tensor([0, 1, 9.0])[:, None]


def holed(x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    case = Gaps()
    return case.apply(x, case.sample(len(x), torch.Generator().manual_seed(seed)))


@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_standardising_is_over_what_is_present(seed: int) -> None:
    x = holed(signals(seed), seed)
    found = Standardize()(x)
    assert torch.equal(found.isnan(), x.isnan())
    torch.testing.assert_close(found.nanmean(dim=2), torch.zeros(5, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.square().nanmean(dim=2), torch.ones(5, 3), atol=1e-4, rtol=0)
    torch.testing.assert_close(Standardize()(3 * x + 5), found, atol=1e-4, rtol=0, equal_nan=True)


@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_pooling_leaves_steps_out_that_are_missing(seed: int) -> None:
    torch.manual_seed(seed)
    encoder = WhatAndWhere(nn.Sequential(), 3, 25, 2, 0, stride=4)
    encoder.stack = nn.Sequential(nn.AvgPool2d((1, 4)))  # what a step sees is known exactly
    x = signals(seed)[..., :100]
    x[:, :, 40:60] = torch.nan
    kept = torch.cat([x[..., :40], x[..., 60:]], dim=2).unflatten(2, (20, 4)).mean(dim=3)
    found = encoder.read(x)
    torch.testing.assert_close(found[:, :3], kept.mean(dim=2))
    torch.testing.assert_close(found[:, 3:6], kept.amax(dim=2))
    where = found[:, 6:].unflatten(1, (2, 25))
    assert (where[:, :, 10:15] == 0).all()
    x[:, :, :] = torch.nan
    x[:, 0, 41] = 1.0  # one channel's sample is enough for a step
    torch.testing.assert_close(encoder.read(x)[:, 0], torch.full((5,), 0.25))


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_give_numbers_and_gradients_beside_gaps(name: str) -> None:
    torch.manual_seed(0)
    encoder = ENCODERS[name]()
    x = holed(signals()).requires_grad_()
    features = encoder(Standardize()(x))
    assert features.isfinite().all()
    features.square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_window_without_any_sample_is_no_extreme_one(name: str) -> None:
    torch.manual_seed(0)
    # one dead sensor of two is enough behind a front-end that sees them together
    front, x = front_end("rotation_invariants"), torch.cat([signals(), signals(1)], dim=1)
    x[0, 3:] = torch.nan
    channels = front.shape(6, TIME)[0]
    raw = {"raw": 1} if name == "guaranteed" else {}
    if name == "described":
        name, raw = "conv", {"statistics": 6}
    encoder = named(name, channels=channels, length=TIME, **raw)
    found = encoder(front(x)).detach().abs().amax(dim=1)
    assert float(found[0]) < 10 * float(found[1:].max())


@pytest.mark.parametrize("name", ENCODERS)
def test_windows_without_gaps_are_not_touched_by_those_with(name: str) -> None:
    torch.manual_seed(0)
    encoder, x = ENCODERS[name](), signals()
    mixed = torch.cat([Standardize()(x), Standardize()(holed(x))])
    torch.testing.assert_close(encoder(mixed)[:5], encoder(Standardize()(x)))


@pytest.mark.parametrize("name", ROTATING)
def test_rotation_front_ends_keep_gaps_and_their_guarantee(name: str) -> None:
    front, x = front_end(name, **RATE.get(name, {})), holed(signals() / 9)
    found = front(x)
    gone = x.isnan().any(dim=1)
    assert torch.equal(found.isnan().all(dim=1), gone)
    assert torch.equal(found.isnan().any(dim=1), gone)
    if name in ("rotation_invariants", "gravity_aligned"):
        turn = Rotation()
        turned = turn.apply(x, turn.sample(5, torch.Generator().manual_seed(1)))
        torch.testing.assert_close(front(turned), found, atol=2e-3, rtol=0, equal_nan=True)


def test_who_knows_missing_samples() -> None:
    conv, schema = ENCODERS["conv"](), LatentSchema(Block("a", 4))
    assert takes_gaps(nn.Sequential(Standardize()), BlockHeads(conv, schema))
    assert takes_gaps(nn.Sequential(), nn.Sequential(Standardize(), conv, nn.Linear(1, 1)))
    assert takes_gaps(TwoEncoders(conv, conv))
    assert all(takes_gaps(front_end(name, **RATE.get(name, {})), conv) for name in ROTATING)
    for other in (
        [nn.Sequential(Standardize(), CanonicalPhase()), conv],
        [nn.Sequential(Standardize(), PowerSpectrum(100.0)), conv],
        [Standardize(), nn.Flatten()],
        [TwoEncoders(conv, nn.Flatten())],
        [BlockHeads(nn.Flatten(), schema, features=3)],
        [Standardize()],
    ):
        assert not takes_gaps(*other)
