"""Every formula against a loop written from its definition, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from triptych.objectives import terms
from triptych.objectives.separation_terms import joint_entropy


def cosine(a: Tensor, b: Tensor) -> float:
    return float((a @ b) / (a.norm() * b.norm()))


def pair(n: int, d: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, d, dtype=torch.float64, generator=generator)
    return a, a + 0.5 * torch.randn(n, d, dtype=torch.float64, generator=generator)


def test_nt_xent_equals_the_definition():
    a, b = pair(7, 5)
    rows = [*a, *b]
    total = 0.0
    for i, row in enumerate(rows):
        others = [math.exp(cosine(row, rows[k]) / 0.3) for k in range(14) if k != i]
        total -= math.log(math.exp(cosine(row, rows[(i + 7) % 14]) / 0.3) / sum(others))
    assert float(terms.nt_xent(a, b, 0.3)) == pytest.approx(total / 14, abs=1e-12)


def test_nt_xent_equals_pytorch_metric_learning():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    reference = losses.SelfSupervisedLoss(losses.SupConLoss(temperature=0.2))
    a, b = pair(64, 16)
    ours = float(terms.nt_xent(a.float(), b.float(), 0.2))
    assert ours == pytest.approx(float(reference(a.float(), b.float())), rel=1e-5)


@given(n=st.integers(2, 40), temperature=st.floats(0.05, 2))
def test_nt_xent_of_equal_latents_is_the_log_of_the_number_of_candidates(n, temperature):
    z = torch.ones(n, 3, dtype=torch.float64)
    assert float(terms.nt_xent(z, z, temperature)) == pytest.approx(math.log(2 * n - 1))


def test_nt_xent_with_one_hot_targets_is_the_soft_form():
    a, b = pair(9, 4)
    soft = terms.soft_nt_xent(a, b, torch.eye(9, dtype=torch.float64), 0.2, sharpness=1e-4)
    assert float(soft) == pytest.approx(float(terms.nt_xent(a, b, 0.2)), abs=1e-9)


def test_soft_nt_xent_equals_the_definition():
    a, b = pair(5, 4)
    similarity = torch.rand(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rows = [*a, *b]
    total = 0.0
    for i, row in enumerate(rows):
        others = [k for k in range(10) if k != i]
        near = {
            k: math.exp((1.0 if k % 5 == i % 5 else float(similarity[i % 5, k % 5])) / 0.1)
            for k in others
        }
        logits = {k: math.exp(cosine(row, rows[k]) / 0.3) for k in others}
        for k in others:
            target = near[k] / sum(near.values())
            total -= target * math.log(logits[k] / sum(logits.values()))
    found = terms.soft_nt_xent(a, b, similarity, 0.3, sharpness=0.1)
    assert float(found) == pytest.approx(total / 10, abs=1e-12)


def test_alignment_is_one_minus_the_cosine():
    a, b = pair(6, 3)
    expected = sum(1 - cosine(x, y) for x, y in zip(a, b, strict=True)) / 6
    assert float(terms.alignment(a, b)) == pytest.approx(expected)
    assert float(terms.alignment(a, 3 * a)) == pytest.approx(0, abs=1e-12)


def test_repulsion_equals_the_definition_and_vanishes_for_opposite_rows():
    a, b = pair(6, 3)
    weight = torch.linspace(0, 1, 6, dtype=torch.float64)
    expected = sum(
        float(w) * 0.2 * math.log(1 + math.exp(cosine(x, y) / 0.2))
        for x, y, w in zip(a, b, weight, strict=True)
    )
    assert float(terms.repulsion(a, b, weight)) == pytest.approx(expected / 6)
    assert float(terms.repulsion(a, -a, torch.ones(6))) < 0.002


def test_norm_floor_holds_zero_up_and_leaves_long_rows_alone():
    assert float(terms.norm_floor(torch.zeros(4, 8))) == pytest.approx(1, abs=1e-5)
    assert float(terms.norm_floor(5 * torch.ones(4, 8))) == 0


def test_cross_covariance_of_equal_and_of_independent_columns():
    z = torch.randn(5000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    w = torch.randn(5000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert float(terms.cross_covariance(z, 4 * z + 1)) == pytest.approx(1, abs=1e-4)
    assert float(terms.cross_covariance(z, w)) < 1e-3


def test_hsic_sees_what_correlation_cannot():
    z = torch.randn(800, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    w = torch.randn(800, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert float(terms.hsic(z, z)) == pytest.approx(1)
    assert float(terms.cross_covariance(z, z.square())) < 0.02
    assert float(terms.hsic(z, z.square())) > 10 * float(terms.hsic(z, w))


@pytest.mark.parametrize("term", [terms.cross_covariance, terms.hsic, joint_entropy])
def test_independence_of_a_single_row_is_finite(term):
    a = torch.randn(1, 3, requires_grad=True)
    value = term(a, torch.randn(1, 2))
    value.backward()
    assert torch.isfinite(value)
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()


@pytest.mark.parametrize(
    "term",
    [
        lambda a, b: terms.nt_xent(a, b, 0.2),
        terms.alignment,
        lambda a, b: terms.repulsion(a, b, torch.ones(4, dtype=torch.float64)),
        lambda a, b: terms.soft_nt_xent(a, b, torch.eye(4, dtype=torch.float64), 0.2, 0.1),
        terms.cross_covariance,
        joint_entropy,
    ],
)
def test_gradients_are_right(term):
    a, b = pair(4, 3)
    assert torch.autograd.gradcheck(term, (a.requires_grad_(), b.requires_grad_()))


def test_supcon_equals_the_definition_and_leaves_out_anchors_without_a_positive():
    z, _ = pair(9, 4)
    labels = torch.tensor([0, 1, 0, 2, 1, 0, 3, 3, 4])  # 2 and 4 are alone
    total, anchors = 0.0, 0
    for i in range(9):
        positives = [p for p in range(9) if p != i and labels[p] == labels[i]]
        if not positives:
            continue
        all_others = sum(math.exp(cosine(z[i], z[k]) / 0.3) for k in range(9) if k != i)
        odds = [math.log(math.exp(cosine(z[i], z[p]) / 0.3) / all_others) for p in positives]
        total -= sum(odds) / len(positives)
        anchors += 1
    assert float(terms.supcon(z, labels, 0.3)) == pytest.approx(total / anchors, abs=1e-12)
    z.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: terms.supcon(z, labels, 0.3), z)
    alone = terms.supcon(z, torch.arange(9), 0.3)
    alone.backward()
    assert float(alone.detach()) == 0
    assert not z.grad.any()


def test_supcon_equals_pytorch_metric_learning():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    z, labels = torch.randn(64, 16), torch.randint(5, (64,))
    reference = losses.SupConLoss(temperature=0.2)(z, labels)
    assert float(terms.supcon(z, labels, 0.2)) == pytest.approx(float(reference), rel=1e-5)


def test_supcon_of_samples_that_are_each_their_own_class_is_nt_xent():
    a, b = pair(8, 5)
    own = terms.supcon(torch.cat([a, b]), torch.arange(8).repeat(2), 0.2)
    torch.testing.assert_close(own, terms.nt_xent(a, b, 0.2))


def test_symmetric_kl_equals_the_definition():
    a, b = pair(6, 4)
    total = 0.0
    for p, q in zip(a.softmax(1), b.softmax(1), strict=True):
        total += sum(
            float(u * (u / w).log() + w * (w / u).log()) for u, w in zip(p, q, strict=True)
        )
    assert float(terms.symmetric_kl(a, b)) == pytest.approx(total / 12, abs=1e-12)
    assert float(terms.symmetric_kl(a, a + 3)) == pytest.approx(0, abs=1e-12)


def test_canonical_correlation_is_that_of_scikit_learn_and_sees_faint_directions() -> None:
    from sklearn.cross_decomposition import CCA

    generator = torch.Generator().manual_seed(0)
    a = torch.randn(400, 4, generator=generator, dtype=torch.float64)
    b = a[:, :2] @ torch.randn(2, 3, generator=generator, dtype=torch.float64)
    b = b + 0.5 * torch.randn(400, 3, generator=generator, dtype=torch.float64)
    first, second = CCA(n_components=3, scale=False).fit_transform(a.numpy(), b.numpy())
    wanted = sum(np.corrcoef(first[:, k], second[:, k])[0, 1] ** 2 for k in range(3)) / 3
    found = terms.canonical_correlation(a, b, ridge=0.0)
    assert float(found) == pytest.approx(wanted, abs=1e-3)
    faint = torch.cat([10 * a[:, 2:], 1e-2 * b], dim=1)
    assert float(terms.canonical_correlation(faint, b, ridge=1e-9)) > 0.99
    noise = torch.randn(4000, 5, generator=generator)
    other = torch.randn(4000, 3, generator=generator)
    assert float(terms.canonical_correlation(noise, other)) < 0.01
    assert float(terms.canonical_correlation(a[:1], b[:1])) == 0
    a.requires_grad_()
    assert torch.autograd.gradcheck(terms.canonical_correlation, (a[:30], b[:30]))
