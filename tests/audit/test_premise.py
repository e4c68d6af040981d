from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from triptych.audit.premise import premise_of, premise_of_views

N = 60
LEGACY: Any = np.random  # what older models draw their noise from
X = torch.randn(N, 8, generator=torch.Generator().manual_seed(0))
NETWORK = nn.Linear(8, 6).requires_grad_(False)


class Stateful:
    """Adds what it has seen so far."""

    def __init__(self) -> None:
        self.seen = torch.zeros(6)

    def __call__(self, x: Tensor) -> Tensor:
        z = NETWORK(x) + self.seen
        self.seen = self.seen + NETWORK(x).abs().mean(0)
        return z


def standardised(x: Tensor) -> Tensor:
    z = NETWORK(x)
    return (z - z.mean(0)) / z.std(0)  # NaN for one window alone


def refuses_one(x: Tensor) -> Tensor:
    if len(x) == 1:
        raise ValueError("Expected more than 1 value per channel when training")
    return NETWORK(x)


def draws_of_its_own() -> Callable[[Tensor], Tensor]:
    rng = np.random.default_rng(0)
    return lambda x: NETWORK(x) + torch.as_tensor(rng.normal(size=(len(x), 6))).float()


def asked(embed: Callable[[Tensor], Tensor], batch: int = 40) -> Any:
    def ask(rows: Any) -> dict[str, Any]:
        return {"embedding": embed(X[torch.as_tensor(rows)]).numpy()}

    whole = [ask(np.arange(N)[k : k + batch]) for k in range(0, N, batch)]
    reference = {"embedding": np.concatenate([part["embedding"] for part in whole])}
    return premise_of(ask, reference, batch)


@pytest.mark.parametrize(
    ("embed", "said"),
    [
        (lambda x: nn.functional.dropout(NETWORK(x)), "dropout was left"),
        (lambda x: NETWORK(x) + torch.as_tensor(LEGACY.normal(size=(len(x), 6))), "draws noise"),
        (lambda x: torch.randn(len(x), 6), "draws noise"),
        (draws_of_its_own(), "random numbers"),
        (Stateful(), "keeps something between"),
        (lambda x: NETWORK(x).flip(0), "batch back"),
        (lambda x: NETWORK(x)[torch.randperm(len(x))], "batch back"),
        (lambda x: NETWORK(x)[NETWORK(x)[:, 0].argsort()], "another order"),
        (lambda x: (NETWORK(x) - NETWORK(x).mean(0)), "windows beside"),
        (lambda x: NETWORK(x) * len(x), "windows beside"),
    ],
)  # fmt: skip
def test_what_breaks_the_premise_is_named(embed: Callable[[Tensor], Tensor], said: str) -> None:
    found = asked(embed)
    assert said in found.broken
    assert found.broken.startswith("Before any transform, ")
    assert max(each for each in (found.again, found.order, found.alone) if each == each) > 0.1


@pytest.mark.parametrize(
    "embed",
    [
        NETWORK,
        lambda x: NETWORK(x).half().float(),
        lambda x: torch.ones(len(x), 6),  # constant is another fault
        lambda x: torch.zeros(len(x), 6),
        lambda x: 1e4 + NETWORK(x),
        lambda x: NETWORK(x) + 1e-4 * torch.randn(len(x), 6),  # far below what it tells apart
    ],
)
def test_a_deterministic_model_keeps_it(embed: Callable[[Tensor], Tensor]) -> None:
    found = asked(embed)
    assert found.broken == ""
    assert found.note == ""
    assert found.alone < 0.02


def test_a_model_that_refuses_one_window_is_noted() -> None:
    found = asked(refuses_one)
    assert found.broken == ""
    assert "1 value" in found.note
    assert np.isnan(found.alone)
    assert "window alone" in asked(lambda x: standardised(x) if len(x) > 1 else refuses_one(x)).note


def test_the_random_state_is_left_as_it_was() -> None:
    torch.manual_seed(3)
    LEGACY.seed(3)
    expected = torch.rand(1), LEGACY.random()
    torch.manual_seed(3)
    LEGACY.seed(3)
    asked(NETWORK)
    assert (torch.rand(1), LEGACY.random()) == expected


def test_views_are_held_to_theirs() -> None:
    z = np.random.default_rng(0).normal(size=(50, 4))
    assert premise_of_views(z, z).broken == ""
    assert "among the views" in premise_of_views(z, None).note
    assert "rows stand" in premise_of_views(z, z[::-1]).broken
    moved = premise_of_views(z, z + np.random.default_rng(1).normal(size=z.shape))
    assert "model is random" in moved.broken
    assert 0.3 < moved.cosine < 0.9
