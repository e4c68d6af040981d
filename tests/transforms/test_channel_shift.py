"""The turned ring of electrodes beside the laws of every transform (test_base)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.transforms import ChannelShift


@given(a=st.integers(0, 7), b=st.integers(0, 7))
def test_turns_add_up_around_and_are_exact(a: int, b: int) -> None:
    shift, x = ChannelShift(), torch.randn(1, 8, 5)
    first, second = torch.tensor([[float(a)]]), torch.tensor([[float(b)]])
    assert torch.equal(shift.apply(x, first), torch.roll(x, -a, dims=1))
    both = shift.apply(shift.apply(x, first), second)
    assert torch.equal(both, shift.apply(x, shift.compose(first, second)))
    assert torch.equal(shift.apply(shift.apply(x, first), shift.inverse(first)), x)
    assert float(shift.distance(first, second)) == min((a - b) % 8, (b - a) % 8)
    assert torch.equal(shift.apply(shift.apply(x, first), shift.relative(first, second)),
                       shift.apply(x, second))  # fmt: skip


def test_every_position_is_drawn_swept_and_said() -> None:
    shift = ChannelShift()
    drawn = shift.sample(400, torch.Generator().manual_seed(0))
    assert sorted(drawn.unique().tolist()) == list(range(8))
    assert ChannelShift(most=2).sample(200).max() == 2
    assert sorted(shift.grid(3)[:, 0].tolist()) == list(range(8))
    assert shift.at(3).tolist() == [[3], [5]]  # either way around
    assert shift.at(4).tolist() == [[4]]
    assert shift.label(torch.tensor([[1.0], [6.0]])) == ["1 electrodes", "−2 electrodes"]
    # the last position is beside the first, for a probe too
    last, first = (shift.factor(torch.tensor([[k]])) for k in (7.0, 1.0))
    torch.testing.assert_close(last, first * torch.tensor([1.0, -1.0]))


@pytest.mark.parametrize(
    ("x", "theta", "word"),
    [(torch.zeros(1, 6, 5), 1.0, "channels=8"), (torch.zeros(1, 8, 5), 0.5, "whole numbers")],
)
def test_other_rings_and_half_electrodes_are_refused(
    x: torch.Tensor, theta: float, word: str
) -> None:
    with pytest.raises(InputError, match=word):
        ChannelShift().apply(x, torch.tensor([[theta]]))
    with pytest.raises(InputError, match="most"):
        ChannelShift(most=8)
