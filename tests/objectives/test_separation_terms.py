"""SepCLR's formulas against float64 loops, their gradients, and batches that lack something."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from triptych.objectives import separation_terms as sep

TAU = 0.5


def views(n: int = 9, d: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(n, d, dtype=torch.float64, generator=generator)
    b = a + 0.3 * torch.randn(n, d, dtype=torch.float64, generator=generator)
    return a, b, torch.arange(n) % 3 > 0


def squared(x: Tensor, y: Tensor) -> float:
    return sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True))


def uniform(z: Tensor) -> float:
    pairs = [(i, j) for i in range(len(z)) for j in range(i + 1, len(z))]
    kernels = [math.exp(-squared(z[i], z[j]) / (2 * TAU)) for i, j in pairs]
    return math.log(sum(kernels) / len(pairs))


def align(x: Tensor, y: Tensor) -> float:
    return sum(squared(p, q) for p, q in zip(x, y, strict=True)) / (2 * TAU * len(x))


def unit(z: Tensor) -> Tensor:
    return torch.stack([row / math.sqrt(squared(row, row * 0)) for row in z])


def cleared(z: Tensor, target: Tensor) -> Tensor:
    return torch.stack([row if t else row * 0 for row, t in zip(z, target, strict=True)])


def test_common_term_equals_the_definition() -> None:
    a, b, target = views()
    alignment, even = sep.common_term(a, 3 * b, TAU)
    assert float(alignment) == pytest.approx(align(unit(a), unit(b)))
    assert float(even) == pytest.approx((uniform(unit(a)) + uniform(unit(b))) / 2)
    _, even = sep.common_term(a, 3 * b, TAU, spreading=~target)
    some = (uniform(unit(a[~target])) + uniform(unit(b[~target]))) / 2
    assert float(even) == pytest.approx(some)


def test_salient_term_equals_the_definition() -> None:
    a, b, target = views()
    alignment, even = sep.salient_term(a, b, target, TAU)
    assert float(alignment) == pytest.approx(align(a[target], b[target]))
    expected = (uniform(cleared(a, target)) + uniform(cleared(b, target))) / 2
    assert float(even) == pytest.approx(expected)


def test_uniformity_without_null_pairs_equals_the_definition() -> None:
    a, b, target = views()
    _, even = sep.salient_term(a, b, target, TAU, null_pairs=False)
    expected = 0.0
    for side in (a, b):
        z = cleared(side, target)
        logs = [math.log(sum(math.exp(-squared(x, y) / (2 * TAU)) for y in z) / len(z)) for x in z]
        own = [value for value, t in zip(logs, target, strict=True) if t]
        expected += sum(own) / len(own) / 2
    assert float(even) == pytest.approx(expected)
    nobody = torch.zeros_like(target)
    assert float(sep.salient_term(a, b, nobody, TAU, null_pairs=False)[1]) == 0


def test_background_term_equals_the_definition() -> None:
    a, b, target = views()
    zeros = torch.zeros(3, 3)
    expected = (align(a[~target], zeros) + align(b[~target], zeros)) / 2
    assert float(sep.background_term(a, b, target, TAU)) == pytest.approx(expected)


def test_joint_entropy_equals_the_definition() -> None:
    a, b, _ = views()
    total = 0.0
    for i in range(9):
        kernels = [
            math.exp(-squared(a[i], a[j]) / (2 * TAU)) * math.exp(-squared(b[i], b[j]) / (2 * TAU))
            for j in range(9)
        ]
        total += math.log(sum(kernels) / 9) / 9
    assert float(sep.joint_entropy(a, b, TAU)) == pytest.approx(total)


@pytest.mark.parametrize("discrete", [True, False])
def test_supervised_alignment_equals_the_definition(discrete: bool) -> None:
    z, _, _ = views(8, 1)
    y = torch.tensor([0, 1, 1, 0, 2, 0, 1, math.nan]) / (1 if discrete else 4)
    total = 0.0
    for i in range(7):
        for j in range(i + 1, 7):
            gap = float(y[i]) - float(y[j])
            weight = float(gap == 0) if discrete else math.exp(-(gap**2) / 0.05)
            total += weight * squared(z[i], z[j]) / 21
    assert float(sep.supervised_alignment(z, y, discrete=discrete)) == pytest.approx(total)


@pytest.mark.parametrize(
    ("discrete", "y", "weight", "null"),
    # Two targets 1 and 3, a background row at 2: ‖2 − 0‖²/2τ is 4 at τ = 0.5 and 80 at 0.025.
    [(True, [0, 0], 1.0, 4), (True, [0, 1], 0.0, 4), (False, [0, 0.1], math.exp(-0.2), 80)],
)
def test_supervised_term_has_the_value_worked_out_by_hand(
    discrete: bool, y: list[float], weight: float, null: float
) -> None:
    z = torch.tensor([[1.0], [3.0], [2.0]], dtype=torch.float64)
    target = torch.tensor([True, True, False])
    attribute = torch.tensor([*y, math.nan], dtype=torch.float64)
    even = math.log((math.exp(-4) + math.exp(-1) + math.exp(-9)) / 3)
    alike = weight * 4 * 4 / 6  # of the six pairs of two equal views four are 2 apart
    found = sep.supervised_term(z, z, target, attribute, discrete=discrete, bandwidth=0.5)
    assert float(found) == pytest.approx(even + (alike + null) / 2, rel=1e-12)


@pytest.mark.parametrize("discrete", [True, False])
def test_supervised_term_is_made_of_its_parts(discrete: bool) -> None:
    a, b, target = views(9, 1)
    y = torch.arange(9) % 2 / (1.0 if discrete else 9.0)
    both, twice = torch.cat([a[target], b[target]]), y[target].repeat(2)
    expected = sep.salient_term(a, b, target, TAU)[1] + 0.5 * (
        sep.supervised_alignment(both, twice, discrete=discrete)
        + sep.background_term(a, b, target, TAU if discrete else 0.025)
    )
    found = sep.supervised_term(a, b, target, y, discrete=discrete, bandwidth=TAU)
    assert float(found) == pytest.approx(float(expected))


def everything(a: Tensor, b: Tensor, target: Tensor) -> Tensor:
    y = torch.arange(len(a)).to(a) % 3 / 3
    terms = [
        *sep.common_term(a, b, TAU),
        *sep.salient_term(a, b, target, TAU),
        sep.background_term(a, b, target, TAU),
        sep.joint_entropy(a, b, TAU),
        sep.supervised_term(a, b, target, y, discrete=True, bandwidth=TAU),
        sep.supervised_term(a, b, target, y, discrete=False, bandwidth=TAU),
    ]
    return torch.stack([term.to(torch.promote_types(a.dtype, torch.float32)) for term in terms])


@pytest.mark.parametrize("chunk", [4, 1024])
def test_gradients_are_right_in_one_piece_and_in_chunks(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sep, "CHUNK", chunk)
    a, b, target = views(7, 2)
    inputs = (a.requires_grad_(), b.requires_grad_())
    assert torch.autograd.gradcheck(lambda x, y: everything(x, y, target), inputs, fast_mode=True)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, target = views(23)
    whole = everything(a, b, target)
    monkeypatch.setattr(sep, "CHUNK", 5)
    assert torch.allclose(everything(a, b, target), whole, rtol=1e-12)


class Largest(torch.utils._python_dispatch.TorchDispatchMode):
    """Note the size of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for each in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(each, Tensor):
                self.elements = max(self.elements, each.numel())
        return made


