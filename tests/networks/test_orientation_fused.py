"""Sensor fusion: the filter step by step, what a mounting changes, and a sensor that turns."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from triptych.networks import GravityAligned, OrientationFusion
from triptych.networks.orientation_fused import low_pass, products, shortest_rotation, steps

RATE = 50.0


def recorded(seed: int, n: int = 3, time: int = 90) -> Tensor:
    """Acceleration around gravity, and rates of turning, float64."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, 6, time + 4, dtype=torch.float64, generator=generator)
    smooth = nn.functional.avg_pool1d(noise, 5, 1)
    up = nn.functional.normalize(torch.randn(n, 3, 1, dtype=torch.float64, generator=generator))
    gravity = torch.cat([up, torch.zeros_like(up)], dim=1)
    return gravity + 0.5 * smooth + 0.3 * smooth.square()


def mounted(x: Tensor, seed: int) -> Tensor:
    """Each window by a sensor that was mounted turned, by QR."""
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(len(x), 3, 3, dtype=torch.float64, generator=generator))
    q = q * torch.linalg.det(q)[:, None, None]
    return (q[:, None] @ x.unflatten(1, (-1, 3))).flatten(1, 2)


def step_by_step(acceleration: np.ndarray, rates: np.ndarray, tau: float) -> np.ndarray:
    """The published algorithm, sample by sample, by scipy's rotations and filter."""
    from scipy.signal import butter, lfilter, lfilter_zi
    from scipy.spatial.transform import Rotation

    b, a = butter(2, math.sqrt(2) / (2 * math.pi * tau), fs=RATE)
    turned, corrected = Rotation.identity(), Rotation.identity()
    seen: list[np.ndarray] = []
    found: list[np.ndarray] = []
    for k in range(acceleration.shape[1]):
        turned = turned * Rotation.from_rotvec(rates[:, k] / RATE)
        seen.append(turned.apply(acceleration[:, k]))
        start = math.ceil(tau * RATE)
        low = np.mean(seen[:start], axis=0)
        if k >= start:
            state = lfilter_zi(b, a)[:, None] * low
            low = lfilter(b, a, np.array(seen[start:]), axis=0, zi=state)[0][-1]
        x, y, z = corrected.apply(low / np.linalg.norm(low))
        w = math.sqrt((z + 1) / 2)
        corrected = Rotation.from_quat([y / (2 * w), -x / (2 * w), 0, w]) * corrected
        found.append((corrected * turned).as_matrix())
    return np.array(found)


@pytest.mark.parametrize("tau", [0.5, 3.0])
def test_orientations_are_those_of_the_published_filter(tau: float) -> None:
    x = recorded(0)
    made = OrientationFusion(rate=RATE, tau=tau).orientations(x[:, :3], x[:, 3:])
    for row, found in zip(x.numpy(), made.numpy(), strict=True):
        np.testing.assert_allclose(found, step_by_step(row[:3], row[3:], tau), atol=1e-9)


def test_orientations_are_those_of_the_package() -> None:
    vqf = pytest.importorskip("vqf")
    x = recorded(1, time=300)
    made = OrientationFusion(rate=RATE).orientations(x[:, :3], x[:, 3:]).numpy()
    for row, found in zip(x.mT.numpy(), made, strict=True):
        halves = [np.ascontiguousarray(row[:, part]) for part in (slice(3, 6), slice(0, 3))]
        w, *v = vqf.BasicVQF(1 / RATE).updateBatch(*halves)["quat6D"].T
        trace = 4 * w**2 - 1  # of a rotation matrix
        np.testing.assert_allclose(np.trace(found, axis1=1, axis2=2), trace, atol=1e-9)
        np.testing.assert_allclose(found[:, 1, 0], 2 * (v[0] * v[1] + w * v[2]), atol=1e-9)


@given(st.integers(0, 2**16), st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_mounting_changes_nothing_but_the_heading(seed: int, gyroscope: bool) -> None:
    x = recorded(seed)
    fused = OrientationFusion(rate=RATE, gyroscope=gyroscope, heading=False)
    a, b = (fused(each).unflatten(1, (2, 3)) for each in (x, mounted(x, seed)))
    torch.testing.assert_close(a[:, :, 2], b[:, :, 2], atol=1e-7, rtol=0)  # what is vertical
    first, other = (torch.complex(each[:, :, 0], each[:, :, 1]).flatten(1) for each in (a, b))
    turn = (other * first.conj()).sum(dim=1)
    turn = turn / turn.abs()  # one angle about z for the whole window and both sensors
    torch.testing.assert_close(other, turn[:, None] * first, atol=1e-7, rtol=0)
    whole = OrientationFusion(rate=RATE, gyroscope=gyroscope)
    torch.testing.assert_close(whole(x), whole(mounted(x, seed)), atol=1e-5, rtol=0)


def test_a_sensor_that_turns_is_followed_and_a_window_as_a_whole_is_not() -> None:
    t = torch.arange(150, dtype=torch.float64) / RATE
    angle = 1.5 * torch.sin(2 * t)
    zero = torch.zeros_like(t)
    gravity = torch.stack([zero, angle.sin(), angle.cos()])  # seen by a sensor that rolls about x
    rates = torch.stack([angle.diff(prepend=angle[:1]) * RATE, zero, zero])
    x = torch.cat([gravity, rates])[None]
    followed = OrientationFusion(rate=RATE)(x)[0, :3]
    assert followed[2].min() > 1 - 1e-9
    assert GravityAligned()(x)[0, 2].min() < 0.5


def test_rotations_by_their_definitions() -> None:
    angles = torch.randn(4, 9, 3, dtype=torch.float64)
    turned = steps(angles)
    torch.testing.assert_close(turned, torch.matrix_exp(_skew(angles)))
    one = turned[:, 0]
    for k, found in enumerate(products(turned).unbind(dim=1)):
        one = one if k == 0 else one @ turned[:, k]
        torch.testing.assert_close(found, one)
    a, b = nn.functional.normalize(torch.randn(2, 50, 3, dtype=torch.float64), dim=2)
    made = shortest_rotation(a, b)
    torch.testing.assert_close((made @ a[..., None])[..., 0], b)
    cosine = (made.diagonal(dim1=1, dim2=2).sum(dim=1) - 1) / 2
    torch.testing.assert_close(cosine, (a * b).sum(dim=1))  # no more than it takes
    assert torch.linalg.det(shortest_rotation(a, -a)).allclose(torch.ones(50, dtype=torch.float64))
    np.testing.assert_allclose(low_pass(40, 50.0, 0.2).sum(axis=1), 1)  # a constant stays


def _skew(a: Tensor) -> Tensor:
    eye = torch.eye(3, dtype=a.dtype).expand(*a.shape[:-1], 3, 3)
    return torch.linalg.cross(a[..., None, :].expand(eye.shape), eye, dim=-1).mT
