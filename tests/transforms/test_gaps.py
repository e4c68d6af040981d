"""Gaps, and missing samples under every transform."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.missing import bridge, mean
from triptych.objectives.orbit import orbit_similarity
from triptych.transforms import (
    AxisMirror,
    BaselineWander,
    Chain,
    ChannelDropout,
    Gain,
    Gaps,
    LeadSwap,
    NoiseSNR,
    PhaseShift,
    Rotation,
    TimeScale,
    Transform,
)

RATE, TIME = 50.0, 60


def signals(n: int = 4, time: int = TIME, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 6, time, generator=generator, dtype=torch.float64) + 0.5


def draw(case: Transform, n: int = 4, seed: int = 0) -> torch.Tensor:
    return case.sample(n, torch.Generator().manual_seed(seed))


@settings(max_examples=40)
@given(share=st.floats(0, 0.9), seed=st.integers(0, 2**24 - 1), runs=st.integers(1, 6))
def test_just_so_many_samples_are_missing_in_so_many_runs(
    share: float, seed: int, runs: int
) -> None:
    x = signals(1)
    found = Gaps(runs=runs).apply(x, torch.tensor([[share, float(seed)]]))
    gone = found.isnan()
    assert (gone == gone[:, :1]).all()
    assert int(gone[0, 0].sum()) == pytest.approx(share * TIME, abs=0.5 + 1e-3)
    edges = torch.nn.functional.pad(gone[0, 0].long(), (1, 1)).diff()
    assert int((edges == 1).sum()) <= runs
    assert torch.equal(found[~gone], x[~gone])


def test_seeds_move_the_gaps_and_all_places_are_met() -> None:
    case = Gaps()
    theta = torch.cat([torch.full((2000, 1), 0.2), torch.arange(2000.0)[:, None]], dim=1)
    gone = case.apply(torch.zeros(2000, 1, TIME), theta).isnan()[:, 0]
    assert (gone.sum(1) == 12).all()
    assert len(torch.unique(gone, dim=0)) > 1000
    often = gone.double().mean(0)
    assert often.min() > 0.01
    assert often.max() < 0.35
    runs = torch.nn.functional.pad(gone.long(), (1, 1)).diff().eq(1).sum(1)
    assert set(runs.tolist()) == {1, 2, 3}


def test_filled_gaps_are_straight_lines() -> None:
    case = Gaps(fill="interpolate", runs=1)
    assert Gaps(runs=1).filled() == case
    assert (Gaps().leaves_gaps, case.leaves_gaps) == (True, False)
    line = torch.arange(TIME, dtype=torch.float64).expand(1, 2, TIME)
    inner = torch.tensor([[0.3, 5.0]])
    gone = Gaps(runs=1).apply(line, inner).isnan()
    assert 0 < int(gone[0, 0].nonzero()[0]) < int(gone[0, 0].nonzero()[-1]) < TIME - 1
    torch.testing.assert_close(case.apply(line, inner), line)
    assert case.label(inner) == ["30 % interpolated (seed 5)"]
    assert Gaps().label(torch.tensor([[0.1, 0.0]])) == ["10 % missing"]


def test_a_chain_fills_the_gaps_of_its_parts() -> None:
    chain = Chain(Gain(), Gaps())
    assert chain.leaves_gaps
    assert not chain.filled().leaves_gaps
    assert chain.filled().parts == (Gain(), Gaps(fill="interpolate"))
    assert not Chain(Gain()).leaves_gaps


@pytest.mark.parametrize(
    "wrong", [{"high": 0.95}, {"low": 0.5}, {"runs": 0}, {"fill": "zeros"}, {"low": -0.1}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"gaps got {next(iter(wrong))}"):
        Gaps(**wrong)  # pyright: ignore[reportArgumentType]


# Missing samples under the other transforms

KEPT: dict[str, Transform] = {
    "gain": Gain(),
    "noise_snr": NoiseSNR(),
    "baseline_wander": BaselineWander(rate=RATE),
    "so3": Rotation(),
    "yaw": Rotation("yaw"),
    "tilt": Rotation("tilt"),
    "axis_mirror": AxisMirror(),
    "gaps": Gaps(),
}


@pytest.mark.parametrize("case", KEPT.values(), ids=KEPT.keys())
@settings(max_examples=10)
@given(seed=st.integers(0, 999))
def test_missing_samples_stay_where_they_are(case: Transform, seed: int) -> None:
    x, theta = signals(seed=seed), draw(case, seed=seed)
    holed = Gaps().apply(x, draw(Gaps(), seed=seed))
    found = case.apply(holed, theta)
    gone = holed.isnan()
    assert found[gone].isnan().all()
    others = gone if case.name != "gaps" else case.apply(x, theta).isnan() | gone
    assert found[~others].isfinite().all()


def test_values_that_need_no_neighbours_are_as_without_gaps() -> None:
    x = signals()
    holed = Gaps().apply(x, draw(Gaps()))
    known = ~holed.isnan()
    for case in (Gain(), Rotation(), AxisMirror()):
        theta = draw(case)
        torch.testing.assert_close(case.apply(holed, theta)[known], case.apply(x, theta)[known])


def test_an_axis_that_is_missing_is_missing_after_a_rotation_in_all_three() -> None:
    x = signals(1)
    x[0, 1, 7] = torch.nan
    found = Rotation().apply(x, draw(Rotation(), 1))
    assert found.isnan().nonzero().tolist() == [[0, 0, 7], [0, 1, 7], [0, 2, 7]]


def test_missing_samples_go_with_their_channel_and_a_dropped_one_keeps_them() -> None:
    x = signals(1)
    x[0, 1, 7] = torch.nan
    swapped = LeadSwap(6).apply(x, torch.tensor([[1.0, 0, 2, 3, 4, 5]]))
    assert swapped.isnan().nonzero().tolist() == [[0, 0, 7]]
    found = ChannelDropout(5).apply(x, torch.tensor([[5.0, 3.0]]))
    assert found.isnan().nonzero().tolist() == [[0, 1, 7]]


@settings(max_examples=20)
@given(steps=st.integers(-20, 20), seed=st.integers(0, 999))
def test_a_shift_takes_missing_samples_along(steps: int, seed: int) -> None:
    ring = PhaseShift(0.5, RATE, mode="circular")
    holed = Gaps().apply(signals(seed=seed), draw(Gaps(), seed=seed))
    theta = torch.full((4, 1), steps / RATE)
    expected = holed.roll(-steps, dims=2).isnan()
    assert torch.equal(ring.apply(holed, theta).isnan(), expected)
    off = ring.apply(holed, theta + 0.3 / RATE)
    assert torch.equal(off.isnan(), expected)
    crop = PhaseShift(0.5, RATE)
    around = Gaps().apply(signals(time=TIME + 50), draw(Gaps(), seed=seed))
    first = 25 + steps
    torch.testing.assert_close(
        crop.apply(around, theta), around[..., first : first + TIME], equal_nan=True
    )


@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_a_time_scale_takes_missing_samples_along(seed: int) -> None:
    case = TimeScale(1.3)
    holed = Gaps(runs=1).apply(signals(seed=seed), draw(Gaps(), seed=seed))
    assert torch.equal(case.apply(holed, case.identity(4)).isnan(), holed.isnan())
    share = [y.isnan()[:, 0].double().mean() for y in (case.apply(holed, case.theta(0.9)), holed)]
    assert abs(float(share[0] / share[1]) - 1 / 0.9) < 0.6 or min(share) < 0.1


def test_orbits_see_bridged_signals() -> None:
    holed = Gaps().apply(signals(), draw(Gaps()))
    for case in (PhaseShift(0.1, RATE, mode="circular"), Rotation()):
        found = orbit_similarity(holed, case)
        assert found.isfinite().all()
        torch.testing.assert_close(found, orbit_similarity(bridge(holed), case))


# The arithmetic beside them


def test_the_bridge_is_a_line_level_at_the_ends_and_zero_without_values() -> None:
    nan = torch.nan
    x = torch.tensor([[nan, 1, nan, nan, 4, nan], [nan] * 6, [1.0, 2, 3, 4, 5, 6]])
    expected = torch.tensor([[1.0, 1, 2, 3, 4, 4], [0] * 6, [1, 2, 3, 4, 5, 6]])
    torch.testing.assert_close(bridge(x), expected)
    x = x[:1].double().requires_grad_()
    bridge(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[0.0, 3, 0, 0, 3, 0]], dtype=torch.float64))


def test_a_mean_is_over_what_is_present() -> None:
    x = signals()
    assert torch.equal(mean(x, (0, 2)), x.mean(dim=(0, 2), keepdim=True))
    holed = Gaps().apply(x, draw(Gaps()))
    torch.testing.assert_close(mean(holed, 2), holed.nanmean(dim=2, keepdim=True))
    assert mean(torch.full((1, 3), torch.nan), 1).item() == 0
