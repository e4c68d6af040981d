"""T-Loss and TS2Vec: where parts lie, and losses written from their definitions, in float64."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import SimCLR, TLoss, TS2Vec
from triptych.objectives.registry import make
from triptych.objectives.sub_series import sub_series
from triptych.objectives.t_loss import triplet_terms
from triptych.objectives.ts2vec import hierarchical_contrast
from triptych.transforms import PhaseShift

SHIFT = PhaseShift(max_shift=0.25, rate=40.0)
X = torch.randn(6, 2, 60, generator=torch.Generator().manual_seed(0))


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_a_part_keeps_its_place_and_the_rest_is_its_mean() -> None:
    part = sub_series(X, torch.tensor([3] * 6), torch.arange(10, 16))
    for i, end in enumerate(range(10, 16)):
        torch.testing.assert_close(part[i, :, 3:end], X[i, :, 3:end])
        mean = X[i, :, 3:end].mean(dim=1, keepdim=True)
        torch.testing.assert_close(part[i, :, end:], mean.expand(2, 60 - end))


@given(seed=st.integers(0, 10_000), shortest=st.sampled_from([0.01, 0.1, 0.5, 1.0]))
def test_positives_lie_in_references_and_parts_of_ts2vec_overlap(
    seed: int, shortest: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    views = TLoss([SHIFT], shortest=shortest).views(X, generator)
    assert views.signals.shape == (12, 2, 40)
    reference, positive = (views.params["sub_series"] * 40).unbind()
    assert (reference[:, 0] <= positive[:, 0]).all()
    assert (positive[:, 1] <= reference[:, 1]).all()
    lengths = (positive[:, 1] - positive[:, 0]).unique()
    assert len(lengths) == 1
    assert float(lengths) >= max(1, round(shortest * 40)) - 1e-4
    first, second = (TS2Vec([SHIFT], shortest=shortest).views(X, generator).params["sub_series"]
                     * 40)[:, 0]  # fmt: skip
    assert 0 <= first[0] <= second[0] < first[1] <= second[1] <= 40
    assert first[1] - second[0] >= max(1, round(shortest * 40)) - 1e-4


def test_t_loss_equals_the_definition() -> None:
    reference, positive = drawn(7, 3), drawn(7, 3).flip(0)

    def log_sigmoid(a: Tensor, b: Tensor, sign: float) -> float:
        return -math.log(1 / (1 + math.exp(-sign * float(a @ b))))

    near = sum(log_sigmoid(a, b, 1) for a, b in zip(reference, positive, strict=True)) / 7
    far = sum(
        log_sigmoid(reference[i], positive[(i + k) % 7], -1) for i in range(7) for k in (1, 2, 3)
    )
    found = triplet_terms(reference, positive, 3)
    assert float(found["positive"]) == pytest.approx(near, abs=1e-12)
    assert float(found["negative"]) == pytest.approx(far / 21, abs=1e-12)
    objective = TLoss([SHIFT], negatives=3, weight=2.0)
    views = objective.views(torch.cat([X, X[:1]]))
    total = objective(torch.cat([reference, positive]), views).total
    assert float(total) == pytest.approx(near + 2 * far / 21, abs=1e-12)
    assert float(triplet_terms(reference[:1], positive[:1], 3)["negative"]) == 0


def published(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], alpha: float) -> float:
    """Algorithm 1 and equations 1 and 2 as loops, of arrays ``(n, d, t)``."""

    def softmax(own: Any, other: Any, everything: list[Any]) -> float:
        odds = [math.exp(own @ each) for each in everything]
        return -math.log(math.exp(own @ other) / sum(odds))

    def level(a: Any, b: Any) -> float:
        n, _, t = a.shape
        instance, temporal = [], []
        for i in range(n):
            for k in range(t):
                for x, y in ((a, b), (b, a)):
                    rows = [v[j, :, k] for v in (x, y) for j in range(n)]
                    rows.pop(i)  # itself: rows of x come first
                    instance.append(softmax(x[i, :, k], y[i, :, k], rows))
                    steps = [v[i, :, j] for v in (x, y) for j in range(t)]
                    steps.pop(k)
                    temporal.append(softmax(x[i, :, k], y[i, :, k], steps))
        found = alpha * float(np.mean(instance))
        return found + (1 - alpha) * float(np.mean(temporal)) if t > 1 else found

    losses: list[float] = []
    while True:
        losses.append(level(a, b))
        if a.shape[2] == 1:
            return float(np.mean(losses))
        half = a.shape[2] // 2
        a, b = (np.maximum(v[:, :, 0 : 2 * half : 2], v[:, :, 1 : 2 * half : 2]) for v in (a, b))


@pytest.mark.parametrize(("alpha", "steps"), [(0.5, 7), (0.2, 4), (1.0, 1)])
def test_hierarchical_contrast_equals_the_algorithm(alpha: float, steps: int) -> None:
    a, b = drawn(4, 3, steps), drawn(8, 3, steps)[4:]
    found = float(hierarchical_contrast(a, b, alpha))
    assert found == pytest.approx(published(a.numpy(), b.numpy(), alpha), abs=1e-12)


def test_one_instance_and_one_step_have_nothing_to_contrast() -> None:
    z = drawn(1, 3, 1).requires_grad_()
    value = hierarchical_contrast(z, z.detach())
    value.backward()
    assert float(value.detach()) == 0
    assert torch.autograd.gradcheck(hierarchical_contrast, (drawn(2, 3, 5).requires_grad_(),) * 2)


def test_ts2vec_compares_the_steps_that_both_parts_have() -> None:
    objective = TS2Vec([SHIFT])
    views = objective.views(X, torch.Generator().manual_seed(3))
    maps, z = drawn(12, 5, 40), drawn(12, 4)
    (_, end), (start, _) = (views.params["sub_series"][:, 0] * 40).round().long().tolist()
    found = objective(z, replace(views, maps=maps))
    expected = hierarchical_contrast(maps[:6, :, start:end], maps[6:, :, start:end])
    torch.testing.assert_close(found.terms["hierarchical"], expected)
    instance = hierarchical_contrast(z[:6, :, None], z[6:, :, None], 1.0)
    torch.testing.assert_close(found.total, expected + 0.5 * instance)
    coarse = objective(z, replace(views, maps=maps[:, :, :1]))  # one step is never too few
    torch.testing.assert_close(coarse.terms["hierarchical"],
                               hierarchical_contrast(maps[:6, :, :1], maps[6:, :, :1]))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("t-loss", {"negatives": 0}),
        ("t-loss", {"shortest": 0.0}),
        ("ts2vec", {"alpha": 1.5}),
        ("ts2vec", {"shortest": 2.0}),
    ],
)
def test_settings_out_of_range_are_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        make(name, LatentSchema(Block("all", 4)), [SHIFT], settings)


def test_ts2vec_without_maps_says_so() -> None:
    with pytest.raises(InputError, match="time_resolved"):
        TS2Vec([SHIFT])(drawn(12, 4), SimCLR(4, [SHIFT]).views(X))
