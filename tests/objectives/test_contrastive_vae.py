"""The contrastive-analysis autoencoders: closed forms, what the background is decoded with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import contrastive_vae as rivals
from triptych.objectives.contrastive_vae import KINDS, ContrastiveVAE, Kind
from triptych.transforms import Gain

SCHEMA = LatentSchema(Block("shared", 3, role="common"), Block("own", 2, role="salient"))
TARGET = torch.tensor([1, 0, 1, 0, 1, 1])


class Decoder(nn.Module):
    """Linear; remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 8)
        self.seen = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        self.seen = z
        return self.layer(z).unflatten(1, (1, 8))


def made(kind: Kind) -> ContrastiveVAE:
    torch.manual_seed(0)
    return ContrastiveVAE(SCHEMA, [Gain(1.0)], Decoder(), kind=kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", [TARGET, TARGET * 0, TARGET * 0 + 1])
def test_terms_and_gradients_are_finite_whatever_the_batch_holds(
    kind: Kind, target: Tensor
) -> None:
    objective = made(kind)
    views = replace(objective.views(torch.randn(6, 1, 8)), labels=target)
    z = torch.randn(6, 5, requires_grad=True)
    found = objective(z, views)
    found.total.backward()
    assert all(torch.isfinite(value) for value in found.terms.values())
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()
    seen = objective.decoder.seen
    assert (seen[target == 0, 3:] == 0).all()
    assert (seen[target > 0, 3:] != 0).all()


def test_kl_is_that_of_two_normal_distributions() -> None:
    mean, log_variance = torch.randn(4, 3).double(), torch.randn(4, 3).double()
    spread = torch.tensor([[1.0], [0.1], [1.0], [0.1]]).double()
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(
        normal(mean, (log_variance / 2).exp()), normal(torch.zeros(4, 3).double(), spread)
    ).sum(dim=1)
    assert torch.allclose(rivals._kl(mean, log_variance, spread), expected)


def test_the_discrepancy_is_that_of_the_definition_and_0_of_equal_samples() -> None:
    a, b = torch.randn(5, 2).double(), torch.randn(4, 2).double() + 1

    def kernel(x: Tensor, y: Tensor) -> float:
        pairs = [float(torch.exp(-(p - q).square().sum() / 4)) for p in x for q in y]
        return sum(pairs) / len(pairs)

    expected = kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)
    assert float(rivals._discrepancy(a, b)) == pytest.approx(expected)
    assert float(rivals._discrepancy(a, a.flip(0))) == pytest.approx(0, abs=1e-12)


def test_the_discriminator_learns_from_its_own_term_only() -> None:
    objective = made("sepvae")
    views = replace(objective.views(torch.randn(6, 1, 8)), labels=TARGET)
    found = objective(torch.randn(6, 5, requires_grad=True), views)
    weights = list(objective.pairs.parameters())
    assert all(
        g is None
        for g in torch.autograd.grad(
            found.terms["shared"] + found.terms["population"],
            weights,
            allow_unused=True,
            retain_graph=True,
        )
    )
    assert any((g != 0).any() for g in torch.autograd.grad(found.terms["discriminator"], weights))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="no 'vae'"):
        ContrastiveVAE(SCHEMA, [Gain(1.0)], Decoder(), kind="vae")
    with pytest.raises(InputError, match="common and salient"):
        ContrastiveVAE(LatentSchema(Block("all", 5)), [Gain(1.0)], Decoder())
    objective = made("cvae")
    with pytest.raises(InputError, match="labels"):
        objective(torch.zeros(6, 5), objective.views(torch.zeros(6, 1, 8)))
