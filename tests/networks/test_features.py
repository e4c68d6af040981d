"""Fixed features: beats where they were put, intervals, moments and components by definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from triptych.networks import (
    ChannelStatistics,
    Components,
    ConvEncoder,
    HandCrafted,
    RhythmFeatures,
    RotationInvariants,
)
from triptych.networks.statistics import fit_statistics
from triptych.transforms import Rotation


def beats_at(times: list[float], rate: float, seconds: float, width: float) -> Tensor:
    """Signal ``(1, 1, t)`` with a Gaussian bump of a deviation of `width` s at each time."""
    t = torch.arange(round(rate * seconds), dtype=torch.float64) / rate
    bumps = [torch.exp(-0.5 * ((t - each) / width).square()) for each in times]
    return torch.stack(bumps).sum(dim=0)[None, None]


TIMES = [0.6, 1.4, 2.15, 3.2, 3.9, 4.75, 5.5, 6.6, 7.3, 8.2, 9.3]


@pytest.mark.parametrize(("kind", "rate", "width"), [("ecg", 250.0, 0.012), ("ppg", 50.0, 0.1)])
def test_beats_are_found_in_noise_of_any_gain(kind: str, rate: float, width: float) -> None:
    made = RhythmFeatures(1, round(10 * rate), rate=rate, kind=kind)  # pyright: ignore
    x = beats_at(TIMES, rate, 10, width)
    noise = 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).double()
    drift = 0.3 * torch.sin(torch.arange(x.shape[-1]) / rate * 2 * torch.pi * 0.1)
    for gain in (1.0, 1e-3):
        found = made.beats(gain * (x + noise + drift))[0].nonzero()[:, 0] / rate
        assert len(found) == len(TIMES)
        assert (found - torch.tensor(TIMES)).abs().max() < 0.06
    assert not made.beats(torch.zeros(1, 1, x.shape[-1])).any()


def test_intervals_are_described_by_their_definitions() -> None:
    made = RhythmFeatures(1, 2500, rate=250.0)
    x = beats_at(TIMES, 250.0, 10, 0.012)
    rr = np.diff(made.beats(x)[0].nonzero()[:, 0].numpy() / 250.0)
    change = np.diff(rr)
    turning = np.mean([(a < b) != (b < c) for a, b, c in zip(rr, rr[1:], rr[2:], strict=False)])
    expected = [
        1.1, rr.mean(), np.sort(rr)[(len(rr) - 1) // 2], rr.std(), np.sqrt((change**2).mean()),
        np.mean(np.abs(change) > 0.05), rr.min(), rr.max(), rr.std() / rr.mean(), turning,
    ]  # fmt: skip
    assert made.describe(x)[0].tolist() == pytest.approx(expected)
    none, one = made.describe(torch.cat([0 * x, beats_at([5.0], 250.0, 10, 0.012)]))
    assert none.tolist() == [0, 10, 10, 0, 0, 0, 10, 10, 0, 0]
    assert one.tolist() == pytest.approx([0.1, 10, 10, 0, 0, 0, 10, 10, 0, 0])


def test_an_irregular_rhythm_is_told_from_a_regular_one() -> None:
    generator = np.random.default_rng(0)
    made = RhythmFeatures(1, 2500, rate=250.0)
    spread = []
    for deviation in (0.01, 0.2):
        times = 0.3 + np.cumsum(np.clip(generator.normal(0.8, deviation, 11), 0.4, None))
        spread.append(float(made.describe(beats_at(times.tolist(), 250.0, 10, 0.012))[0, 3]))
    assert spread[0] < 0.03 < 0.1 < spread[1]


def test_moments_and_spectrum_of_an_axis() -> None:
    made = HandCrafted(3, 100)
    t = torch.arange(100, dtype=torch.float64) / 100
    x = torch.stack([2 + torch.sin(2 * torch.pi * (5 * t + 0.11)), 0 * t, 1 + 0 * t])[None]
    axis = made.describe(x)[0, :12]
    sine = x[0, 0]
    assert axis[0] == pytest.approx(2)
    assert axis[1] == pytest.approx(0.5**0.5)
    assert axis[2:5].tolist() == pytest.approx([1, 3, 2], abs=0.07)
    assert axis[6] == pytest.approx(2 / torch.pi, abs=0.01)
    assert axis[7] == pytest.approx((4 + 0.5) ** 0.5)
    assert axis[8] == pytest.approx(10 / 99)
    assert axis[9:].tolist() == pytest.approx([0.05, 1, 0], abs=1e-6)
    both = torch.stack([sine, -2 * sine, torch.cos(2 * torch.pi * (5 * t + 0.11))])[None]
    assert made.describe(both)[0, -3:].tolist() == pytest.approx([-1, 0, 0], abs=1e-9)


def test_statistics_of_invariant_channels_are_invariant_and_beside_a_convolution() -> None:
    torch.manual_seed(0)
    x, turn, front = torch.randn(4, 3, 64).double() + 1, Rotation(), RotationInvariants()
    turned = turn.apply(x, turn.sample(4, torch.Generator().manual_seed(0)))
    made = ChannelStatistics(15, 64)
    expected = made.describe(front(x))
    assert expected.shape == (4, 180)
    torch.testing.assert_close(made.describe(front(turned)), expected, atol=1e-3, rtol=1e-3)
    made.fit(front(x).float())  # what is 0 but for rounding has no spread to be divided by
    found = [made(front(y.float())) for y in (x, turned)]
    torch.testing.assert_close(*found, atol=0.02, rtol=0)
    conv = ConvEncoder(15, 64, statistics=6).double()
    assert conv.features == ConvEncoder(15, 64).features + 6
    assert conv.beside is not None
    torch.testing.assert_close(conv(x.repeat(1, 5, 1))[:, -6:], conv.beside(x.repeat(1, 5, 1)))
    numbers = ChannelStatistics(3, 64).describe(x).unflatten(1, (3, 12))
    assert numbers[:, 0, 4].tolist() == x[:, 0].sort().values[:, 32].tolist()


def test_statistics_take_their_scale_from_training_windows_and_draw_nothing() -> None:
    torch.manual_seed(0)
    x = 5 + torch.randn(40, 2, 32)
    encoder = ConvEncoder(2, 32, statistics=6, dropout=0.5)
    trunk, before = encoder.beside, torch.get_rng_state()
    assert trunk is not None
    fit_statistics(nn.Sequential(nn.Identity(), encoder), x)
    assert torch.equal(torch.get_rng_state(), before)
    assert encoder.training
    scaled = (trunk.numbers(x) - trunk.centre) * trunk.scale
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(24), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std(dim=0, correction=0), torch.ones(24), atol=1e-4, rtol=0)
    kept = encoder.eval()(x)
    fit_statistics(ConvEncoder(2, 32), x)  # has none
    assert torch.equal(encoder(x), kept)


def test_a_constant_channel_has_no_spectrum_and_no_crossings() -> None:
    for level in (0.0, 9.81, 1e-8):
        found = ChannelStatistics(1, 50).describe(torch.full((1, 1, 50), level))[0]
        assert found[[8, 10, 11]].tolist() == pytest.approx([0, 0, 0], abs=1e-3)
        assert found.isfinite().all()


def test_components_are_those_of_scikit_learn_and_keep_distances() -> None:
    from sklearn.decomposition import PCA

    x = torch.randn(60, 2, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7)
    made = Components(2, 6, outputs=4)
    made.fit(x)
    expected = PCA(4).fit_transform(x.flatten(1).numpy())
    np.testing.assert_allclose(np.abs(made(x).numpy()), np.abs(expected), atol=1e-4)
    whole = Components(2, 6, outputs=12)
    whole.fit(x)
    apart = [torch.cdist(each, each) for each in (whole(x), x.flatten(1))]
    torch.testing.assert_close(*apart, atol=2e-2, rtol=0)
