"""Gates against closed forms in float64, their gradients and draws, and blocks that wear one."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from triptych.errors import InputError
from triptych.latent import BernoulliGate, Block, BlockHeads, LatentSchema
from triptych.latent.gates import (
    GateNetwork,
    bernoulli_kl,
    largest,
    non_negative,
    straight_through,
)
from triptych.networks import ConvEncoder
from triptych.precision import without_silent

GATED = LatentSchema(
    Block("activity", 6, invariant_to="phase_shift", gate=BernoulliGate(hidden=8)),
    Block("detail", 3),
)


def network(**settings: Any) -> GateNetwork:
    torch.manual_seed(0)
    return GateNetwork(BernoulliGate(hidden=8, **settings), 5, features=4).double()


def features(n: int = 20) -> Tensor:
    return torch.randn(n, 4, dtype=torch.float64)


# --- settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, r"temperature is 0\.0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"prior": 0.0}, "prior is 0.0"),
        ({"prior": 1}, "above 0"),
        ({"prior": "high"}, "'high', expected"),
        ({"threshold": 1.0}, "threshold is 1.0"),
        ({"start": 1.0}, "start is 1.0"),
        ({"mode": "hard"}, "'hard', expected"),
        ({"depth": 4}, "1, 2, 3"),
        ({"hidden": 0}, "0, expected"),
        ({"detach": "yes"}, "detach is 'yes'"),
    ],
)
def test_impossible_gates_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BernoulliGate(**settings)


@pytest.mark.parametrize("value", [True, 0.8, "ste", {"chance": 0.8}, ["prior"]])
def test_what_is_no_gate_says_what_one_is(value: Any) -> None:
    with pytest.raises(InputError, match=r"\{prior: 0.8\}.*temperature"):
        BernoulliGate.of(value)


# --- the formulas


def test_the_defaults_open_where_the_probability_is_above_a_half() -> None:
    gate, x = network(temperature=2.0), features()
    opened, probability = gate(x)
    first, _, last = gate.network
    logit = functional.relu(x @ first.weight.T + first.bias) @ last.weight.T + last.bias
    torch.testing.assert_close(probability, 1 / (1 + (-logit / 2).exp()))
    expected = (probability > 0.5).double()
    expected[range(20), probability.argmax(dim=1)] = 1
    assert torch.equal(opened, expected)
    assert 0 < opened.mean() < 1


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_depth_counts_linear_layers(depth: int) -> None:
    made = GateNetwork(BernoulliGate(depth=depth, hidden=7), 5)
    opened, _ = made(torch.randn(2, 4))  # the width is read from the batch
    linear = [each for each in made.network if isinstance(each, nn.Linear)]
    assert [each.out_features for each in linear] == [7] * (depth - 1) + [5]
    assert opened.shape == (2, 5)


@given(
    prior=st.floats(0.001, 0.999),
    logits=st.lists(st.floats(-30, 30), min_size=6, max_size=6),
)
def test_the_kl_is_the_closed_form(prior: float, logits: list[float]) -> None:
    probability = torch.tensor(logits, dtype=torch.float64).sigmoid().reshape(2, 3)
    total = 0.0
    for a in probability.flatten().tolist():
        a, p = (min(max(each, 0.01), 0.99) for each in (a, prior))
        total += a * math.log(a / p) + (1 - a) * math.log((1 - a) / (1 - p))
    found = bernoulli_kl(probability, prior)
    assert float(found) == pytest.approx(total / 2, abs=1e-12)
    assert float(found) >= -1e-12


def test_the_kl_is_torchs_and_nothing_at_the_prior() -> None:
    made = torch.distributions
    probability = 0.02 + 0.96 * torch.rand(7, 4, dtype=torch.float64)
    expected = made.kl_divergence(
        made.Bernoulli(probability), made.Bernoulli(torch.tensor(0.8, dtype=torch.float64))
    )
    torch.testing.assert_close(BernoulliGate().kl(probability), expected.sum(dim=1).mean())
    assert float(BernoulliGate(prior=0.3).kl(torch.full((2, 3), 0.3))) == pytest.approx(0, abs=1e-7)


def test_straight_through_has_the_soft_gates_gradient() -> None:
    x, weight = features(), torch.randn(20, 5, dtype=torch.float64)
    gradients: list[list[Tensor]] = []
    for mode in ("ste", "soft"):
        gate = network(mode=mode)
        (gate(x)[0] * weight).sum().backward()
        gradients.append([each.grad for each in gate.parameters()])
    for hard, soft in zip(*gradients, strict=True):
        torch.testing.assert_close(hard, soft)
        assert hard.any()


@pytest.mark.parametrize("detach", [True, False])
def test_a_detached_gate_does_not_train_what_it_reads(detach: bool) -> None:
    x = features().requires_grad_()
    network(detach=detach)(x)[0].sum().backward()
    assert (x.grad is None) is detach


def test_where_all_would_close_the_most_probable_stays_open() -> None:
    gate = network(threshold=0.9)
    opened, probability = gate(features())
    assert (probability < 0.9).all()
    assert torch.equal(opened.sum(dim=1), torch.ones(20, dtype=torch.float64))
    assert torch.equal(opened.argmax(dim=1), probability.argmax(dim=1))


def test_gumbel_gates_open_with_their_probability_in_training_only() -> None:
    gate, x = network(mode="gumbel", temperature=0.5), features(1)
    with torch.no_grad():
        gate.network[-1].bias.copy_(torch.tensor([9.0, 1.0, 0.0, -1.0, -3.0]))
    logit = gate.network(x)
    many = x.expand(20_000, -1)
    opened, probability = gate(many, gate.draw(many))
    torch.testing.assert_close(probability[0], (logit[0] / 0.5).sigmoid())
    expected = logit[0].sigmoid()
    spread = (expected * (1 - expected) / 20_000).sqrt()
    assert ((opened.mean(dim=0) - expected).abs() < 4 * spread + 1e-4).all()
    assert set(opened.unique().tolist()) <= {0.0, 1.0}
    gate.eval()
    assert gate.draw(many) is None
    assert torch.equal(gate(x)[0], gate(x)[0])


def test_a_gumbel_gates_gradient_is_the_relaxed_values() -> None:
    gate, x = network(mode="gumbel", temperature=0.7), features()
    noise, weight = gate.draw(x), torch.randn(20, 5, dtype=torch.float64)
    hard = torch.autograd.grad((gate(x, noise)[0] * weight).sum(), list(gate.parameters()))
    relaxed = ((gate.network(x) + noise) / 0.7).sigmoid()
    expected = torch.autograd.grad((relaxed * weight).sum(), list(gate.parameters()))
    torch.testing.assert_close(hard, expected)


@pytest.mark.parametrize("mode", ["ste", "soft"])
def test_only_gumbel_draws(mode: str) -> None:
    assert network(mode=mode).draw(features()) is None


# --- non-negative latents


def test_rep_relu_is_relu_with_gelus_gradient() -> None:
    z = torch.linspace(-4, 4, 41, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(non_negative(z), z.relu())
    assert torch.equal(non_negative(z)[z <= 0], torch.zeros(21, dtype=torch.float64))
    (found,) = torch.autograd.grad(non_negative(z).sum(), z)
    with torch.no_grad():
        bell = (-z.square() / 2).exp() / math.sqrt(2 * math.pi)
        expected = (1 + (z / math.sqrt(2)).erf()) / 2 + z * bell
    torch.testing.assert_close(found, expected)
    (plain,) = torch.autograd.grad(non_negative(z, "relu").sum(), z)
    torch.testing.assert_close(plain, (z > 0).double())


def test_straight_through_keeps_exact_zeros() -> None:
    backward = torch.rand(1000, requires_grad=True)
    assert torch.equal(straight_through(torch.zeros(1000), backward), torch.zeros(1000))


def test_largest_keeps_the_k_largest_of_a_row() -> None:
    z = torch.tensor([[3.0, 1.0, 2.0, 0.0], [0.0, 5.0, 4.0, 6.0]], requires_grad=True)
    kept = largest(z, 2)
    assert kept.tolist() == [[3, 0, 2, 0], [0, 5, 0, 6]]
    kept.sum().backward()
    assert z.grad.tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]


def test_a_silent_row_gives_no_gradient_to_a_direction() -> None:
    z = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    functional.normalize(without_silent(z), dim=1).sum().backward()
    assert z.grad[0].tolist() == [0, 0]
    assert z.grad[1].any()


# --- blocks


def test_a_gated_block_is_relu_of_its_head_times_the_gates() -> None:
    encoder = BlockHeads(ConvEncoder(1, 50), GATED).eval()
    x = torch.randn(30, 1, 50)
    z = GATED.split(encoder(x))
    read = encoder.trunk(x)
    opened, probability = encoder.gates["activity"](read)
    torch.testing.assert_close(z["activity"], encoder.heads["activity"](read).relu() * opened)
    torch.testing.assert_close(z["detail"], encoder.heads["detail"](read))
    found = encoder.outputs(x)
    assert list(found.probabilities) == ["activity"]
    assert torch.equal(found.probabilities["activity"], probability)
    assert torch.equal(encoder(x), encoder(x))
    assert 0 < (z["activity"] > 0).float().mean() < 1


def test_an_equivariant_block_wears_no_gate() -> None:
    with pytest.raises(InputError, match=r"'up' is equivariant.*gate"):
        Block("up", 3, equivariant_to="rotation", gate=BernoulliGate())


def test_a_gated_block_is_plain_data_and_reads_aloud() -> None:
    schema = LatentSchema.from_dict(
        {
            "blocks": [
                {"name": "activity", "size": 6, "invariant_to": "gain", "gate": {"prior": 0.7}},
                {"name": "rest", "size": 2, "gate": {}},
            ]
        }
    )
    assert schema["activity"].gate == BernoulliGate(prior=0.7)
    assert LatentSchema.from_dict(schema.to_dict()) == schema
    assert len({schema, LatentSchema.from_dict(schema.to_dict())}) == 1
    assert "gate" not in Block("rest", 2).to_dict()
    first, second = str(schema).splitlines()
    assert re.search(r"^activity: 6 .*invariant to gain, non-negative, gated .*0\.7\)$", first)
    assert re.search(r"^rest: 2 .*free, non-negative, gated .*0\.8\)$", second)


def test_a_wrong_gate_in_a_schema_is_one_sentence() -> None:
    with pytest.raises(InputError, match="gate's temperature"):
        LatentSchema.from_dict({"blocks": [{"name": "a", "size": 2, "gate": {"temperature": 0}}]})


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_a_silent_network_begins_at_start(temperature: float) -> None:
    made = network(start=0.95, temperature=temperature)
    nn.init.zeros_(made.network[-1].weight)
    nn.init.zeros_(made.network[-1].bias)
    gates, probability = made(features())
    torch.testing.assert_close(probability, torch.full_like(probability, 0.95))
    assert (gates == 1).all()
