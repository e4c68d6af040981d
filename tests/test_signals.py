"""Checking, resampling, filtering and cutting of arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych import signals
from triptych.errors import InputError


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# --- validate


def test_good_signals_pass() -> None:
    signals.validate(noise(2, 50), 100.0, name="a")
    signals.validate(torch.from_numpy(noise(3, 2, 50)), 100.0, name="a")
    signals.validate(torch.from_numpy(noise(3, 2, 50)).bfloat16(), 100.0, name="a")
    signals.validate(noise(2, 50).astype(np.float32) * 1e30, 100.0, name="huge but finite")


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_a_bad_value_is_named_with_its_place(value: float, word: str) -> None:
    signal = noise(2, 400)
    signal[1, 150:152] = value
    expected = rf"rec 7 has {word} in channel 'V1' at 1.500 s \(2 bad values"
    with pytest.raises(InputError, match=expected):
        signals.validate(signal, 100.0, name="rec 7", channels=("MLII", "V1"))


def test_opposite_infinities_do_not_hide_each_other() -> None:
    signal = noise(1, 20)
    signal[0, 3], signal[0, 9] = np.inf, -np.inf
    with pytest.raises(InputError, match=r"0 at 0\.030"):
        signals.validate(signal, 100.0, name="a")


def test_a_bad_value_in_a_batch_names_the_window() -> None:
    batch = torch.from_numpy(noise(4, 2, 30))
    batch[2, 1, 15] = math.nan
    with pytest.raises(InputError, match=r"2 at 1\.500"):
        signals.validate(batch, 10.0, name="batch")


def test_a_constant_channel_is_refused_unless_allowed() -> None:
    signal = noise(2, 100)
    signal[0] = 3.5
    with pytest.raises(InputError, match=r"constant \(3\.5\) .*'x' .* 0 s to 2\.000 s"):
        signals.validate(signal, 50.0, name="watch", channels=("x", "y"))
    signals.validate(signal, 50.0, name="watch", allow_constant=True)


@pytest.mark.parametrize("rate", [None, 0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate: float | None) -> None:
    with pytest.raises(InputError, match="sampling rate"):
        signals.validate(noise(1, 9), rate, name="a")


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 0), (1, 2, 3, 4)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected \\(channels, time\\)"):
        signals.validate(np.ones(shape), 1.0, name="a")


def test_values_that_are_not_real_are_refused() -> None:
    with pytest.raises(InputError, match="complex128"):
        signals.validate(noise(1, 5) + 1j, 1.0, name="a")


# --- resample


@settings(max_examples=50)
@given(
    n=st.integers(2, 500),
    rate=st.sampled_from([20.0, 50.0, 100.0, 125.0, 360.0]),
    new=st.sampled_from([20.0, 50.0, 128.0, 400.0]),
)
def test_resampled_length_and_constants(n: int, rate: float, new: float) -> None:
    result = signals.resample(np.full((2, n), 9.81), rate, new)
    assert result.shape == (2, round(n * new / rate))
    np.testing.assert_allclose(result, 9.81, rtol=1e-12)


def test_an_odd_rate_keeps_time_over_a_long_recording() -> None:
    def wave(fs: float, n: int) -> np.ndarray:
        return np.sin(2 * np.pi * 0.5 * np.arange(n) / fs)

    result = signals.resample(wave(19.873, 40_000)[None], 19.873, 20.0)[0]
    assert len(result) == round(40_000 * 20.0 / 19.873)
    inner = slice(100, -100)
    np.testing.assert_allclose(result[inner], wave(20.0, len(result))[inner], atol=2e-3)


@pytest.mark.parametrize(("rate", "new"), [(360.0, 400.0), (100.0, 20.0), (50.0, 125.0)])
def test_a_sine_keeps_its_time_and_size(rate: float, new: float) -> None:
    def wave(fs: float) -> np.ndarray:
        return 1000.0 + np.sin(2 * np.pi * 3.0 * np.arange(round(20 * fs)) / fs)[None]

    result = signals.resample(wave(rate), rate, new)
    inner = slice(round(new), -round(new))
    np.testing.assert_allclose(result[:, inner], wave(new)[:, inner], atol=5e-3)


def test_resampling_makes_no_transient_at_the_edges() -> None:
    # A zero-padded filter would bend towards zero at both ends.
    slope = np.linspace(5.0, 6.0, 720)[None]
    result = signals.resample(slope, 360.0, 400.0)
    assert np.abs(result - np.linspace(5.0, 6.0, 800)).max() < 0.01


def test_going_down_removes_what_would_alias() -> None:
    fast = np.sin(2 * np.pi * 45.0 * np.arange(1000) / 100.0)[None]
    assert np.abs(signals.resample(fast, 100.0, 20.0)[:, 10:-10]).max() < 0.02


def test_resampling_keeps_the_type_and_the_input() -> None:
    signal = noise(1, 36).astype(np.float32)
    before = signal.copy()
    same = signals.resample(signal, 360.0, 360.0)
    same += 1
    np.testing.assert_array_equal(signal, before)
    assert signals.resample(signal, 360.0, 400.0).dtype == np.float32
    with pytest.raises(InputError, match="rate 0"):
        signals.resample(signal, 360.0, 0.0)
    with pytest.raises(InputError, match=r"1e\+09 Hz .*,000,000"):
        signals.resample(np.zeros((1, 10_000)), 100.0, 1e9)


# --- resample_timestamps


def test_stamped_samples_are_sorted_and_repeats_dropped() -> None:
    times = np.arange(0, 10, 0.05)
    order = np.random.default_rng(1).permutation(len(times))
    values = np.stack([times * 2, -times], axis=1)
    shuffled = np.concatenate([times[order], times[:5]])
    repeated = np.concatenate([values[order], values[:5] + 0.0])
    ((start, signal),) = signals.resample_timestamps(shuffled, repeated, 20.0, 1.0)
    assert start == 0.0
    np.testing.assert_allclose(signal, values.T, atol=1e-9)


def test_the_first_of_repeated_stamps_stays() -> None:
    ((_, signal),) = signals.resample_timestamps([0, 1, 1, 2], [[0.0], [1], [9], [2]], 1.0, 5.0)
    np.testing.assert_allclose(signal, [[0, 1, 2]])


def test_a_gap_splits_and_lone_samples_are_dropped() -> None:
    times = np.concatenate([np.arange(0, 5, 0.1), [50.0], np.arange(100, 103, 0.1)])
    pieces = signals.resample_timestamps(times, times[:, None], 10.0, 0.5)
    assert [start for start, _ in pieces] == [0.0, 100.0]
    assert [signal.shape for _, signal in pieces] == [(1, 50), (1, 30)]
    np.testing.assert_allclose(pieces[1][1][0], 100 + np.arange(30) / 10)


def test_stamped_samples_going_down_do_not_alias() -> None:
    times = np.arange(0, 60, 0.01) + np.random.default_rng(0).uniform(-0.003, 0.003, 6000)
    fast = np.sin(2 * np.pi * 19.0 * times)[:, None]
    slow = np.sin(2 * np.pi * 1.0 * times)[:, None]
    ((_, gone),) = signals.resample_timestamps(times, fast, 20.0, 1.0)
    ((start, kept),) = signals.resample_timestamps(times, slow, 20.0, 1.0)
    grid = start + np.arange(kept.shape[1]) / 20.0
    assert np.abs(gone[:, 20:-20]).max() < 0.1
    np.testing.assert_allclose(kept[0, 20:-20], np.sin(2 * np.pi * grid)[20:-20], atol=0.02)
    assert kept.shape[1] == math.floor((times.max() - times.min()) * 20) + 1


def test_stamped_samples_that_cannot_be_used_are_refused() -> None:
    good = np.zeros((3, 1))
    with pytest.raises(InputError, match="row 1"):
        signals.resample_timestamps([0, math.nan, 2], good, 1.0, 1.0)
    with pytest.raises(InputError, match="expected \\(time,\\) and \\(time, channels\\)"):
        signals.resample_timestamps([0, 1], good, 1.0, 1.0)
    with pytest.raises(InputError, match="max_gap_s"):
        signals.resample_timestamps([0, 1, 2], good, 1.0, 0.0)
    assert signals.resample_timestamps([], np.empty((0, 2)), 1.0, 1.0) == []


# --- bandpass


def test_bandpass_passes_stops_and_does_not_shift() -> None:
    t = np.arange(40 * 400) / 400.0
    inside = np.sin(2 * np.pi * 5 * t)
    signal = (inside + 3.0 + np.sin(2 * np.pi * 0.05 * t) + np.sin(2 * np.pi * 120 * t))[None]
    result = signals.bandpass(signal, 400.0, 0.5, 40.0)
    np.testing.assert_allclose(result[0, 4000:-4000], inside[4000:-4000], atol=0.02)


def test_bandpass_open_sides_and_time_reversal() -> None:
    signal = noise(2, 2000)
    offset = signal + 10.0
    np.testing.assert_allclose(
        signals.bandpass(offset, 100.0, None, 20.0).mean(), offset.mean(), atol=0.05
    )
    assert abs(signals.bandpass(offset, 100.0, 1.0, None).mean()) < 0.05
    np.testing.assert_array_equal(signals.bandpass(signal, 100.0, None, None), signal)
    forward = signals.bandpass(signal, 100.0, 1.0, 20.0)[:, 500:-500]
    backward = signals.bandpass(signal[:, ::-1], 100.0, 1.0, 20.0)[:, ::-1][:, 500:-500]
    np.testing.assert_allclose(forward, backward, atol=1e-3)


def test_bandpass_takes_short_signals_and_keeps_float32() -> None:
    result = signals.bandpass(noise(1, 30).astype(np.float32), 400.0, 0.5, 40.0)
    assert result.shape == (1, 30)
    assert result.dtype == np.float32


@pytest.mark.parametrize(("low", "high"), [(0.0, 40.0), (40.0, 0.5), (5.0, 5.0), (0.5, 200.0)])
def test_bandpass_edges_that_make_no_sense(low: float, high: float) -> None:
    with pytest.raises(InputError, match="expected 0"):
        signals.bandpass(noise(1, 500), 400.0, low, high)


# --- windows


@settings(max_examples=50)
@given(
    n_samples=st.integers(1, 200),
    length=st.integers(1, 40),
    context=st.integers(0, 20),
    step=st.integers(1, 30),
)
def test_windows_equal_plain_slices(n_samples: int, length: int, context: int, step: int) -> None:
    signal = noise(2, n_samples)
    starts = signals.regular_starts(n_samples, length, step, context)
    if n_samples >= length + 2 * context:
        random = signals.random_starts(5, n_samples, length, context, np.random.default_rng(0))
        starts = np.concatenate([starts, random])
    else:
        assert len(starts) == 0
    windows = signals.cut_windows(signal, starts, length, context)
    assert windows.shape == (len(starts), 2, length + 2 * context)
    for window, start in zip(windows, starts, strict=True):
        np.testing.assert_array_equal(window, signal[:, start - context : start + length + context])


def test_windows_are_copies() -> None:
    signal = np.zeros((1, 10))
    signals.cut_windows(signal, [0, 1], 4)[:] = 1.0
    assert not signal.any()


@pytest.mark.parametrize("start", [1, 7])
def test_a_window_may_not_leave_the_recording(start: int) -> None:
    with pytest.raises(InputError, match=r"samples -?\d+ to \d+, .*0 to 9"):
        signals.cut_windows(np.zeros((1, 10)), [start], 2, 2)


def test_random_starts_reach_both_ends_and_repeat_by_seed() -> None:
    drawn = signals.random_starts(500, 20, 10, 2, np.random.default_rng(3))
    assert (drawn.min(), drawn.max()) == (2, 8)
    again = signals.random_starts(500, 20, 10, 2, np.random.default_rng(3))
    np.testing.assert_array_equal(drawn, again)
    with pytest.raises(InputError, match="10 samples"):
        signals.random_starts(1, 13, 10, 2, np.random.default_rng(0))


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="least 1"):
        signals.regular_starts(100, 10, 0)


def test_whole_numbers_are_not_rounded() -> None:
    counts = np.random.default_rng(0).integers(-9, 9, (1, 400))
    for change in (
        lambda x: signals.resample(x, 100, 50),
        lambda x: signals.bandpass(x, 100, 5, 20),
    ):
        assert change(counts.astype(np.int16)).dtype == np.float64
        np.testing.assert_array_equal(change(counts.astype(np.int16)), change(counts.astype(float)))


def test_rates_too_far_apart_are_refused() -> None:
    with pytest.raises(InputError, match="15000 Hz cannot"):
        signals.resample(np.zeros((1, 30_000)), 15_000, 1)
