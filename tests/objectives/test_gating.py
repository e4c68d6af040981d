"""NCL and BayesNCL against loops written from the formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.latent import BernoulliGate, Block, BlockHeads, LatentSchema
from triptych.networks import ConvEncoder
from triptych.objectives import NonNegative, SimCLR
from triptych.training.settings import Weights
from triptych.transforms import PhaseShift

SHIFT = PhaseShift(max_shift=0.25, rate=40.0)
VIEWS = NonNegative(7, [SHIFT]).views(torch.randn(5, 1, 60))


def info_nce(rows: Tensor, temperature: float) -> float:
    """InfoNCE over the unit rows ``(2n, d)`` of two views, entry by entry."""
    unit = [row / row.norm() for row in rows]
    total, n = 0.0, len(rows) // 2
    for i, a in enumerate(unit):
        odds = {k: math.exp(float(a @ b) / temperature) for k, b in enumerate(unit) if k != i}
        total -= math.log(odds[(i + n) % (2 * n)] / sum(odds.values()))
    return total / len(rows)


def objective(**settings: Any) -> NonNegative:
    torch.manual_seed(0)
    return NonNegative(7, [SHIFT], projection=16, **settings).double()


@pytest.mark.parametrize("kind", ["relu", "rep_relu"])
@pytest.mark.parametrize("k", [None, 3])
def test_ncl_is_the_formula(kind: str, k: int | None) -> None:
    made, z = objective(non_negative=kind, top_k=k), torch.randn(10, 7, dtype=torch.float64)
    rows = made.projector(z).relu().detach()
    if k:
        rows = torch.where(rows >= rows.sort(dim=1).values[:, [-k]], rows, 0.0)
        assert ((made.represent(z) > 0).sum(dim=1) <= k).all()
    torch.testing.assert_close(made.represent(z).detach(), rows)
    found = made(z, VIEWS)
    assert found.total.item() == pytest.approx(info_nce(rows, 0.2), abs=1e-10)
    assert list(found.terms) == ["contrast"]


def test_simclr_on_a_gated_block_is_bayesncl() -> None:
    schema = LatentSchema(Block("activity", 16, gate=BernoulliGate(hidden=8)))
    encoder = BlockHeads(ConvEncoder(1, 40), schema).double().eval()
    views = VIEWS.signals.double()
    h = encoder.trunk(views)
    first, _, last = encoder.gates["activity"].network
    alpha = (functional.relu(h @ first.weight.T + first.bias) @ last.weight.T + last.bias).sigmoid()
    gates = (alpha > 0.5).double()
    assert gates.any(dim=1).all()
    rows = (functional.normalize(encoder.heads["activity"](h).relu(), dim=1) * gates).detach()
    found = SimCLR(16, [SHIFT], temperature=0.3, projection=0)(encoder(views), VIEWS)
    assert found.total.item() == pytest.approx(info_nce(rows, 0.3), abs=1e-10)
    torch.testing.assert_close(encoder.outputs(views).probabilities["activity"], alpha)


def test_the_defaults_are_the_papers() -> None:
    gate = BernoulliGate()
    assert NonNegative(7, [SHIFT]).temperature == 0.2
    assert Weights().gate == 3e-5
    assert (gate.prior, gate.temperature, gate.threshold, gate.mode, gate.depth, gate.detach) == (
        0.8, 1.0, 0.5, "ste", 2, True,
    )  # fmt: skip


def test_samples_that_open_nothing_leave_the_loss_and_its_gradient_finite() -> None:
    made = NonNegative(4, [SHIFT], projection=0)
    z = torch.randn(10, 4)
    z[:3] = -1.0
    z.requires_grad_()
    loss = made(z, VIEWS).total
    loss.backward()
    assert torch.isfinite(loss)
    assert z.grad[:3].abs().max() == 0
    assert 0 < z.grad.abs().max() < 10


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "temperature is 0"),
        ({"non_negative": "gelu"}, "'relu' or 'rep_relu'"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_k": 17}, "top_k is 17"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        objective(**settings)
