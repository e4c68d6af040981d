"""A ring of electrodes turned until its loudest side comes first."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych import InputError
from triptych.networks import RingAligned, front_end
from triptych.transforms import ChannelShift


def ring(seed: int, channels: int = 8, n: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    loud = torch.rand(n, channels, 1, generator=generator) + 0.1
    return loud * torch.randn(n, channels, 50, generator=generator)


@settings(max_examples=30)
@given(seed=st.integers(0, 999), channels=st.integers(3, 9), turn=st.integers(0, 8))
def test_every_turn_of_the_ring_gives_one_output(seed: int, channels: int, turn: int) -> None:
    x, align = ring(seed, channels), RingAligned(scales=(0.5,))
    turned = ChannelShift(channels).apply(x, torch.full((4, 1), float(turn % channels)))
    assert torch.equal(align(turned), align(x))
    assert torch.equal(RingAligned()(align(x)), align(x))


def test_the_loudest_side_comes_first_and_nothing_is_lost() -> None:
    x = 0.01 * ring(0)
    x[:, 3] += 5 * ring(1)[:, 0]
    found = front_end("ring_aligned", scales=[0.1])(x)
    torch.testing.assert_close(found, 10 * x.roll(-3, dims=1))
    # two neighbours of the loudest channel decide where its side is
    flat = torch.ones(1, 8, 20)
    flat[0, 5], flat[0, 6], flat[0, 7] = 2.0, 2.1, 2.0
    assert RingAligned().loudest(flat).tolist() == [6]


@settings(max_examples=30)
@given(seed=st.integers(0, 999), turn=st.integers(0, 8), gain=st.floats(0.01, 100))
def test_a_gain_changes_nothing_if_loudness_is_the_unit(seed: int, turn: int, gain: float) -> None:
    x, align = ring(seed).double(), front_end("ring_aligned", scales=[0.5], per_loudness=True)
    found = align(x)
    torch.testing.assert_close(align(gain * x.roll(turn, dims=1)), found)
    assert found.square().mean(dim=(1, 2)).tolist() == pytest.approx([1.0] * 4)
    assert align(torch.zeros(1, 8, 20)).eq(0).all()


def test_missing_samples_stay_missing_on_every_channel() -> None:
    x = ring(0)
    x[:, 2, 10:20] = torch.nan
    found = RingAligned()(x)
    assert found[:, :, 10:20].isnan().all()
    assert found[:, :, 20:].isfinite().all()


@pytest.mark.parametrize(("scales", "channels", "named"), [((1.0,), 2, "2"), ((1.0, 2.0), 8, "8")])
def test_other_channels_are_refused(scales: tuple[float, ...], channels: int, named: str) -> None:
    with pytest.raises(InputError, match=f"{named} channels"):
        RingAligned(scales=scales)(torch.randn(2, channels, 30))
