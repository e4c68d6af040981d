"""The contrastive-analysis autoencoders: closed forms, what the background is decoded with."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.transforms import Gain
from triptych_studies import contrastive_vae as rivals
from triptych_studies.contrastive_vae import KINDS, ContrastiveVAE, Kind

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


def test_many_kernels_add_up_and_see_no_rounding() -> None:
    torch.manual_seed(0)
    rates = rivals.FORMS["mm-cvae-published"].matching.rates
    assert rates == pytest.approx([10.0**k for k in range(-6, 7)])
    a, b = torch.randn(40, 2).double(), torch.randn(30, 2).double() + 1
    a[1] = a[0] + 1e-4  # the narrow kernels tell these two apart

    def kernel(x: Tensor, y: Tensor) -> float:
        squares = (x[:, None] - y).square().sum(dim=2)
        return sum(float(torch.exp(-rate * squares).mean()) for rate in rates)

    expected = kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)
    assert float(rivals._discrepancy(a, b, rates)) == pytest.approx(expected)
    far = rivals._discrepancy(a.float() + 64, b.float() + 64, rates)
    assert float(far) == pytest.approx(expected, rel=1e-4)
    # Two single rows, d² = 1: 2 Σ (1 − e^−γ), of seven kernels 1 and 10^−1 … 10^−6 and six above.
    one = float(rivals._discrepancy(a[:1], a[:1] + torch.tensor([1.0, 0.0]).double(), rates))
    assert one == pytest.approx(2 * sum(1 - math.exp(-rate) for rate in rates))


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("cvae", {"kl": 1}),
        ("mm-cvae", {"kl": 1, "match/common": 100, "match/null": 100}),
        # the authors add these to the sum over the samples, of which there are six
        ("mm-cvae-published", {"kl": 1, "match/common": 1e4 / 6, "match/null": 1e3 / 6}),
        ("sepvae", {"kl": 1, "population": 1, "discriminator": 1, "shared": 1}),
        ("sepvae-published", {"kl": 0.5, "population": 1e-9, "discriminator": 1, "shared": 2}),
    ],
)
def test_every_term_has_the_weight_of_its_form(kind: Kind, weights: dict[str, float]) -> None:
    objective = made(kind).double()
    views = replace(objective.views(torch.randn(6, 1, 8).double()), labels=TARGET)
    given = objective(torch.randn(6, 5).double(), views)
    slopes = torch.autograd.grad(given.total, list(given.terms.values()))
    found = dict(zip(given.terms, map(float, slopes), strict=True))
    assert found == pytest.approx({"reconstruction": 1, **weights})


def test_sepvae_holds_the_background_as_published() -> None:
    objective = made("sepvae-published").double()
    views = replace(objective.views(torch.randn(6, 1, 8).double()), labels=TARGET)
    z = torch.randn(6, 5).double().requires_grad_()
    background = TARGET == 0
    held = objective._log_variance(z, ~background)
    assert torch.allclose(held[background][:, 3:], torch.tensor(math.log(0.1)).double())
    assert torch.allclose(held[:, :3], torch.full((), -3.0).double())
    assert torch.allclose(held[~background], torch.full((), -3.0).double())
    (slope,) = torch.autograd.grad(objective(z, views).terms["kl"], z)
    # ½ m² / 0.025 of the background, ½ m² of targets, the mean over six
    assert torch.allclose(slope[background][:, 3:], z[background][:, 3:] / 0.025 / 6)
    assert torch.allclose(slope[~background], z[~background] / 6)


def test_what_is_shared_counts_by_sample_as_published() -> None:
    for kind, expected in (("sepvae", 0.0), ("sepvae-published", 1.0)):
        objective = made(kind)
        with torch.no_grad():
            for weights in objective.pairs.parameters():
                weights.zero_()
        objective.pairs[-1] = nn.Identity()
        objective.pairs[0] = nn.Linear(5, 1, bias=False)
        objective.pairs[1] = nn.Identity()
        nn.init.ones_(objective.pairs[0].weight)
        rows = torch.tensor([[3.0, 0, 0], [0, 0, 0], [-6.0, 0, 0]])  # logits 3, 0, −6
        zeros, apart = torch.zeros(3, 2), kind == "sepvae-published"
        found = objective._separated(rows, zeros, zeros, torch.ones(3), apart)
        assert float(found["shared"]) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["sepvae", "sepvae-published"])
def test_the_discriminator_learns_from_its_own_term_only(kind: Kind) -> None:
    objective = made(kind)
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
