from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from triptych.errors import InputError
from triptych.metrics.sweeps import ResponseCurve, equal_distances, half_life, invariance, levels
from triptych.transforms import PhaseShift, Rotation

RATE = 100.0
SHIFT = PhaseShift(max_shift=0.25, rate=RATE, mode="circular")
GRID = np.array([-0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2])


def waves(n: int = 40) -> tuple[torch.Tensor, np.ndarray]:
    """Sines of 1 Hz for 1 s in random phases, the cosine of two shifted ones known: cos(2πθ)."""
    phase = torch.rand(n, 1, 1, generator=torch.Generator().manual_seed(0))
    t = torch.arange(int(RATE)) / RATE
    return torch.sin(2 * np.pi * (t + phase)), np.arange(n) // 10


def flat(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1)


def power(x: torch.Tensor) -> np.ndarray:
    return torch.fft.rfft(x).abs().flatten(1).numpy()


def hand_made(means: np.ndarray, between: float, sizes: tuple[int, ...] = (5, 5)) -> ResponseCurve:
    m = means.shape[1]
    distance = np.arange(1, m + 1) / m
    empty = np.zeros(m)
    return ResponseCurve(
        theta=distance, distance=distance, mean=np.array(sizes) @ means / sum(sizes), low=empty,
        high=empty, auroc=empty, between=between, group_between=np.full(len(sizes), between),
        groups=tuple("abcdef"[: len(sizes)]), sizes=np.array(sizes), group_means=means,
    )  # fmt: skip


def test_the_curve_of_a_sine_is_a_cosine() -> None:
    x, groups = waves()
    curve = invariance(flat, x, SHIFT, GRID, groups, batch=7)
    np.testing.assert_allclose(curve.mean, np.cos(2 * np.pi * GRID), atol=1e-5)
    np.testing.assert_allclose(curve.theta, GRID, atol=1e-7)
    np.testing.assert_allclose(curve.distance, np.abs(GRID), atol=1e-7)
    assert np.all(curve.low <= curve.mean + 1e-9)
    assert np.all(curve.mean <= curve.high + 1e-9)
    assert curve.group_means.shape == (4, 7)
    assert curve.sizes.tolist() == [10] * 4


def test_batches_and_order_of_groups_change_nothing() -> None:
    x, groups = waves()
    whole = invariance(flat, x, SHIFT, GRID, groups, batch=1000)
    small = invariance(flat, x, SHIFT, GRID, groups, batch=3)
    np.testing.assert_allclose(whole.group_means, small.group_means, atol=1e-6)
    assert whole.between == pytest.approx(small.between, abs=1e-6)


def test_half_life_of_a_sine_is_where_the_cosine_is_halfway() -> None:
    x, groups = waves(400)
    curve = invariance(flat, x, SHIFT, np.linspace(-0.25, 0.25, 101), groups, pairs=50_000)
    expected = np.arccos((1 + curve.between) / 2) / (2 * np.pi)
    life = half_life(curve)
    assert life.value == pytest.approx(expected, abs=1e-4)
    assert life.low <= life.value <= life.high
    assert life.reached == 1


def test_an_invariant_encoder_never_falls() -> None:
    x, groups = waves()
    x = x * torch.linspace(1, 3, 40)[:, None, None] + torch.arange(40)[:, None, None]
    curve = invariance(power, x, SHIFT, GRID, groups)
    np.testing.assert_allclose(curve.mean, 1, atol=1e-5)
    life = half_life(curve)
    assert np.isnan(life.value)
    assert life.reached == 0
    assert life.to_dict() == {
        "value": None,
        "low": None,
        "high": None,
        "reached": 0.0,
        "outcome": "not reached",
    }


