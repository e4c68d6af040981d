"""Motion is removed exactly, and a time scale is a shift along log frequency."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych import InputError
from triptych.networks import LogFrequency, MotionRemoved, Standardize, TempoEncoder
from triptych.networks.encoder import FrontEnd
from triptych.networks.log_frequency import OCTAVE
from triptych.transforms import Rotation, TimeScale

RATE, LENGTH = 25.0, 200


def worn(seed: int, n: int = 3) -> torch.Tensor:
    """Two optical channels with a pulse of 2 Hz under motion of 1.3 Hz, in float64."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(LENGTH, dtype=torch.float64) / RATE
    steps = (2 * math.pi * (1.3 * time + torch.rand(n, 3, 1, generator=generator))).sin()
    noise = 0.1 * torch.randn(n, 3, LENGTH, generator=generator).double()
    motion = steps * torch.rand(n, 3, 1, generator=generator) + noise + 1.0
    pulse = (2 * math.pi * 2.0 * time).sin()
    optical = 0.4 * pulse + (torch.randn(n, 2, 3, generator=generator).double() @ (motion - 1.0))
    return torch.cat([optical + 5.0, motion], dim=1)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 99),
    gains=st.tuples(*[st.floats(0.1, 10)] * 3),
    shift=st.integers(0, LENGTH - 1),
)
def test_motion_removed_ignores_turns_gains_and_offsets_and_moves_along(
    seed: int, gains: tuple[float, float, float], shift: int
) -> None:
    x, front = worn(seed), MotionRemoved(RATE)
    turning = Rotation(triads=((2, 3, 4),))
    turned = turning.apply(x, turning.sample(3, torch.Generator().manual_seed(seed)))
    scaled = torch.cat([gains[0] * x[:, :1], gains[1] * x[:, 1:2] - 3, gains[2] * turned[:, 2:]], 1)
    wave = (2 * math.pi * 3 * torch.arange(LENGTH, dtype=torch.float64) / LENGTH).cos()  # 0.4 Hz
    scaled = scaled + wave * torch.randn(5, 1, generator=torch.Generator().manual_seed(seed))
    found = front(x)
    assert found.shape == (3, 2, LENGTH)
    torch.testing.assert_close(front(scaled), found, atol=1e-5, rtol=0)
    torch.testing.assert_close(front(x.roll(shift, 2)), found.roll(shift, 2), atol=1e-9, rtol=0)


def test_residuals_are_those_of_ridge_regression_and_the_pulse_is_what_stays() -> None:
    x = worn(0)
    found = MotionRemoved(RATE, reach=0.08, lags=3, ridge=0.5)(x)
    bins = torch.fft.rfft(x)
    bins[:, :, :5] = 0  # up to 0.6 Hz
    x = torch.fft.irfft(bins, n=LENGTH)
    standard, motion = Standardize()(x[:, :2]), x[:, 2:]
    motion = motion / motion.square().mean((1, 2), keepdim=True).sqrt()
    lagged = torch.cat([motion.roll(lag, 2) for lag in (-2, 0, 2)], 1)
    gram = lagged @ lagged.mT + 0.5 * LENGTH * torch.eye(9, dtype=torch.float64)
    weights = torch.linalg.solve(gram, lagged @ standard.mT)
    torch.testing.assert_close(found, standard - weights.mT @ lagged, atol=1e-5, rtol=0)
    front = LogFrequency(RATE), LogFrequency(RATE, motion=2)
    place = [each(x)[:, :2].mean((0, 1)).argmax() for each in front]
    strongest = [float(front[0].frequencies[each]) for each in place]
    assert strongest == pytest.approx([1.3, 2.0], rel=0.03)  # motion, and behind it the pulse


def test_without_motion_nothing_is_removed() -> None:
    x = worn(0)
    x[:, 2:] = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)[:, None]
    torch.testing.assert_close(MotionRemoved(RATE, drift=0.1)(x), Standardize()(x[:, :2]))


def tones(frequency: float, n: int = 2) -> torch.Tensor:
    time = (torch.arange(LENGTH, dtype=torch.float64) - (LENGTH - 1) / 2) / RATE
    phase = torch.rand(n, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    return (2 * math.pi * (frequency * time + phase)).cos()


@settings(max_examples=20)
@given(frequency=st.floats(1.3, 2.0), steps=st.integers(-12, 12))
def test_a_time_scale_is_a_shift_along_log_frequency(frequency: float, steps: int) -> None:
    front, scale = LogFrequency(RATE), 2 ** (steps / OCTAVE)
    assert front.shape(1, LENGTH) == (1, 61)
    assert float(front.frequencies[OCTAVE] / front.frequencies[0]) == pytest.approx(2)
    still, moved = front(tones(frequency)), front(tones(frequency * scale))
    places = (moved.argmax(2) - still.argmax(2)).flatten().tolist()
    assert all(abs(place - steps) <= 1 for place in places)
    # by the transform itself: what it mirrors at the edges leaves the peak where it is
    faster = TimeScale(1.5).apply(tones(frequency), torch.full((2, 1), scale, dtype=torch.float64))
    assert ((front(faster).argmax(2) - moved.argmax(2)).abs() <= 1).all()


@settings(max_examples=20)
@given(place=st.integers(12, 30), steps=st.integers(-8, 8))
def test_pairs_turn_with_the_spectrum_and_are_as_long_as_the_peak_is_clear(
    place: int, steps: int
) -> None:
    encoder = TempoEncoder(2, 60, orders=2).double()

    def pairs(at: int, height: float) -> torch.Tensor:
        x = torch.zeros(1, 2, 60, dtype=torch.float64)
        x[:, :, at - 2 : at + 3] = height * torch.tensor([0.2, 0.6, 1.0, 0.6, 0.2])
        return torch.complex(*encoder(x).view(2, 2).unbind(0))

    still = pairs(place, 2.0)
    half_turns = math.pi * steps / OCTAVE * torch.arange(1.0, 3.0)
    turned = torch.polar(torch.ones(2), half_turns)
    torch.testing.assert_close(pairs(place + steps, 2.0), still * turned, atol=1e-6, rtol=0)
    assert (pairs(place, 0.05).abs() < still.abs() - 0.3).all()


def test_the_tempo_is_that_of_the_strongest_frequency() -> None:
    encoder = TempoEncoder(1, 61)
    cosine, sine = encoder(LogFrequency(RATE)(tones(1.7)).float()).view(2, 2, 6)[..., 0].unbind(1)
    octaves = torch.atan2(sine, cosine) / math.pi
    torch.testing.assert_close(0.9 * 2**octaves, torch.full((2,), 1.7), atol=0, rtol=0.01)
    assert not list(encoder.parameters())


@pytest.mark.parametrize(
    ("front", "channels"),
    [
        (MotionRemoved(RATE), 4),
        (MotionRemoved(RATE, first=0), 3),
        (LogFrequency(RATE, motion=3), 5),
    ],
)
def test_channels_that_do_not_fit_are_refused(front: FrontEnd, channels: int) -> None:
    with pytest.raises(InputError, match=f"{channels} channels"):
        front.shape(channels, LENGTH)
    with pytest.raises(InputError, match=f"{channels} channels"):
        front(torch.randn(2, channels, LENGTH))


@pytest.mark.parametrize(("low", "high"), [(2.0, 2.0), (0.9, 13.0)])
def test_a_band_that_is_none_or_beyond_the_signal_is_refused(low: float, high: float) -> None:
    with pytest.raises(InputError, match="low < high"):
        LogFrequency(RATE, low=low, high=high)


def test_spectra_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        TempoEncoder(2, 61)(torch.randn(2, 2, 60))
