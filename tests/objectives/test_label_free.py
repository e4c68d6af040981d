"""Label-free losses beside SimCLR: each against a loop written from its definition, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import BarlowTwins, StructuredContrastive, VICReg, redundancy, terms
from triptych.objectives.registry import make
from triptych.transforms import Gain, PhaseShift

SHIFT = PhaseShift(max_shift=0.25, rate=40.0)
X = torch.randn(6, 1, 60, generator=torch.Generator().manual_seed(0))


def pair(n: int = 9, d: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(n, d, dtype=torch.float64, generator=generator)
    return 0.5 * a, 0.5 * a + 0.3 * torch.randn(n, d, dtype=torch.float64, generator=generator)


def test_vicreg_equals_the_definition() -> None:
    a, b = pair()
    similarity = sum(float((x - y).square().sum()) for x, y in zip(a, b, strict=True)) / 36
    variance = covariance = 0.0
    for z in (a, b):
        mean = z.mean(dim=0)
        c = sum(torch.outer(row - mean, row - mean) for row in z) / 8
        assert isinstance(c, Tensor)
        variance += sum(max(0.0, 1 - float(c[i, i] + 1e-4) ** 0.5) for i in range(4)) / 4 / 2
        covariance += sum(float(c[i, j]) ** 2 for i in range(4) for j in range(4) if i != j) / 4
    found = redundancy.vicreg(a, b)
    assert {k: float(v) for k, v in found.items()} == pytest.approx(
        {"similarity": similarity, "variance": variance, "covariance": covariance}, abs=1e-12
    )


def test_vicreg_equals_pytorch_metric_learning() -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    a, b = (each.float() for each in pair(32, 8))
    views, objective = VICReg(8, [SHIFT], projection=0).views(X), VICReg(8, [SHIFT], projection=0)
    found = objective(torch.cat([a, b]), views).total
    assert float(found) == pytest.approx(float(losses.VICRegLoss()(a, ref_emb=b)), rel=1e-5)


def test_barlow_twins_equals_the_definition() -> None:
    a, b = pair()
    norm = torch.nn.BatchNorm1d(4, affine=False).double().train()
    total = 0.0
    u, v = norm(a), norm(b)
    for i in range(4):
        for j in range(4):
            c = float((u[:, i] * v[:, j]).sum()) / 9
            total += (1 - c) ** 2 if i == j else 5e-3 * c**2
    objective = BarlowTwins(4, [SHIFT], projection=0)
    found = objective(torch.cat([a, b]), objective.views(X)).total
    assert float(found) == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize("term", [redundancy.vicreg, redundancy.cross_correlation])
def test_gradients_are_right_and_a_single_row_is_finite(term: Any) -> None:
    def total(a: Tensor, b: Tensor) -> Tensor:
        return torch.stack(list(term(a, b).values())).sum()

    a, b = pair(5, 3)
    assert torch.autograd.gradcheck(total, (a.requires_grad_(), b.requires_grad_()))
    alone = torch.randn(1, 3, requires_grad=True)
    total(alone, torch.randn(1, 3)).backward()
    assert alone.grad is not None
    assert torch.isfinite(alone.grad).all()


def test_a_base_of_vicreg_is_vicreg_on_the_invariant_block() -> None:
    schema = LatentSchema(Block("same", 5, invariant_to="phase_shift"), Block("rest", 3))
    weights = {"alignment": 0.0}
    scl = StructuredContrastive(schema, [SHIFT], base="vicreg", vicreg=(10, 5, 2), weights=weights)
    z = torch.randn(12, 8, requires_grad=True)
    total = scl(z, scl.views(X)).total
    parts = redundancy.vicreg(*z.detach()[:, :5].chunk(2)).values()
    expected = sum(w * float(x) for w, x in zip((10, 5, 2), parts, strict=True))
    assert float(total.detach()) == pytest.approx(expected, rel=1e-6)
    total.backward()
    assert z.grad is not None
    assert not z.grad[:, 5:].any()


@pytest.mark.parametrize("base", ["nt_xent", "vicreg"])
def test_several_nuisances_are_several_relations_of_one_schema(base: Any) -> None:
    gain = Gain()
    schema = LatentSchema(
        Block("shape", 4, invariant_to=("phase_shift", "gain")),
        Block("time", 3, variant_to="phase_shift", invariant_to="gain"),
        Block("size", 2, variant_to="gain", invariant_to="phase_shift"),
    )
    scl = StructuredContrastive(schema, [SHIFT, gain], base=base)
    views = scl.views(X, torch.Generator().manual_seed(0))
    z = torch.randn(len(views.signals), 9)
    found = scl(z, views).terms
    inside = {"phase_shift": ("shape", "size"), "gain": ("shape", "time")}
    for name, blocks in inside.items():  # each relation sees its own pair and blocks alone
        first, second = views.sides(schema.select(z, blocks), name)
        expected = terms.nt_xent(first, second, 0.1)
        if base == "vicreg":
            parts = redundancy.vicreg(first, second)
            expected = 25 * parts["similarity"] + 25 * parts["variance"] + parts["covariance"]
        torch.testing.assert_close(found[f"invariance/{name}"], expected)
    carried = {name for name in found if name.startswith("variation")}
    assert carried == {"variation/phase_shift/time/predict", "variation/gain/size/predict"}


@pytest.mark.parametrize(
    ("name", "settings", "word"),
    [
        ("vicreg", {"variance": -1}, "variance"),
        ("barlow", {"redundancy": -1}, "redundancy"),
        ("scl", {"base": "barlow"}, "base"),
        ("scl", {"base": "vicreg", "sharpness": 0.1}, "sharpness"),
        ("scl", {"vicreg": [1, 2]}, "three weights"),
        ("scl", {"vicreg": 1}, "vicreg"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, settings: dict[str, Any], word: str) -> None:
    schema = LatentSchema(Block("same", 4, invariant_to="phase_shift"), Block("rest", 4))
    with pytest.raises(InputError, match=word):
        make(name, schema, [SHIFT], settings)
