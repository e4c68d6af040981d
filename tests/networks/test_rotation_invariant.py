"""Front-ends for tri-axial sensors: what a rotation must not change, and what it must."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.networks import (
    FrontEnd,
    GravityAligned,
    RotationInvariants,
    Scaled,
    Standardize,
)
from triptych.transforms import AxisMirror, Rotation

EXACT = [RotationInvariants(), GravityAligned()]
seeds = st.integers(0, 2**16)


def motion(n: int = 6, sensors: int = 1, gravity: float = 1.0, time: int = 100) -> Tensor:
    """Smooth, lopsided motion around gravity of random direction, float64."""
    noise = torch.randn(n, 3 * sensors, time + 4, dtype=torch.float64)
    smooth = nn.functional.avg_pool1d(noise, 5, 1)
    up = nn.functional.normalize(torch.randn(n, 3 * sensors, 1, dtype=torch.float64), dim=1)
    return gravity * up + 0.5 * smooth + 0.3 * smooth.square()


def haar(x: Tensor, seed: int = 0) -> Tensor:
    """Each window under its own rotation, by QR: independent of triptych's transforms."""
    generator = torch.Generator().manual_seed(seed)
    q, r = torch.linalg.qr(torch.randn(len(x), 3, 3, dtype=torch.float64, generator=generator))
    q = q * torch.sign(r.diagonal(dim1=1, dim2=2))[:, None]
    q[:, :, 0] *= torch.det(q)[:, None]
    return (q[:, None].to(x.dtype) @ x.unflatten(1, (-1, 3))).flatten(1, 2)


@pytest.mark.parametrize("exact", EXACT, ids=lambda module: type(module).__name__)
@pytest.mark.parametrize("sensors", [1, 2, 3])
@pytest.mark.parametrize("gravity", [1.0, 0.0])
@given(seed=seeds)
@settings(max_examples=5)
def test_a_rotation_changes_nothing(
    exact: FrontEnd, sensors: int, gravity: float, seed: int
) -> None:
    torch.manual_seed(seed)
    x = motion(sensors=sensors, gravity=gravity)
    if gravity == 0:
        x = x - x.mean(dim=2, keepdim=True)
    y = exact(x)
    torch.testing.assert_close(exact(haar(x, seed)), y, atol=1e-6, rtol=0)
    assert y.shape[1:] == exact.shape(3 * sensors, 100)
    assert y.std(dim=2).max() > 0.1


@pytest.mark.parametrize("exact", EXACT, ids=lambda module: type(module).__name__)
def test_float32_is_exact_to_a_hundredth_of_a_channel(exact: FrontEnd) -> None:
    x = motion(200, 2)
    found = exact(haar(x).float())
    assert found.dtype == torch.float32
    difference = (found - exact(x.float())).abs().amax(dim=(1, 2))
    assert difference.median() < 1e-5
    assert difference.max() < 1e-2


