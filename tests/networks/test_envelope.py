"""The spectrum of an envelope: exact under shifts and gains, and where beats repeat."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych import InputError
from triptych.networks import EnvelopeSpectrum, Standardize

RATE, LENGTH = 100.0, 1000
TIME = torch.arange(LENGTH, dtype=torch.float64) / RATE


def beating(carrier: float, beats: float, depth: float = 0.5) -> torch.Tensor:
    size = 1 + depth * (2 * math.pi * beats * TIME).cos()
    return (size * (2 * math.pi * carrier * TIME).sin())[None, None]


def test_an_amplitude_that_swings_is_one_line_in_the_closed_form() -> None:
    front = EnvelopeSpectrum(RATE)
    torch.testing.assert_close(
        front.envelope(beating(10.0, 1.2))[0, 0],
        1 + 0.5 * (2 * math.pi * 1.2 * TIME).cos(),
        atol=1e-6, rtol=0,
    )  # fmt: skip
    found = front(beating(10.0, 1.2))
    assert found.shape == (1, 1, 60)
    assert found.shape[1:] == front.shape(1, LENGTH)
    line = torch.zeros(60, dtype=torch.float64)
    line[11] = math.log1p(10 * math.sqrt(2))  # 1.2 Hz, bins of 0.1 Hz from 0.1 Hz on
    torch.testing.assert_close(found[0, 0], line, atol=1e-4, rtol=0)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 99),
    shift=st.integers(0, LENGTH - 1),
    gain=st.floats(0.1, 10),
    cycles=st.integers(0, 25),
)
def test_shifts_gains_and_what_lies_outside_of_the_band_change_nothing(
    seed: int, shift: int, gain: float, cycles: int
) -> None:
    x = torch.randn(2, 2, LENGTH, generator=torch.Generator().manual_seed(seed)).double()
    front = EnvelopeSpectrum(RATE)
    wander = (2 * math.pi * cycles * TIME / 10).cos()  # up to 2.5 Hz, half of the band's lower end
    high = (2 * math.pi * 30 * TIME).sin()
    torch.testing.assert_close(
        front(-gain * x.roll(shift, 2) + wander + high), front(x), atol=1e-6, rtol=0
    )


def test_regular_beats_are_lines_and_irregular_ones_are_none() -> None:
    def beats(at: torch.Tensor) -> torch.Tensor:
        return (-(((TIME[:, None] - at) / 0.02) ** 2)).exp().sum(1)[None, None]

    regular = 0.5 + torch.arange(10, dtype=torch.float64)
    noise = torch.rand(10, generator=torch.Generator().manual_seed(0)).double() - 0.5
    front, line = EnvelopeSpectrum(RATE), torch.arange(60) % 10 == 9
    known, drawn = (
        front(Standardize()(beats(at)))[0, 0] for at in (regular, regular + 0.5 * noise)
    )
    assert float(known[line].min()) > 1.0
    assert float(known[~line].max()) < 0.01
    assert float(drawn[~line].mean()) > 0.5


def test_silence_is_nothing_and_half_precision_is_near() -> None:
    front = EnvelopeSpectrum(RATE)
    assert front(torch.zeros(1, 2, LENGTH)).abs().max() < 0.01
    assert front(torch.empty(0, 1, LENGTH)).shape == (0, 1, 60)
    x = torch.randn(4, 1, LENGTH, generator=torch.Generator().manual_seed(0))
    near = front(x.bfloat16())
    assert near.dtype == torch.bfloat16
    assert (near.float() - front(x)).abs().mean() < 0.1
    x.requires_grad_()
    front(x).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize(("low", "high"), [(15.0, 5.0), (5.0, 51.0), (5.0, 5.0)])
def test_a_band_that_is_none_is_refused(low: float, high: float) -> None:
    with pytest.raises(InputError, match="low="):
        EnvelopeSpectrum(RATE, low=low, high=high)


def test_windows_too_short_for_one_line_are_refused() -> None:
    with pytest.raises(InputError, match="cutoff=6"):
        EnvelopeSpectrum(RATE).shape(1, 16)
