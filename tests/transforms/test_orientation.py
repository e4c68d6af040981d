"""Rotations: uniformity, geometry, group laws on signals; and mirrored axes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation as Reference

from triptych.errors import InputError
from triptych.transforms import AxisMirror, Rotation, rotations
from triptych.transforms.rotations import cube

KINDS = ["so3", "cube24", "tilt", "yaw"]
seeds = st.integers(0, 10_000)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def signals(n: int = 5, channels: int = 6, seed: int = 0) -> torch.Tensor:
    """Noise around an offset of random direction, so that every window has a vertical."""
    g = generator(seed)
    x = torch.randn(n, channels, 40, generator=g, dtype=torch.float64)
    return x + 3 * torch.randn(n, channels, 1, generator=g, dtype=torch.float64)


def vertical(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(x[:, :3].mean(2), dim=1)


# Distribution


def test_haar_moments() -> None:
    n = 40_000
    R = Rotation().matrices(Rotation().sample(n, generator(0))).double()
    flat = R.reshape(n, 9)
    # E R = 0; E R_ij R_kl = 1/3 where (i, j) = (k, l), else 0
    assert flat.mean(0).abs().max() < 4.5 * (1 / 3 / n) ** 0.5
    second = flat.T @ flat / n
    assert (second - torch.eye(9) / 3).abs().max() < 0.012


def test_haar_angles_have_their_density() -> None:
    rotation = Rotation()
    params = rotation.sample(5000, generator(1))
    angle = torch.deg2rad(rotation.distance(params, rotation.identity(5000))).numpy()
    # density (1 - cos a) / π on 0..π
    assert scipy.stats.kstest(angle, lambda a: (a - np.sin(a)) / np.pi).pvalue > 0.001


def test_haar_columns_are_uniform_on_the_sphere() -> None:
    R = Rotation().matrices(Rotation().sample(5000, generator(2))).numpy()
    for column in range(3):
        v = R[:, :, column]
        # Archimedes: every coordinate is uniform, and so is the azimuth about any axis
        for axis in range(3):
            assert scipy.stats.kstest(v[:, axis], "uniform", (-1, 2)).pvalue > 0.001
        azimuth = np.arctan2(v[:, 1], v[:, 0])
        assert scipy.stats.kstest(azimuth, "uniform", (-np.pi, 2 * np.pi)).pvalue > 0.001


def test_a_sampler_that_is_not_haar_would_be_found() -> None:
    """The failing side: a uniform angle about a uniform axis is not uniform on SO(3)."""
    angle = np.random.default_rng(0).uniform(0, np.pi, 5000)
    assert scipy.stats.kstest(angle, lambda a: (a - np.sin(a)) / np.pi).pvalue < 1e-6


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_haar_characters_are_orthonormal(degree: int) -> None:
    """Peter and Weyl: under Haar, and no other law of the angle, χ_l has mean 0 and E χ_l² = 1."""
    n, rotation = 40_000, Rotation()
    angle = torch.deg2rad(rotation.distance(rotation.sample(n, generator(3)), rotation.identity(n)))
    character = 1 + 2 * sum((m * angle).cos() for m in range(1, degree + 1))
    assert abs(float(character.mean())) < 4.5 / n**0.5
    assert (
        abs(float(character.square().mean()) - 1) < 4.5 * float(character.square().std()) / n**0.5
    )


def test_turning_haar_rotations_leaves_their_law_as_it_is() -> None:
    """Invariance from both sides, of one coordinate that is not symmetrical in itself."""
    rotation, n = Rotation(), 5000
    fixed = rotation.sample(1, generator(9)).repeat(n, 1)
    a, b = rotation.sample(n, generator(4)), rotation.sample(n, generator(5))
    for moved in (rotation.compose(a, fixed), rotation.compose(fixed, a)):
        for row, column in ((0, 1), (2, 2)):
            first, second = (rotation.matrices(q)[:, row, column].numpy() for q in (moved, b))
            assert scipy.stats.ks_2samp(first, second).pvalue > 0.001


def test_cube24_has_the_24_proper_rotations_equally_often() -> None:
    R = Rotation("cube24").matrices(cube())
    assert len(R.round().unique(dim=0)) == 24
    assert torch.allclose(R.det(), torch.ones(24))
    torch.testing.assert_close(R, R.round(), rtol=0, atol=1e-6)
    params = Rotation("cube24").sample(24_000, generator(0))
    which = torch.cdist(params, cube()).argmin(1)
    assert scipy.stats.chisquare(np.bincount(which.numpy())).pvalue > 0.001


def test_tilt_axes_are_horizontal_and_uniform_and_angles_within_the_limit() -> None:
    tilt, x = Rotation("tilt"), signals(5000)
    params = tilt.sample(5000, generator(0))
    angle = tilt.distance(params, tilt.identity(5000)).numpy()
    assert scipy.stats.kstest(angle, "uniform", (0, 30)).pvalue > 0.001
    azimuth = torch.atan2(params[:, 1], params[:, 0]).numpy()
    assert scipy.stats.kstest(azimuth, "uniform", (-np.pi, 2 * np.pi)).pvalue > 0.001
    before, after = vertical(x), vertical(tilt.apply(x, params))
    # a rotation about a horizontal axis turns the vertical by its whole angle
    turned = torch.rad2deg((before * after).sum(1).clamp(-1, 1).acos())
    np.testing.assert_allclose(turned, angle, atol=1e-3)


@settings(max_examples=20)
@given(seed=seeds)
def test_yaw_keeps_the_mean_and_turns_the_horizontal_by_its_angle(seed: int) -> None:
    yaw, x = Rotation("yaw"), signals(seed=seed)
    params = yaw.sample(5, generator(seed))
    y = yaw.apply(x, params)
    torch.testing.assert_close(y[:, :3].mean(2), x[:, :3].mean(2), rtol=1e-9, atol=1e-9)
    turn = Reference.from_rotvec(
        torch.deg2rad(params.double()).numpy() * vertical(x).numpy()
    ).as_matrix()
    np.testing.assert_allclose(yaw.matrices(params, x), turn, atol=1e-9)


# Laws on signals


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(seed=seeds)
def test_norms_and_angles_between_sensors_are_kept(kind: str, seed: int) -> None:
    rotation, x = Rotation(kind), signals(seed=seed)
    y = rotation.apply(x, rotation.sample(5, generator(seed)))
    a, g, a_, g_ = x[:, :3], x[:, 3:], y[:, :3], y[:, 3:]
    torch.testing.assert_close(a_.norm(dim=1), a.norm(dim=1))
    torch.testing.assert_close(g_.norm(dim=1), g.norm(dim=1))
    torch.testing.assert_close((a_ * g_).sum(1), (a * g).sum(1))
    # proper: the triple product keeps its sign
    triple = torch.linalg.cross(a, g, dim=1), torch.linalg.cross(a_, g_, dim=1)
    torch.testing.assert_close(
        (triple[1] * y[:, :3].roll(1, 2)).sum(1), (triple[0] * x[:, :3].roll(1, 2)).sum(1)
    )


@pytest.mark.parametrize("kind", ["so3", "cube24", "yaw"])
@settings(max_examples=20)
@given(seed=seeds)
def test_rotations_compose_and_invert_on_signals(kind: str, seed: int) -> None:
    rotation, x, g = Rotation(kind), signals(seed=seed), generator(seed)
    a, b = rotation.sample(5, g).double(), rotation.sample(5, g).double()
    once = rotation.apply(x, a)
    close = {"rtol": 0, "atol": 1e-5 if kind != "yaw" else 1e-9}
    torch.testing.assert_close(
        rotation.apply(once, b), rotation.apply(x, rotation.compose(a, b)), **close
    )
    torch.testing.assert_close(rotation.apply(once, rotation.inverse(a)), x, **close)
    torch.testing.assert_close(
        rotation.apply(once, rotation.relative(a, b)), rotation.apply(x, b), **close
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(seed=seeds)
def test_matrices_of_the_relative_lead_from_one_view_to_the_other(kind: str, seed: int) -> None:
    rotation, x, g = Rotation(kind), signals(seed=seed), generator(seed)
    a, b = rotation.sample(5, g), rotation.sample(5, g)
    R = rotation.matrices(rotation.relative(a, b), x)
    moved = R @ rotation.apply(x, a)[:, :3]
    torch.testing.assert_close(moved, rotation.apply(x, b)[:, :3], rtol=0, atol=1e-4)


@settings(max_examples=20)
@given(seed=seeds)
def test_distance_is_the_angle_of_scipy(seed: int) -> None:
    rotation = Rotation()
    a, b = rotation.sample(5, generator(seed)), rotation.sample(5, generator(seed + 1))
    reference = Reference.from_quat(b.numpy()) * Reference.from_quat(a.numpy()).inv()
    np.testing.assert_allclose(
        rotation.distance(a, b), np.degrees(reference.magnitude()), atol=1e-3
    )
    np.testing.assert_allclose(
        rotation.matrices(a), Reference.from_quat(a.numpy()).as_matrix(), atol=1e-6
    )


def test_distance_is_precise_near_zero_and_wraps_for_yaw() -> None:
    rotation = Rotation()
    half = math.radians(1e-3) / 2
    small = torch.tensor([[math.sin(half), 0.0, 0.0, math.cos(half)]])
    torch.testing.assert_close(rotation.distance(small, rotation.identity(1)), torch.tensor([1e-3]))
    assert (rotation.distance(small, -small) == 0).all()
    yaw = Rotation("yaw")
    a, b = torch.tensor([[-170.0]]), torch.tensor([[170.0]])
    torch.testing.assert_close(yaw.distance(a, b), torch.tensor([20.0]))
    torch.testing.assert_close(yaw.relative(a, b), torch.tensor([[-20.0]]))


@settings(max_examples=20)
@given(seed=seeds)
def test_frames_are_right_handed_with_the_mean_as_their_third_axis(seed: int) -> None:
    x = signals(seed=seed)
    frames = Rotation("tilt").frames(x)
    torch.testing.assert_close(frames.mT @ frames, torch.eye(3).double().expand(5, 3, 3))
    torch.testing.assert_close(frames.det(), torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(frames[:, :, 2], vertical(x))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_frames_at_the_poles_are_finite(sign: float) -> None:
    x = torch.zeros(1, 3, 10)
    x[:, 2] = sign
    frame = Rotation("yaw").frames(x)
    torch.testing.assert_close(frame[0, :, 2], torch.tensor([0.0, 0.0, sign]))
    torch.testing.assert_close(frame.det(), torch.ones(1))


def test_a_window_without_a_mean_falls_back_to_the_z_axis() -> None:
    x = torch.randn(2, 3, 50, dtype=torch.float64)
    x = x - x.mean(2, keepdim=True)
    x[1] = 0
    x.requires_grad_()
    params = torch.tensor([[90.0]])
    y = Rotation("yaw").apply(x, params)
    torch.testing.assert_close(y[:, 0], -x[:, 1])
    torch.testing.assert_close(y[:, 1], x[:, 0])
    y.sum().backward()
    assert x.grad.isfinite().all()


# Channels


def test_triads_in_any_order_and_other_channels_stay() -> None:
    x = signals(channels=7)
    params = Rotation().sample(5)
    y = Rotation(triads=((5, 0, 2), (1, 3, 6))).apply(x, params)
    R = Rotation().matrices(params).double()
    torch.testing.assert_close(y[:, [5, 0, 2]], R @ x[:, [5, 0, 2]], rtol=0, atol=1e-5)
    torch.testing.assert_close(y[:, [1, 3, 6]], R @ x[:, [1, 3, 6]], rtol=0, atol=1e-5)
    assert torch.equal(y[:, 4], x[:, 4])


def test_the_vertical_is_that_of_the_first_triad() -> None:
    x, params = signals(), torch.full((5, 1), 40.0)
    swapped = Rotation("yaw", triads=((3, 4, 5), (0, 1, 2))).apply(x, params)
    torch.testing.assert_close(swapped[:, 3:].mean(2), x[:, 3:].mean(2))
    assert not torch.allclose(swapped[:, :3].mean(2), x[:, :3].mean(2))


@pytest.mark.parametrize("make", [Rotation, AxisMirror])
def test_channels_that_are_no_triads_are_refused(make: type) -> None:
    transform = make()
    for channels in (1, 2, 4):
        with pytest.raises(InputError, match=rf"\(5, {channels}, 40\)"):
            transform.apply(signals(channels=channels), transform.sample(5))
    with pytest.raises(InputError, match=r"\(5, 4, 40\).*beyond the last, 3"):
        make(triads=((0, 1, 4),)).apply(signals(channels=4), transform.sample(5))
    for triads in [(), ((0, 1),), ((0, 1, 1),), ((0, 1, 2), (2, 3, 4)), ((-1, 0, 1),)]:
        with pytest.raises(InputError, match="groups of three"):
            make(triads=triads)


def test_settings_and_parameters_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="kind='roll'"):
        Rotation("roll")
    with pytest.raises(InputError, match="no max_angle"):
        Rotation("so3", max_angle=30)
    with pytest.raises(InputError, match="0 to 180"):
        Rotation("tilt", max_angle=200)
    with pytest.raises(InputError, match="unit quaternion"):
        Rotation().apply(signals(), torch.zeros(5, 4))
    with pytest.raises(InputError, match="finite angle"):
        Rotation("yaw").apply(signals(), torch.full((5, 1), math.nan))
    with pytest.raises(InputError, match="pass x"):
        Rotation("yaw").matrices(torch.zeros(5, 1))


# AxisMirror


def test_mirrors_are_improper_and_undo_themselves() -> None:
    mirror, x = AxisMirror(), signals()
    params = mirror.sample(5)
    y = mirror.apply(x, params)
    torch.testing.assert_close(y[:, :3], x[:, :3] * params[:, :, None])
    torch.testing.assert_close(y[:, 3:], x[:, 3:] * params[:, :, None])
    assert torch.equal(mirror.apply(y, mirror.inverse(params)), x)
    assert (params.prod(dim=1) == -1).all()
    assert (mirror.distance(params, mirror.identity(5)) == 1).all()


def test_mirrors_of_chosen_axes_only() -> None:
    params = AxisMirror(axes=(0, 2)).sample(400)
    assert (params[:, 1] == 1).all()
    assert len(params.unique(dim=0)) == 2
    with pytest.raises(InputError, match="axes=\\(3,\\)"):
        AxisMirror(axes=(3,))
    with pytest.raises(InputError, match="1 and -1"):
        AxisMirror().apply(signals(), torch.full((5, 3), 0.5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_rotation_stays_one_in_mixed_precision(kind: str) -> None:
    turn, x = Rotation(kind=kind), signals().float()
    params = turn.sample(len(x), generator(0))
    expected = turn.apply(x, params)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(turn.apply(x, params), expected)


def test_a_table_made_in_inference_mode_serves_training() -> None:
    rotations._entries.cache_clear()
    x, yaw = signals(), Rotation(kind="yaw")
    with torch.inference_mode():
        yaw.apply(x, yaw.sample(len(x)))
    x = x.requires_grad_()
    yaw.apply(x, yaw.sample(len(x))).sum().backward()
    assert x.grad is not None