@pytest.mark.parametrize("exact", EXACT, ids=lambda module: type(module).__name__)
def test_lower_precision_is_computed_in_float32(exact: FrontEnd) -> None:
    x = motion().to(torch.bfloat16)
    assert exact(x).dtype == torch.bfloat16
    assert torch.equal(exact(x), exact(x.float()).to(torch.bfloat16))
    y = exact(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(exact(x.float()), y)


@pytest.mark.parametrize("exact", [*EXACT, Scaled()], ids=lambda module: type(module).__name__)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_still_windows_have_finite_values_and_gradients(exact: FrontEnd, value: float) -> None:
    for dtype in (torch.float32, torch.float64):
        x = torch.full((2, 6, 50), value, dtype=dtype, requires_grad=True)
        y = exact(x)
        y.square().sum().backward()
        assert y.isfinite().all()
        assert x.grad is not None
        assert x.grad.isfinite().all()


@pytest.mark.parametrize("exact", EXACT, ids=lambda module: type(module).__name__)
def test_gradients_are_right(exact: FrontEnd) -> None:
    torch.manual_seed(1)
    x = motion(1, 2, time=8).requires_grad_()
    assert torch.autograd.gradcheck(exact, (x,), eps=1e-6, atol=1e-4)


@pytest.mark.parametrize("sensors", [1, 2])
def test_gravity_as_the_unit_makes_gain_exact_too(sensors: int) -> None:
    torch.manual_seed(0)
    x, gain = motion(sensors=sensors), torch.tensor([0.5, 1.5, 4.0, 9.81, 1e-3, 1.0])[:, None, None]
    plain, exact = RotationInvariants(), RotationInvariants(per_gravity=True)
    torch.testing.assert_close(exact(haar(gain * x)), exact(x), atol=1e-6, rtol=0)
    assert (plain(gain * x) - plain(x)).abs().amax() > 1
    unit = x / x[:, :3].mean(dim=2).norm(dim=1)[:, None, None]
    torch.testing.assert_close(exact(x), plain(unit))
    assert exact(torch.zeros(1, 3 * sensors, 50)).isfinite().all()


# The channels of RotationInvariants


def test_channels_are_the_documented_formulas() -> None:
    """Sample by sample, in the sensor's frame, from the table in the docstring."""
    x = motion(1, 3)[0]
    a, w, v = (x[i : i + 3].T for i in (0, 3, 6))
    cross, norm = torch.linalg.cross, torch.linalg.vector_norm
    mean = a.mean(0)
    c = a - mean
    up = mean / (norm(mean) ** 2 + 0.02**2 * (a * a).sum(1).mean()).sqrt()
    rise = torch.tensor([0.0, *((a[t] - a[t - 1]) @ up for t in range(1, 100))]).double()
    h = c - (c @ up)[:, None] * up
    ways = [(weight[:, None] * h).mean(0) for weight in ((c * c).sum(1), c @ up, rise)]
    power, jerk = (c * c).sum(1), (torch.diff(c, dim=0) ** 2).sum() / 100
    bounds = [each * (h * h).sum(1).mean() for each in (power.square().mean(), power.mean(), jerk)]
    soft = [(norm(way) ** 2 + 0.02**2 * b).sqrt() for way, b in zip(ways, bounds, strict=True)]
    ways = [way / length for way, length in zip(ways, soft, strict=True)]
    covariance = c.T @ c / 100
    expected = []
    for t in (40, 99):
        change, before = a[t] - a[t - 1], a[t - 1] - a[t - 2]
        unit, last = a[t] / norm(a[t]), a[t - 1] / norm(a[t - 1])
        row = [
            (norm(a[t]) - 1) / 0.3,
            (a[t] @ up - 0.9) / 0.4,
            (norm(a[t] - (a[t] @ up) * up) - 0.3) / 0.3,
            (c[t] @ covariance @ c[t] / covariance.trace()).sqrt() / 0.3,
            norm(change) / 0.3,
            change @ up / 0.2,
            norm(unit - last) / 0.3,
            up @ cross(unit, change) / 0.15,
            unit @ cross(change, change - before) / (norm(change) + 0.1) / 0.15,
        ]
        row += [way @ a[t] / 0.3 for way in ways] + [up @ cross(way, a[t]) / 0.3 for way in ways]
        for s in (w, v):
            about = s[t] @ up
            row += [norm(s[t]), norm(s[t] - s[t - 1]) / 0.3, about, norm(s[t] - about * up)]
            row += [unit @ s[t], up @ cross(unit, s[t])]
            row += [way @ s[t] for way in ways] + [up @ cross(way, s[t]) for way in ways]
        expected.append(torch.stack([*row, v[t] @ w[t]]))
    found = RotationInvariants()(x[None])[0][:, [40, 99]]
    torch.testing.assert_close(found, torch.stack(expected, dim=1), atol=1e-9, rtol=1e-9)


def test_a_mirror_is_no_rotation() -> None:
    x = motion()
    mirror = AxisMirror()
    mirrored = mirror.apply(x, mirror.sample(6).double())
    difference = (RotationInvariants()(mirrored) - RotationInvariants()(x)).abs().amax(dim=(0, 2))
    assert difference[:7].max() < 1e-9  # norms and projections
    assert difference[7:9].min() > 0.1  # triple products


def test_windows_that_differ_stay_apart() -> None:
    """The failing side of an invariance: channels that are constant would pass every law."""
    y = RotationInvariants()(motion(50))
    assert (y.std(dim=(0, 2)) > 0.1).all()


def test_channels_fade_where_there_is_no_direction() -> None:
    """Without a jump: as gravity goes to 0, the vertical channels do."""
    x = motion(4)
    x = x - x.mean(dim=2, keepdim=True)
    up = torch.tensor([0.0, 0.0, 1.0]).double()[:, None]
    sizes = [float(RotationInvariants()(x + g * up)[:, 5].square().mean()) for g in (0, 1e-3, 1)]
    assert sizes[0] < 1e-9
    assert sizes[0] < sizes[1] < sizes[2]


# GravityAligned


def test_the_mean_comes_to_the_z_axis_and_turns_are_proper() -> None:
    x = motion(6, 2)
    y = GravityAligned()(x)
    mean = y[:, :3].mean(dim=2)
    torch.testing.assert_close(mean[:, :2], torch.zeros(6, 2).double(), atol=1e-9, rtol=0)
    assert (mean[:, 2] > 0).all()
    frames = GravityAligned().frames(x[:, :3])
    torch.testing.assert_close(frames.det(), torch.ones(6).double())
    torch.testing.assert_close(frames.mT @ x[:, 3:], y[:, 3:])


def test_a_window_that_is_canonical_stays_as_it_is() -> None:
    y = GravityAligned()(motion())
    torch.testing.assert_close(GravityAligned()(y), y)


def test_motion_that_goes_with_the_vertical_comes_to_the_x_axis() -> None:
    phase = torch.linspace(0, 8 * math.pi, 101).double()[:-1]
    bounce, sideways = phase.cos(), (phase / 2).sin()
    x = torch.stack([0.1 * sideways, 0.3 * bounce, 1 + 0.3 * bounce])[None]
    y = GravityAligned()(haar(x))[0]
    torch.testing.assert_close(y[0], 0.3 * bounce, atol=1e-6, rtol=0)
    torch.testing.assert_close(y[1], -0.1 * sideways, atol=1e-6, rtol=0)


def test_ambiguous_windows_are_turned_upright_all_the_same() -> None:
    """The documented limit: motion the same from the front and from behind has no forward."""
    phase = torch.linspace(0, 8 * math.pi, 101).double()[:-1]
    x = torch.stack([phase.sin(), torch.zeros_like(phase), torch.full_like(phase, 2.0)])[None]
    front, back = GravityAligned()(x), GravityAligned()(x * torch.tensor([[[-1.0], [-1.0], [1]]]))
    torch.testing.assert_close(front[:, 2], back[:, 2])
    assert not torch.allclose(front, back)


# Scaled


def test_scaling_commutes_with_rotations_and_standardising_does_not() -> None:
    x = motion(6, 2)
    for module in (Scaled(), Scaled(scales=(2.0,)), Scaled(scales=(1.0, 2.0))):
        torch.testing.assert_close(module(haar(x)), haar(module(x)))
    assert not torch.allclose(Standardize()(haar(x)), haar(Standardize()(x)), atol=0.1)
    torch.testing.assert_close(Scaled(scales=(1.0, 2.0))(x)[:, 3:], x[:, 3:] / 2)


@pytest.mark.parametrize(
    ("module", "channels", "message"),
    [
        (Scaled(scales=(1.0, 2.0)), 3, "2 scales"),
        (GravityAligned(), 4, "4 channels"),
        (RotationInvariants(), 1, "1 channels"),
    ],
)
def test_channels_that_do_not_fit_are_refused(
    module: FrontEnd, channels: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        module(torch.randn(2, channels, 10))


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, -1.0), (math.nan,)])
def test_impossible_scales_are_refused(scales: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="above 0"):
        Scaled(scales=scales)


@pytest.mark.parametrize(
    "module", [Scaled(), RotationInvariants(scales=(2.0, 1.0)), GravityAligned(scales=(2.0,))]
)
def test_settings_rebuild_the_front_end(module: FrontEnd) -> None:
    again = type(module)(**json.loads(json.dumps(module.settings)))
    x = motion(2, 2).float()
    assert torch.equal(module(x), again(x))
    assert module.raw
    assert not module.state_dict()


def test_they_agree_with_the_transform_of_the_study() -> None:
    x, rotation = motion(sensors=2), Rotation()
    theta = nn.functional.normalize(rotation.sample(6).double(), dim=1)
    for exact in EXACT:
        torch.testing.assert_close(exact(rotation.apply(x, theta)), exact(x), atol=1e-6, rtol=0)
