"""Gain, noise, baseline wander, channel dropout and lead swap; the replayable randomness."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.transforms import BaselineWander, ChannelDropout, Gain, LeadSwap, NoiseSNR
from triptych.transforms.seeded import SEEDS, bits, normals, uniforms

decibels = st.floats(-20, 20, width=32)


# Randomness by counter


def test_bits_are_the_published_hash_mixed_with_python_integers() -> None:
    def mix(v: int) -> int:
        v ^= v >> 16
        v = v * 0x7FEB352D % 2**32
        v ^= v >> 15
        v = v * 0x846CA68B % 2**32
        return v ^ v >> 16

    seed = torch.tensor([0, 1, 12345, SEEDS - 1])
    drawn = bits(seed, 50, stream=2)
    for row, s in enumerate(seed.tolist()):
        key = mix(mix(s + 1) ^ mix(2 + SEEDS))
        assert drawn[row].tolist() == [mix(mix(i) ^ key) for i in range(50)]


def test_bits_are_balanced_and_have_no_serial_correlation() -> None:
    drawn = bits(torch.arange(2000), 100, stream=0).numpy()
    for k in range(32):
        bit = drawn >> k & 1
        assert abs(bit.mean() - 0.5) < 0.005
        assert abs(np.corrcoef(bit[:, 1:].ravel(), bit[:, :-1].ravel())[0, 1]) < 0.01
        assert abs(np.corrcoef(bit[1:].ravel(), bit[:-1].ravel())[0, 1]) < 0.01


def test_uniforms_and_normals_have_their_distributions() -> None:
    seed = torch.arange(400)
    assert scipy.stats.kstest(uniforms(seed, 250, 0).numpy().ravel(), "uniform").pvalue > 0.001
    z = normals(seed, 250, 0).numpy().ravel()
    assert scipy.stats.kstest(z, "norm").pvalue > 0.001
    assert abs(scipy.stats.skew(z)) < 0.03
    assert abs(scipy.stats.kurtosis(z)) < 0.06


def test_normals_of_neighbouring_seeds_streams_and_lags_are_independent() -> None:
    z = normals(torch.arange(200), 1000, 0).numpy()
    correlation = np.corrcoef(z)[np.triu_indices(200, 1)]
    assert scipy.stats.kstest(correlation * 1000**0.5, "norm").pvalue > 0.001
    other = normals(torch.arange(200), 1000, 1).numpy()
    assert abs((z * other).mean()) < 0.01
    for lag in (1, 2, 499, 500, 501):
        assert abs((z[:, lag:] * z[:, :-lag]).mean()) < 0.015


def test_seeds_at_the_end_survive_float32() -> None:
    params = torch.tensor([[10.0, SEEDS - 1], [10.0, SEEDS - 2]])
    y = NoiseSNR().apply(torch.randn(1, 1, 50).repeat(2, 1, 1), params)
    assert not torch.equal(y[0], y[1])


@pytest.mark.parametrize("seed", [-1.0, 0.5, float(SEEDS), math.nan])
def test_seeds_that_are_none_are_refused(seed: float) -> None:
    with pytest.raises(InputError, match="whole number"):
        NoiseSNR().apply(torch.randn(1, 1, 50), torch.tensor([[10.0, seed]]))


def test_seeds_are_ignored_by_distance_and_relative() -> None:
    for transform in (NoiseSNR(), BaselineWander(), ChannelDropout()):
        a = transform.sample(5)
        b = torch.stack([a[:, 0], a[:, 1].flip(0)], dim=1)
        assert (transform.distance(a, b) == 0).all()
        assert (transform.relative(a, b) == 0).all()


# Gain


@settings(max_examples=20)
@given(a=decibels, b=decibels)
def test_gain_is_a_group_on_signals(a: float, b: float) -> None:
    gain, x = Gain(), torch.randn(1, 2, 30, dtype=torch.float64)
    a_, b_ = torch.tensor([[a]], dtype=torch.float64), torch.tensor([[b]], dtype=torch.float64)
    torch.testing.assert_close(
        gain.apply(gain.apply(x, a_), b_), gain.apply(x, gain.compose(a_, b_))
    )
    torch.testing.assert_close(gain.apply(gain.apply(x, a_), gain.inverse(a_)), x)
    moved = gain.apply(gain.apply(x, a_), gain.relative(a_, b_))
    torch.testing.assert_close(moved, gain.apply(x, b_))


def test_gain_of_twenty_decibels_is_ten() -> None:
    x = torch.randn(1, 1, 9)
    torch.testing.assert_close(Gain().apply(x, torch.tensor([[20.0]])), 10 * x)
    with pytest.raises(InputError, match="max_gain=-1"):
        Gain(-1)


# Noise


@settings(max_examples=20)
@given(snr=st.floats(-10, 40, width=32))
def test_noise_has_the_ratio_asked_for_in_every_channel(snr: float) -> None:
    x = torch.randn(1, 2, 10_000, dtype=torch.float64) * torch.tensor([[[1.0], [30.0]]]) + 100
    noise = NoiseSNR().apply(x, torch.tensor([[snr, 7.0]])) - x
    measured = 10 * torch.log10(x.var(dim=2) / noise.var(dim=2))
    torch.testing.assert_close(measured, torch.full_like(measured, snr), rtol=0, atol=0.4)
    assert abs(np.corrcoef(noise[0].numpy())[0, 1]) < 0.05


def test_noise_vanishes_at_infinity_and_on_constant_channels() -> None:
    x = torch.randn(3, 2, 40)
    x[:, 1] = 0.1
    transform = NoiseSNR()
    assert torch.equal(transform.apply(x, transform.identity(3)), x)
    y = transform.apply(x.requires_grad_(), transform.sample(3))
    assert torch.equal(y[:, 1], x[:, 1])
    y.sum().backward()
    assert x.grad.isfinite().all()


def test_noise_distance_is_on_amplitude() -> None:
    transform = NoiseSNR()
    a, b = torch.tensor([[20.0, 1.0]]), torch.tensor([[40.0, 2.0]])
    torch.testing.assert_close(transform.distance(a, b), torch.tensor([0.09]))
    torch.testing.assert_close(transform.relative(a, b), torch.tensor([[-0.09, 0.0]]))
    far = transform.distance(a, transform.identity(1))
    torch.testing.assert_close(far, torch.tensor([0.1]))


def test_noise_refuses_what_is_no_ratio() -> None:
    for snr in (math.nan, -math.inf):
        with pytest.raises(InputError, match="noise_snr got magnitudes"):
            NoiseSNR().apply(torch.randn(1, 1, 5), torch.tensor([[snr, 0.0]]))
    with pytest.raises(InputError, match="low=30"):
        NoiseSNR(30, 5)


# Baseline wander


def test_baseline_wander_has_its_amplitude_and_its_band() -> None:
    rate, time = 20.0, 20_000
    transform = BaselineWander(rate=rate, low=0.05, high=0.5)
    x = torch.randn(6, 2, time, dtype=torch.float64) * 3 + 1
    params = transform.sample(6)
    params[:, 0] = 0.7
    drift = transform.apply(x, params) - x
    ratio = drift.square().mean(2).sqrt() / x.std(2)
    torch.testing.assert_close(ratio, torch.full_like(ratio, 0.7), rtol=0.03, atol=0)
    power = np.abs(np.fft.rfft(drift.numpy())) ** 2
    frequency = np.fft.rfftfreq(time, 1 / rate)
    inside = power[..., (frequency > 0.04) & (frequency < 0.51)].sum()
    assert inside / power.sum() > 0.995


def test_baseline_wander_refuses_a_band_beyond_nyquist_and_negative_amplitudes() -> None:
    with pytest.raises(InputError, match="high=30"):
        BaselineWander(rate=50, high=30)
    with pytest.raises(InputError, match="baseline_wander got magnitudes"):
        BaselineWander().apply(torch.randn(1, 1, 50), torch.tensor([[-1.0, 0.0]]))


# Channel dropout


def test_channel_dropout_drops_as_many_as_asked_and_keeps_the_rest() -> None:
    transform = ChannelDropout(max_channels=3)
    x = torch.randn(4000, 5, 4) + 10
    params = transform.sample(4000)
    y = transform.apply(x, params)
    gone = (y == 0).all(dim=2)
    assert torch.equal(gone.sum(dim=1).float(), params[:, 0])
    assert torch.equal(y[~gone], x[~gone])
    assert (gone.float().mean(dim=0) - 0.3).abs().max() < 0.04
    assert torch.equal(params[:, 0].unique(), torch.arange(4.0))


def test_channel_dropout_leaves_a_channel() -> None:
    with pytest.raises(InputError, match=r"\(2, 1, 9\)"):
        ChannelDropout().apply(torch.randn(2, 1, 9), torch.zeros(2, 2))
    with pytest.raises(InputError, match="2 to 2"):
        ChannelDropout().apply(torch.randn(1, 3, 9), torch.tensor([[2.0, 0.0]]))
    with pytest.raises(InputError, match="whole numbers"):
        ChannelDropout().apply(torch.randn(1, 3, 9), torch.tensor([[0.5, 0.0]]))


# Lead swap


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_lead_swaps_are_a_group_on_signals(seed: int) -> None:
    swap, g = LeadSwap(channels=5, swaps=3), torch.Generator().manual_seed(seed)
    x, a, b = torch.randn(6, 5, 7), swap.sample(6, g), swap.sample(6, g)
    once = swap.apply(x, a)
    assert torch.equal(swap.apply(once, b), swap.apply(x, swap.compose(a, b)))
    assert torch.equal(swap.apply(once, swap.inverse(a)), x)
    assert torch.equal(swap.apply(once, swap.relative(a, b)), swap.apply(x, b))


def test_one_swap_moves_exactly_two_channels() -> None:
    swap = LeadSwap(channels=4)
    params = swap.sample(3000)
    assert (swap.distance(params, swap.identity(3000)) == 2).all()
    assert len(params.unique(dim=0)) == 6
    two = LeadSwap()
    x = torch.randn(3, 2, 5)
    assert torch.equal(two.apply(x, two.sample(3)), x.flip(1))


def test_lead_swap_refuses_other_channels_and_no_permutation() -> None:
    with pytest.raises(InputError, match=r"\(1, 3, 5\).*channels=2"):
        LeadSwap().apply(torch.randn(1, 3, 5), torch.tensor([[1.0, 0.0]]))
    with pytest.raises(InputError, match="no permutation"):
        LeadSwap().apply(torch.randn(1, 2, 5), torch.tensor([[1.0, 1.0]]))


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: ChannelDropout(max_channels=1.5), "max_channels=1.5"),  # type: ignore[arg-type]
        (lambda: LeadSwap(channels=2.5), "channels=2.5"),  # type: ignore[arg-type]
        (lambda: LeadSwap(swaps=0.5), "swaps=0.5"),  # type: ignore[arg-type]
    ],
)
def test_counts_are_whole_numbers(make: Callable[[], object], setting: str) -> None:
    with pytest.raises(InputError, match=f"{setting}, expected a whole number"):
        make()
