"""The one preprocessing: band, phase, gravity and missing samples of whole recordings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych import signals
from triptych.datasets import Recording, preprocess
from triptych.signals.preprocessing import Preprocessing
from triptych.training.recipe import Recipe

FORM = Preprocessing(100.0, low=0.5, high=20.0)
CAUSAL = Preprocessing(100.0, low=0.5, high=20.0, phase="causal")


def noise(time: int = 800, channels: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((channels, time)) + 1.0


def test_zero_phase_is_resampled_and_then_filtered() -> None:
    expected = signals.bandpass(signals.resample(noise(), 250.0, 100.0), 100.0, 0.5, 20.0)
    np.testing.assert_array_equal(FORM.apply(noise(), 250.0), expected)
    np.testing.assert_array_equal(Preprocessing(100.0).apply(noise()), noise())


@settings(max_examples=20)
@given(change=st.integers(1, 799), seed=st.integers(0, 99))
def test_a_causal_filter_does_not_look_ahead(change: int, seed: int) -> None:
    x = noise(seed=seed)
    later = x.copy()
    later[:, change:] += 5
    np.testing.assert_array_equal(CAUSAL.apply(x)[:, :change], CAUSAL.apply(later)[:, :change])
    assert (FORM.apply(x)[:, :change] != FORM.apply(later)[:, :change]).any()


def test_a_causal_filter_starts_steady_and_can_be_streamed_by_its_sections() -> None:
    from scipy.signal import sosfilt, sosfilt_zi

    found = CAUSAL.filters()
    assert found is not None
    ((channels, sections),) = found
    assert channels == 0
    assert sections.shape == (3, 6)
    assert Preprocessing(100.0).filters() == []
    assert FORM.filters() is None
    assert abs(CAUSAL.apply(np.full((1, 50), 7.0))).max() < 1e-9
    low_pass = Preprocessing(100.0, high=20.0, phase="causal")
    np.testing.assert_allclose(low_pass.apply(np.full((1, 50), 7.0)), 7.0)
    x = noise()
    state = sosfilt_zi(sections)[:, None] * x[:, 0][None, :, None]
    made = []
    for start in range(0, 800, 37):
        part, state = sosfilt(sections, x[:, start : start + 37], axis=-1, zi=state)
        made.append(part)
    np.testing.assert_allclose(np.concatenate(made, axis=1), CAUSAL.apply(x), atol=1e-12)


def test_whole_numbers_are_filtered_as_floats_are() -> None:
    whole = (100 * noise(400, channels=3)).astype(np.int16)
    for form in (FORM, Preprocessing(100.0, gravity=False)):
        np.testing.assert_allclose(form.apply(whole), form.apply(whole.astype(float)))


def test_without_gravity_the_first_sensor_has_no_mean_and_others_keep_theirs() -> None:
    found = Preprocessing(100.0, gravity=False).apply(noise(4000, channels=6))
    assert abs(found[:3].mean(axis=1)).max() < 0.02
    np.testing.assert_array_equal(found[3:], noise(4000, channels=6)[3:])


def test_plain_data_bring_it_back_and_say_only_what_is_unusual() -> None:
    for form in (FORM, CAUSAL, Preprocessing(50.0, ("x", "y", "z"), 100, gravity=False)):
        assert Preprocessing.from_dict(form.to_dict()) == form
    assert set(FORM.to_dict()) == {"rate", "channels", "length", "low", "high"}
    assert CAUSAL.to_dict()["phase"] == "causal"


@settings(max_examples=20)
@given(
    first=st.integers(0, 700),
    count=st.integers(1, 99),
    rate=st.sampled_from([50.0, 100.0, 250.0]),
)
def test_missing_samples_stay_missing_and_do_not_spread(
    first: int, count: int, rate: float
) -> None:
    x = noise()
    x[1, first : first + count] = np.nan
    found = Preprocessing(100.0, low=0.5, high=20.0).apply(x, rate)
    assert np.isfinite(found[0]).all()
    at = np.arange(found.shape[1]) * (rate / 100.0)
    inside = (at >= first) & (at <= first + count - 1)
    near = (at > first - 1) & (at < first + count)
    assert np.isnan(found[1, inside]).all()
    assert np.isfinite(found[1, ~near]).all()


def test_recordings_and_recipes_spell_it_the_same() -> None:
    recording = Recording("a", "p", noise().astype(np.float32), 250.0, ("x", "y"))
    by_numbers = preprocess(recording, 100.0, 0.5, 20.0)
    np.testing.assert_array_equal(by_numbers.signal, preprocess(recording, FORM).signal)
    assert (preprocess(recording, CAUSAL).signal != by_numbers.signal).any()
    data = {"name": "simulated", "rate": 100.0, "low": 0.5, "high": 20.0, "phase": "causal"}
    latent = [{"name": "a", "size": 4}]
    recipe = Recipe.of(
        {"name": "r", "data": data, "latent": latent, "objective": {"name": "plain"}}
    )
    assert recipe.data.preprocessing(("x",)) == Preprocessing(
        100.0, ("x",), 100, 0.5, 20.0, "causal"
    )


def test_what_no_filter_can_do_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 0"):
        Preprocessing(100.0, high=60.0).apply(noise())
