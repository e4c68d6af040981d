"""The Fisher penalty: its gradient by definition, resumed trainings, and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from triptych.errors import InputError
from triptych.training import FisherPenalty


class Two(nn.Module):
    """Two weights; the gradients are given."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(3.0, dtype=torch.float64))

    def step(self, penalty: FisherPenalty, a: list[float], b: float) -> list[float]:
        self.a.grad = torch.tensor(a, dtype=torch.float64)
        self.b.grad = torch.tensor(b, dtype=torch.float64)
        given: Any = self
        penalty.on_after_backward(given, given)
        found = [*self.a.grad.tolist(), self.b.grad.item()]
        with torch.no_grad():
            for each in self.parameters():
                each.sub_(0.5 * each.grad)
        return found


def test_the_gradient_is_the_definition() -> None:
    made, penalty = Two(), FisherPenalty(0.3, momentum=0.9)
    assert made.step(penalty, [1.0, -2.0], 4.0) == [1.0, -2.0, 4.0]  # nothing has moved yet
    found = made.step(penalty, [2.0, 1.0], 0.0)
    weights = [0.5, 3.0, 1.0]  # before the second step
    fisher = [0.9 * x + 0.1 * y for x, y in zip((1, 4, 16), (4, 1, 0), strict=True)]
    anchors = [0.9 * x + 0.1 * y for x, y in zip((1, 2, 3), weights, strict=True)]
    mean = sum(fisher) / 3
    rows = zip((2.0, 1.0, 0.0), fisher, weights, anchors, strict=True)
    expected = [g + 2 * 0.3 * f / mean * (w - c) for g, f, w, c in rows]
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_resumed_training_takes_the_same_steps_and_no_weight_changes_nothing() -> None:
    one, other, nothing = Two(), Two(), FisherPenalty(0.0)
    first, second = FisherPenalty(0.3), FisherPenalty(0.3)
    for model in (one, other):
        model.step(first if model is one else second, [1.0, -2.0], 4.0)
    resumed = FisherPenalty(0.3)
    resumed.load_state_dict(second.state_dict())
    assert one.step(first, [2.0, 1.0], 1.0) == other.step(resumed, [2.0, 1.0], 1.0)
    assert one.step(nothing, [2.0, 1.0], 1.0) == [2.0, 1.0, 1.0]


@pytest.mark.parametrize("settings", [{"weight": -1.0}, {"momentum": 1.0}])
def test_what_cannot_be_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError, match="Fisher"):
        FisherPenalty(**settings)
