"""Encoders: shapes, refusals, no batch statistics, features that know what and where."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from triptych.errors import InputError
from triptych.networks import BlurEncoder, ConvEncoder, ResNetEncoder, Standardize
from triptych.networks.blur import BlurPool

ENCODERS = [ConvEncoder, BlurEncoder, ResNetEncoder]
BATCH_STATISTICS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize(("channels", "length"), [(1, 400), (3, 100), (6, 333), (2, 41)])
def test_features_and_latents_have_the_promised_shape(
    kind: type[ConvEncoder], channels: int, length: int
) -> None:
    x = torch.randn(4, channels, length)
    trunk = kind(channels, length)
    assert trunk(x).shape == (4, trunk.features)
    assert kind(channels, length, 12)(x).shape == (4, 12)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("shape", [(4, 2, 400), (4, 1, 399), (1, 400), (4, 1, 1, 400)])
def test_other_shapes_are_refused(kind: type[ConvEncoder], shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"built for \(n, 1, 400\)"):
        kind(1, 400)(torch.randn(shape))


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_window_is_encoded_as_if_alone(kind: type[ConvEncoder]) -> None:
    """GroupNorm only: one window's latents do not depend on the others, nor on the mode."""
    encoder = kind(2, 120, 8).double()
    assert not any(isinstance(part, BATCH_STATISTICS) for part in encoder.modules())
    x = torch.randn(5, 2, 120, dtype=torch.float64)
    together = encoder.train()(x)
    alone = torch.cat([encoder.eval()(each[None]) for each in x])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_same_seed_gives_the_same_encoder(kind: type[ConvEncoder]) -> None:
    x = torch.randn(3, 1, 80)
    latents = []
    for _ in range(2):
        torch.manual_seed(7)
        latents.append(kind(1, 80, 4)(x))
    assert torch.equal(*latents)


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_weight_learns(kind: type[ConvEncoder]) -> None:
    torch.manual_seed(0)
    encoder = kind(1, 80, 4)
    for part in encoder.modules():  # residual blocks begin as their shortcut
        if isinstance(part, nn.GroupNorm):
            nn.init.normal_(part.weight)
    encoder(torch.randn(6, 1, 80)).square().sum().backward()
    for name, value in encoder.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", ENCODERS)
def test_features_know_where(kind: type[ConvEncoder]) -> None:
    """The pooled part alone could hardly tell a pulse from the same pulse moved."""
    encoder = kind(1, 400)
    early, late = torch.zeros(2, 1, 400).unbind(0)
    early[0, 100:112], late[0, 260:272] = 1.0, 1.0
    difference = (encoder(early[None]) - encoder(late[None])).abs()[0]
    pooled = (
        encoder.features
        - encoder.where.out_channels
        * (encoder.where(encoder.stack(torch.zeros(1, 1, 1, 400))).shape[-1])
    )
    assert difference[pooled:].max() > 10 * difference[:pooled].mean()


@pytest.mark.parametrize("kind", ENCODERS)
def test_settings_rebuild_the_encoder(kind: type[ConvEncoder]) -> None:
    encoder = kind(2, 100, 6, widths=(16, 24) if kind is ResNetEncoder else (16, 24, 32, 40))
    settings = json.loads(json.dumps(encoder.settings))
    again = kind(**settings)
    again.load_state_dict(encoder.state_dict())
    x = torch.randn(2, 2, 100)
    assert torch.equal(encoder(x), again(x))


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(InputError, match="kernel=4, expected"):
        ResNetEncoder(1, 100, kernel=4)


def test_more_blocks_make_a_deeper_resnet() -> None:
    def size(blocks: int) -> int:
        return sum(value.numel() for value in ResNetEncoder(1, 100, blocks=blocks).parameters())

    assert size(2) > 1.5 * size(1)


# --- Standardize


def test_standardised_windows_have_mean_0_and_deviation_1() -> None:
    x = 3e3 + 20 * torch.randn(4, 2, 500)
    y = Standardize()(x)
    torch.testing.assert_close(y.mean(-1), torch.zeros(4, 2), atol=1e-3, rtol=0)
    torch.testing.assert_close(y.std(-1, correction=0), torch.ones(4, 2), atol=1e-3, rtol=0)


@pytest.mark.parametrize("gain", [1e-3, 0.5, 2.0, 1e4])
def test_gain_and_offset_change_nothing(gain: float) -> None:
    x = torch.randn(4, 2, 500)
    expected = Standardize()(x)
    torch.testing.assert_close(Standardize()(gain * (x + 3)), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("level", [0.0, 0.1, -1e6])
def test_a_constant_channel_becomes_zeros_with_finite_gradient(level: float) -> None:
    x = torch.full((1, 1, 100), level, requires_grad=True)
    y = Standardize()(x)
    assert y.abs().max() < 1e-3
    y.sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [0.0, 1e-4, 1.0, 2000.0])
def test_half_precision_holds_what_float32_does(dtype: torch.dtype, size: float) -> None:
    x = (size * torch.randn(4, 2, 500, generator=torch.Generator().manual_seed(0))).to(dtype)
    y = Standardize()(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y, Standardize()(x.float()).to(dtype))
    assert torch.isfinite(y).all()


def test_even_kernels_are_refused() -> None:
    with pytest.raises(InputError, match=r"kernels=\[16, 8, 4, 4\], .*odd"):
        ConvEncoder(1, 400, kernels=(16, 8, 4, 4))


def test_a_blur_makes_maps_follow_a_shift() -> None:
    torch.manual_seed(0)
    plain = ConvEncoder(1, 256)
    blurred = BlurEncoder(1, 256)
    with torch.no_grad():
        for mine, theirs in zip(blurred.parameters(), plain.parameters(), strict=True):
            mine.copy_(theirs)
    white = torch.randn(16, 1, 259)
    x = torch.nn.functional.avg_pool1d(white, 3, stride=1)
    assert blurred(x[..., 1:]).shape == plain(x[..., 1:]).shape

    def moved(made: ConvEncoder) -> float:
        """How far a shift of one sample moves the pooled means, beside what samples differ."""
        a, b = (made(each)[:, :96].detach() for each in (x[..., 1:], x[..., :-1]))
        return float((a - b).square().mean() / (a - a.roll(1, 0)).square().mean())

    assert moved(blurred) < 0.5 * moved(plain)
    pool = BlurPool(3, 4)
    torch.testing.assert_close(pool(torch.ones(2, 3, 1, 9)), torch.ones(2, 3, 1, 3))