def test_no_tensor_is_larger_than_a_chunk_of_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sep, "CHUNK", 16)
    a, b, _ = views(256)
    target = torch.ones(256, dtype=torch.bool)
    a.requires_grad_()
    with Largest() as largest:
        everything(a, b, target).sum().backward()
    assert largest.elements <= 16 * 512  # both views' targets are one batch of 512


def test_close_rows_far_from_the_origin_keep_their_distance() -> None:
    z = torch.tensor([[0.0], [0.5], [1.0]])
    assert float(sep.uniform(z + 1e4, TAU)) == pytest.approx(float(sep.uniform(z, TAU)), rel=1e-5)


def test_distant_rows_do_not_underflow() -> None:
    z = torch.tensor([[0.0], [100.0], [200.0]], requires_grad=True)
    value = sep.uniform(z, TAU)
    value.backward()
    assert value.item() == pytest.approx(-10_000 + math.log(2 / 3), rel=1e-6)
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


POOR = {
    "no background": lambda: (torch.randn(6, 3), torch.ones(6, dtype=torch.bool)),
    "no target": lambda: (torch.randn(6, 3), torch.zeros(6, dtype=torch.bool)),
    "one target": lambda: (torch.randn(1, 3), torch.ones(1, dtype=torch.bool)),
    "one background": lambda: (torch.randn(1, 3), torch.zeros(1, dtype=torch.bool)),
    "no row": lambda: (torch.randn(0, 3), torch.zeros(0, dtype=torch.bool)),
    "null vectors": lambda: (torch.zeros(6, 3), torch.arange(6) % 2 == 1),
    "equal rows": lambda: (torch.ones(6, 3), torch.arange(6) % 2 == 1),
    "a large norm": lambda: (300 * torch.randn(6, 3), torch.arange(6) % 2 == 1),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", POOR)
def test_poor_batches_are_finite_with_finite_gradients(case: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    z, target = POOR[case]()
    a, b = (z.to(dtype).requires_grad_() for _ in range(2))
    value = everything(a, b, target)
    value.sum().backward()
    assert torch.isfinite(value).all()
    for side in (a, b):
        assert side.grad is not None
        assert torch.isfinite(side.grad).all()


def test_what_a_batch_cannot_give_is_zero() -> None:
    a, b, target = views()
    none, all_ = torch.zeros_like(target), torch.ones_like(target)
    assert float(sep.salient_term(a, b, none, TAU)[0]) == 0
    assert float(sep.salient_term(a, b, none, TAU)[1]) == 0
    assert float(sep.background_term(a, b, all_, TAU)) == 0
    assert float(sep.uniform(a[:1], TAU)) == 0
    assert float(sep.supervised_alignment(a[:1], a[:1, 0], discrete=False)) == 0


def test_autocast_does_not_reach_the_kernels() -> None:
    a, b, target = views()
    a, b = a.float(), b.float()
    expected = everything(a, b, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(everything(a, b, target), expected)
