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
from triptych.objectives import NonNegative
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


def test_bayesncl_is_the_formula() -> None:
    made = objective(gate={"prior": 0.7, "hidden": 8}, gate_weight=0.01, temperature=0.3)
    z = torch.randn(10, 7, dtype=torch.float64)
    assert made.gate is not None
    first, _, last = made.gate.network
    alpha = (functional.relu(z @ first.weight.T + first.bias) @ last.weight.T + last.bias).sigmoid()
    gates = (alpha > 0.5).double()
    assert gates.any(dim=1).all()
    rows = (functional.normalize(made.projector(z).relu(), dim=1) * gates).detach()
    a = alpha.clamp(0.01, 0.99)
    kl = (a * (a / 0.7).log() + (1 - a) * ((1 - a) / 0.3).log()).sum(dim=1).mean()
    found = made(z, VIEWS)
    torch.testing.assert_close(found.terms["gate"], kl)
    expected = info_nce(rows, 0.3)
    assert found.terms["contrast"].item() == pytest.approx(expected, abs=1e-10)
    assert found.total.item() == pytest.approx(expected + 0.01 * kl.item(), abs=1e-10)


def test_the_defaults_are_the_papers() -> None:
    made = NonNegative(7, [SHIFT], gate={})
    assert made.gate is not None
    gate = made.gate.settings
    assert (made.temperature, made.gate_weight) == (0.2, 3e-5)
    assert (gate.prior, gate.temperature, gate.threshold, gate.mode, gate.depth, gate.detach) == (
        0.8, 1.0, 0.5, "ste", 2, True,
    )  # fmt: skip


@pytest.mark.parametrize("detach", [True, False])
def test_a_detached_gate_does_not_train_the_latents_by_its_kl(detach: bool) -> None:
    made = objective(gate={"detach": detach}, gate_weight=1.0)
    z = torch.randn(10, 7, dtype=torch.float64, requires_grad=True)
    kl = made(z, VIEWS).terms["gate"]
    (gradient,) = torch.autograd.grad(kl, z, allow_unused=True)
    assert (gradient is None) is detach
    made(z, VIEWS).total.backward()
    assert all(each.grad is not None and each.grad.any() for each in made.parameters())


def test_without_a_projection_a_gated_block_gives_the_same_loss() -> None:
    schema = LatentSchema(Block("activity", 16, gate=BernoulliGate()))
    encoder = BlockHeads(ConvEncoder(1, 40), schema).double().eval()
    views = VIEWS.signals.double()
    features = encoder.trunk(views)
    whole = NonNegative(encoder.trunk.features, [SHIFT], gate=BernoulliGate(), projection=16)
    whole = whole.double()
    whole.projector = encoder.heads["activity"]
    whole.gate = encoder.gates["activity"]
    outside = NonNegative(16, [SHIFT], projection=0)(encoder(views), VIEWS)
    torch.testing.assert_close(outside.total, whole(features, VIEWS).terms["contrast"])


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


def test_gumbel_gates_draw_anew_in_training_and_not_in_eval_mode() -> None:
    made, z = objective(gate={"mode": "gumbel"}), torch.randn(10, 7, dtype=torch.float64)
    assert not torch.equal(made.represent(z), made.represent(z))
    made.eval()
    assert torch.equal(made.represent(z), made.represent(z))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "temperature is 0"),
        ({"non_negative": "gelu"}, "non_negative is 'gelu', expected 'relu' or 'rep_relu'"),
        ({"top_k": 0}, "top_k is 0; it must be 1 to 16"),
        ({"top_k": 17}, "top_k is 17"),
        ({"gate_weight": -1.0}, "gate_weight is -1.0"),
        ({"gate": {"prior": 1.0}}, "prior is 1.0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        objective(**settings)