@pytest.mark.parametrize("value", [0.0, 1e-20, -3.0, 1e9])
def test_a_collapsed_encoder_has_no_curve_and_no_half_life(value: float) -> None:
    x, groups = waves()
    curve = invariance(lambda x: torch.full((len(x), 8), value), x, SHIFT, GRID, groups)
    assert curve.collapsed
    for missing in (curve.mean, curve.low, curve.high, curve.auroc, curve.group_means):
        assert np.isnan(missing).all()
    assert (curve.between, curve.group_between.tolist()) == (1.0, [1.0] * 4)
    numbers = dict.fromkeys(("value", "low", "high", "reached"))
    assert half_life(curve).to_dict() == {**numbers, "outcome": "collapsed"}


def test_what_only_the_transform_moves_has_not_collapsed() -> None:
    x, groups = waves()
    seen: list[int] = []

    def embed(x: torch.Tensor) -> torch.Tensor:
        seen.append(1)
        return torch.tensor([[1.0, float(len(seen))]]).expand(len(x), 2)

    curve = invariance(embed, x, SHIFT, GRID, groups)
    assert not curve.collapsed
    assert np.isfinite(curve.mean).all()


def test_the_level_of_the_half_life_is_the_printed_one_and_moves_as_pairs_do() -> None:
    # the level between groups under drawn groups, every pair of groups weighing its product
    rng = np.random.default_rng(0)
    g, sizes = 30, rng.integers(2, 9, 30)
    rows = np.repeat(np.arange(g), sizes)
    centre = rng.normal(size=(g, 16)) + rng.uniform(0, 1.5, (g, 1))
    z = centre[rows] + 0.5 * rng.normal(size=(len(rows), 16))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    other = rows[:, None] != rows[None]
    cosines = z @ z.T
    pooled = cosines[other].mean()
    own = np.array([cosines[g == rows][:, g != rows].mean() for g in range(g)])
    curve = replace(
        hand_made(np.ones((2, 3)), between=pooled), sizes=sizes, group_between=own,
        groups=tuple(map(str, range(g))),
    )  # fmt: skip
    draws = rng.multinomial(g, np.full(g, 1 / g), 1000)
    weights = draws * sizes / (draws @ sizes)[:, None]
    found = levels(curve, weights)
    w = draws[:, rows]
    pairs = np.einsum("ri,ij,rj->r", w, np.where(other, cosines, 0), w)
    exact = pairs / np.einsum("ri,ij,rj->r", w, other.astype(float), w)
    assert levels(curve, sizes[None] / sizes.sum())[0] == pytest.approx(pooled)
    assert found.std() == pytest.approx(exact.std(), rel=0.1)
    assert np.corrcoef(found, exact)[0, 1] > 0.95  # of first order


def test_the_half_life_stands_inside_its_interval_where_groups_differ_in_size() -> None:
    # a large group far from all, so that the mean over pairs is not the mean over windows
    means = np.tile(np.linspace(0.95, 0.05, 19), (6, 1))
    sizes = (300, 10, 10, 10, 10, 10)
    own = np.array([0.1, 0.5, 0.5, 0.5, 0.5, 0.5])
    curve = replace(hand_made(means, between=0.12, sizes=sizes), group_between=own)
    life = half_life(curve)
    assert life.low <= life.value <= life.high
    where = np.concatenate([[0], curve.distance])
    assert np.interp(life.value, where, np.concatenate([[1], means[0]])) == pytest.approx(0.56)


def test_a_crop_and_a_parameter_vector_are_swept_too() -> None:
    crop = PhaseShift(max_shift=0.1, rate=RATE)
    x = torch.randn(12, 1, 50 + 2 * crop.context)
    curve = invariance(flat, x, crop, [-0.1, 0.0, 0.1], np.arange(12) % 3)
    assert curve.mean[1] == pytest.approx(1, abs=1e-6)
    rotation = Rotation()
    theta = rotation.sample(5, torch.Generator().manual_seed(0))
    curve = invariance(
        lambda x: x.norm(dim=1), torch.randn(12, 3, 20), rotation, theta, np.arange(12) % 3
    )
    np.testing.assert_allclose(curve.mean, 1, atol=1e-5)
    np.testing.assert_allclose(curve.theta, curve.distance)


