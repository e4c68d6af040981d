"""PhaseShift and TimeScale against exact references."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.transforms import PhaseShift, TimeScale

shifts = st.floats(-0.25, 0.25, allow_nan=False, width=32)


def band_limited(t: torch.Tensor, period: float, harmonics: int) -> torch.Tensor:
    """A signal with 1 to `harmonics` cycles a period at times t `(n, time)` -> `(n, 1, time)`."""
    g = torch.Generator().manual_seed(harmonics)
    amplitude, phase = torch.rand(2, harmonics, generator=g, dtype=torch.float64)
    k = torch.arange(1, harmonics + 1, dtype=torch.float64)
    angle = 2 * math.pi * (k * t[..., None] / period + phase)
    return (amplitude * angle.cos()).sum(-1)[:, None]


# Crop


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), channels=st.integers(1, 3))
def test_crop_equals_slicing(seed: int, channels: int) -> None:
    shift = PhaseShift(0.25, 400.0)
    x = torch.randn(16, channels, 600)
    params = shift.sample(16, torch.Generator().manual_seed(seed))
    y = shift.apply(x, params)
    for i, theta in enumerate(params[:, 0].tolist()):
        start = 100 + round(theta * 400)
        assert torch.equal(y[i], x[i, :, start : start + 400])


@pytest.mark.parametrize(("max_shift", "rate"), [(0.25, 400.0), (0.3, 10.0), (0.25, 62.5)])
def test_crop_samples_the_grid_that_it_applies(max_shift: float, rate: float) -> None:
    shift = PhaseShift(max_shift, rate)
    params = shift.sample(4000)
    steps = params.double() * rate
    assert (steps - steps.round()).abs().max() < 1e-5
    assert torch.equal(shift.snap(params), params)
    assert len(steps.round().unique()) == 2 * math.floor(max_shift * rate + 1e-9) + 1
    assert shift.context == math.ceil(max_shift * rate - 1e-9)


def test_crop_rounds_to_the_grid_and_snap_tells() -> None:
    shift = PhaseShift(0.25, 400.0)
    x = torch.randn(3, 1, 600)
    params = torch.tensor([[0.0112], [-0.0113], [0.0]])
    assert torch.equal(shift.apply(x, params), shift.apply(x, shift.snap(params)))
    torch.testing.assert_close(shift.snap(params), torch.tensor([[0.01], [-0.0125], [0.0]]))
    assert (shift.snap(params) - params).abs().max() <= 0.5 / 400
    halves = (torch.arange(-99, 100) / 800)[:, None]  # half samples, which rounding may take apart
    ring = torch.randn(1, 1, 40 + 2 * shift.context).expand(199, -1, -1)
    assert torch.equal(shift.apply(ring, halves), shift.apply(ring, shift.snap(halves)))


def test_crop_moves_the_event_to_the_left_by_theta() -> None:
    x = torch.zeros(1, 1, 600)
    x[0, 0, 300] = 1
    y = PhaseShift().apply(x, torch.tensor([[0.075]]))
    assert y.argmax().item() == 200 - 30


def test_crop_of_a_view_that_is_not_contiguous() -> None:
    x = torch.randn(8, 600, 2).transpose(1, 2)[1::2]
    shift = PhaseShift()
    params = shift.sample(4)
    assert torch.equal(shift.apply(x, params), shift.apply(x.contiguous(), params))


def test_crop_backward_puts_the_gradient_where_the_window_was() -> None:
    x = torch.randn(4, 2, 600, requires_grad=True)
    shift = PhaseShift()
    params = shift.sample(4)
    shift.apply(x, params).sum().backward()
    for i, theta in enumerate(params[:, 0].tolist()):
        expected = torch.zeros(2, 600)
        start = 100 + round(theta * 400)
        expected[:, start : start + 400] = 1
        assert torch.equal(x.grad[i], expected)


@pytest.mark.parametrize("theta", [0.2525, -0.2525, math.nan, math.inf])
def test_crop_refuses_more_than_max_shift(theta: float) -> None:
    with pytest.raises(InputError, match=r"\(2, 1, 600\).*max_shift=0.25"):
        PhaseShift().apply(torch.randn(2, 1, 600), torch.tensor([[0.0], [theta]]))


def test_crop_limit_is_max_shift_and_not_its_context() -> None:
    shift = PhaseShift(0.25, 62.5)
    x = torch.randn(1, 1, 50 + 2 * shift.context)
    shift.apply(x, torch.tensor([[0.25]]))
    with pytest.raises(InputError, match=r"0\.256 s"):
        shift.apply(x, torch.tensor([[16 / 62.5]]))


def test_crop_refuses_a_window_without_its_context() -> None:
    with pytest.raises(InputError, match=r"\(2, 1, 200\).*t \+ 200"):
        PhaseShift().apply(torch.randn(2, 1, 200), torch.zeros(2, 1))
    with pytest.raises(InputError, match=r"\(2, 1, 400\).*t = 400"):
        PhaseShift(length=400).apply(torch.randn(2, 1, 400), torch.zeros(2, 1))


# Circular


@settings(max_examples=30)
@given(theta=shifts, time=st.sampled_from([63, 64]))
def test_circular_is_exact_for_band_limited_signals(theta: float, time: int) -> None:
    rate = 100.0
    t = torch.arange(time, dtype=torch.float64)[None] / rate
    shift = PhaseShift(0.25, rate, mode="circular")
    y = shift.apply(band_limited(t, time / rate, 31), torch.tensor([[theta]]))
    expected = band_limited(t + np.float32(theta), time / rate, 31)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-9)


@settings(max_examples=30)
@given(a=shifts, b=shifts, time=st.sampled_from([63, 64]))
def test_circular_shifts_compose_and_invert(a: float, b: float, time: int) -> None:
    shift = PhaseShift(0.25, 100.0, mode="circular")
    t = torch.arange(time, dtype=torch.float64)[None] / 100
    x = band_limited(t, time / 100, 31)
    first, then = torch.tensor([[a]], dtype=torch.float64), torch.tensor([[b]], dtype=torch.float64)
    both = shift.apply(shift.apply(x, first), then)
    close = {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close(both, shift.apply(x, shift.compose(first, then)), **close)
    back = shift.apply(shift.apply(x, first), shift.inverse(first))
    torch.testing.assert_close(back, x, **close)
    moved = shift.apply(shift.apply(x, first), shift.relative(first, then))
    torch.testing.assert_close(moved, shift.apply(x, then), **close)


@settings(max_examples=30)
@given(steps=st.integers(-200, 200), time=st.sampled_from([63, 64]))
def test_circular_whole_samples_are_a_roll_of_any_signal(steps: int, time: int) -> None:
    shift = PhaseShift(1.0, 128.0, mode="circular")
    x = torch.randn(2, 3, time, dtype=torch.float64)
    y = shift.apply(x, torch.full((2, 1), steps / 128))
    torch.testing.assert_close(y, x.roll(-steps, dims=2), rtol=0, atol=1e-12)


def test_circular_keeps_precision_in_float32_far_from_zero() -> None:
    shift = PhaseShift(10.0, 400.0, mode="circular")
    x = torch.randn(4, 1, 400)
    y = shift.apply(x, torch.full((4, 1), 9.0))
    torch.testing.assert_close(y, x, rtol=0, atol=2e-5)


def test_nyquist_of_an_even_window_shrinks_and_does_not_turn() -> None:
    """The failing side: a signal at the Nyquist frequency is the one that does not compose."""
    shift = PhaseShift(1.0, 1.0, mode="circular")
    x = (-1.0) ** torch.arange(8, dtype=torch.float64).view(1, 1, 8)
    half = torch.tensor([[0.5]])
    torch.testing.assert_close(shift.apply(x, half / 2), math.cos(math.pi / 4) * x)
    assert shift.apply(x, half).abs().max() < 1e-12


def test_circular_distance_wraps_only_if_the_length_is_known() -> None:
    a, b = torch.tensor([[-0.4]]), torch.tensor([[0.4]])
    free = PhaseShift(0.5, 400.0, mode="circular")
    held = PhaseShift(0.5, 400.0, mode="circular", length=400)
    torch.testing.assert_close(free.distance(a, b), torch.tensor([0.8]))
    torch.testing.assert_close(held.distance(a, b), torch.tensor([0.2]))
    torch.testing.assert_close(held.relative(a, b), torch.tensor([[-0.2]]))
    x = torch.randn(1, 1, 400, dtype=torch.float64)
    moved = held.apply(held.apply(x, a), held.relative(a, b))
    torch.testing.assert_close(moved, held.apply(x, b), rtol=0, atol=1e-5)
    with pytest.raises(InputError, match=r"\(1, 1, 399\)"):
        held.apply(x[..., 1:], a)


def test_circular_and_crop_agree_on_a_periodic_signal() -> None:
    t = torch.arange(-100, 500, dtype=torch.float64)[None] / 400
    x = band_limited(t, 1.0, 50)
    crop, circular = PhaseShift(), PhaseShift(mode="circular")
    for theta in crop.sample(8):
        left = crop.apply(x, theta[None])
        right = circular.apply(x[..., 100:500], theta[None])
        torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


@pytest.mark.parametrize("settings", [{"mode": "roll"}, {"max_shift": -1.0}, {"rate": 0.0}])
def test_settings_that_make_no_sense_are_refused(settings: dict) -> None:
    with pytest.raises(InputError, match="phase_shift got"):
        PhaseShift(**settings)


# TimeScale


@settings(max_examples=30)
@given(scale=st.floats(0.8, 1.25))
def test_time_scale_of_a_slow_sine(scale: float) -> None:
    transform = TimeScale(1.25, length=200)
    t = torch.arange(200 + 2 * transform.context, dtype=torch.float64)
    t = (t - (len(t) - 1) / 2) / 100
    x = (2 * math.pi * 2.0 * t).sin()[None, None]
    y = transform.apply(x, torch.tensor([[scale]], dtype=torch.float64))
    inner = t[transform.context : -transform.context]
    torch.testing.assert_close(
        y[0, 0], (2 * math.pi * 2.0 * scale * inner).sin(), rtol=0, atol=2e-3
    )


@settings(max_examples=30)
@given(scale=st.floats(0.8, 1.25))
def test_time_scale_is_exact_on_a_parabola_and_inverts_on_it(scale: float) -> None:
    transform = TimeScale(1.25, length=50)
    total = 50 + 2 * transform.context
    t = torch.arange(total, dtype=torch.float64) - (total - 1) / 2
    params = torch.tensor([[scale]], dtype=torch.float64)
    y = transform.apply((t**2 - t)[None, None], params)
    inner = t[transform.context : -transform.context]
    torch.testing.assert_close(y[0, 0], (scale * inner) ** 2 - scale * inner)
    torch.testing.assert_close(
        transform.compose(params, transform.inverse(params)), torch.ones_like(params)
    )


def test_time_scale_without_context_mirrors_at_the_edge() -> None:
    x = torch.arange(10, dtype=torch.float64).view(1, 1, 10)
    y = TimeScale(2.0).apply(x, torch.tensor([[2.0]]))[0, 0]
    # positions run from 4.5 - 9 = -4.5 to 13.5; the mirror of -4.5 is 4.5
    torch.testing.assert_close(y[[0, -1]], torch.tensor([4.5, 4.5], dtype=torch.float64))


def test_time_scale_distance_is_the_log_of_the_ratio() -> None:
    a, b = torch.tensor([[0.8]]), torch.tensor([[1.25]])
    torch.testing.assert_close(TimeScale().distance(a, b), torch.tensor([math.log(1.5625)]))
    torch.testing.assert_close(TimeScale().relative(a, b), torch.tensor([[1.5625]]))


def test_time_scale_samples_log_uniformly() -> None:
    logs = TimeScale(1.5).sample(20_000).log()
    assert logs.abs().max() <= math.log(1.5) + 1e-6
    assert logs.mean().abs() < 0.01
    assert abs(logs.std().item() - math.log(1.5) / 3**0.5) < 0.01


def test_time_scale_refuses_what_it_cannot_do() -> None:
    x = torch.randn(1, 1, 50)
    for theta in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="ratios above 0"):
            TimeScale().apply(x, torch.tensor([[theta]]))
    crop = TimeScale(1.25, length=50)
    with pytest.raises(InputError, match=r"\(1, 1, 50\)"):
        crop.apply(x, torch.ones(1, 1))
    with pytest.raises(InputError, match="at most max_scale"):
        crop.apply(torch.randn(1, 1, 50 + 2 * crop.context), torch.tensor([[1.5]]))
    with pytest.raises(InputError, match="at least 1"):
        TimeScale(0.5)


@given(rate=st.floats(1, 1e4), most=st.floats(0, 0.5), share=st.floats(-1, 1))
def test_snap_tells_what_a_crop_applies(rate: float, most: float, share: float) -> None:
    shift = PhaseShift(most, rate)
    theta = torch.tensor([[share * most]])
    snapped = shift.snap(theta)
    x = torch.arange(8.0 + 2 * shift.context).view(1, 1, -1)
    assert torch.equal(shift.apply(x, theta), shift.apply(x, snapped))
    assert abs(float(snapped)) <= most + 1e-3 / rate
    assert abs(float(shift.snap(torch.tensor([[2 * most]])))) >= abs(float(snapped)) - 1e-9