def test_the_first_crossing_is_interpolated() -> None:
    # 1 at 0, then 0.9, 0.4, 0.1 at 1/3, 2/3, 1: halfway to 0.2 is 0.6, reached between 1/3 and 2/3
    curve = hand_made(np.tile([0.9, 0.4, 0.1], (2, 1)), between=0.2)
    life = half_life(curve)
    assert life.value == pytest.approx(1 / 3 + (0.9 - 0.6) / 0.5 / 3)
    assert (life.low, life.high) == pytest.approx((life.value, life.value))
    at_once = hand_made(np.tile([0.0, 0.0, 0.0], (2, 1)), between=0.0)
    assert half_life(at_once).value == pytest.approx(0.5 / 3)


def test_some_groups_that_never_fall_leave_the_interval_open() -> None:
    means = np.array([[0.9, 0.9, 0.9], [0.9, 0.0, 0.0], [0.9, 0.0, 0.0]])
    life = half_life(hand_made(means, between=0.0, sizes=(4, 4, 4)))
    assert np.isfinite(life.value)
    assert life.high == np.inf
    assert 0.5 < life.reached < 1
    assert life.to_dict()["high"] is None


def test_results_are_plain_data() -> None:
    x, groups = waves()
    curve = invariance(flat, x, SHIFT, GRID, groups)
    data = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert data["groups"] == ["0", "1", "2", "3"]
    assert replace(curve, between=np.nan).to_dict()["between"] is None


def test_refusals() -> None:
    x, groups = waves()
    with pytest.raises(InputError, match="at least two"):
        invariance(flat, x, SHIFT, GRID, np.zeros(40))
    with pytest.raises(InputError, match="groups"):
        invariance(flat, x, SHIFT, GRID, groups[:-1])
    with pytest.raises(InputError, match="the shape"):
        invariance(flat, x, SHIFT, np.zeros((3, 2)), groups)
    with pytest.raises(InputError, match="latents holds NaN"):
        invariance(lambda x: x.flatten(1) * np.nan, x, SHIFT, GRID, groups)


def test_a_sweep_that_moves_nothing_has_no_half_life() -> None:
    x, groups = waves()
    with pytest.raises(InputError, match="identity"):
        half_life(invariance(flat, x, SHIFT, np.zeros(2), groups))


def test_distances_that_differ_by_rounding_are_one() -> None:
    turns = [9.0, 18.0, 117.0, 9.000001, 18.000002, 117.00001, 0.0, 1e-9]
    where, share = equal_distances(turns)
    np.testing.assert_allclose(where, [0, 9, 18, 117], atol=1e-4)
    np.testing.assert_allclose(share.sum(axis=0), 1)
    assert (share > 0).sum(axis=0).tolist() == [2] * 4
    apart = np.linspace(0, 0.25, 1001)  # as fine as a sweep may be, and as small as noise may be
    for distance in (apart, np.logspace(-4, 0, 50)):
        where, share = equal_distances(distance)
        np.testing.assert_allclose(where, distance)
        np.testing.assert_array_equal(share, np.eye(len(distance)))
    assert equal_distances([])[1].shape == (0, 0)


def test_a_half_life_does_not_read_a_cliff_from_rounded_distances() -> None:
    # two θ a distance, one brittle and one steady: their mean falls evenly, 0.1 a step
    steady, brittle = np.linspace(0.95, 0.75, 5), np.linspace(0.85, 0.25, 5)
    curve = hand_made(np.tile(np.stack([steady, brittle], 1).ravel(), (2, 1)), between=0.2)
    exact, rounded = (
        replace(curve, distance=np.stack([size, np.arange(1, 6)], 1).ravel())
        for size in (np.arange(1.0, 6.0), np.arange(1.0, 6.0) * (1 - 1e-7))
    )
    assert half_life(exact).value == pytest.approx(4.0)
    assert half_life(rounded).value == pytest.approx(half_life(exact).value, rel=1e-6)
