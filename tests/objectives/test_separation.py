"""The separation objective: terms by name, attributes, SCL beside it, poor batches, processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import StructuredContrastive
from triptych.objectives import separation_terms as sep
from triptych.objectives.separation import Separation
from triptych.objectives.views import Views
from triptych.transforms import PhaseShift

SHIFT = PhaseShift(rate=100.0, max_shift=0.1, mode="circular")
SCHEMA = LatentSchema(
    Block("anatomy", 4, role="common"),
    Block("disease", 3, role="salient", invariant_to="phase_shift"),
    Block("timing", 2, role="common", variant_to="phase_shift"),
    Block("rest", 5),
)
TARGET = torch.arange(8) % 2 == 1


def batch(size: int = 14, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(8, 2, 50, generator=generator)
    return x, torch.randn(16, size, generator=generator)


def test_the_total_is_the_weighted_sum_of_the_terms() -> None:
    weights = {"common": 2.0, "salient": 3.0, "background": 5.0, "independence": 7.0}
    objective = Separation(SCHEMA, [SHIFT], weights=weights, uniformity=1.5)
    x, z = batch()
    found = objective(z, objective.views(x, labels=TARGET))
    t = found.terms
    expected = (
        2 * (t["common/alignment"] + 1.5 * t["common/uniformity"])
        + 3 * (t["salient/alignment"] + 1.5 * t["salient/uniformity"])
        + 5 * t["background"]
        + 7 * t["independence"]
    )
    assert float(found.total) == pytest.approx(float(expected))
    first, second = z[:8, 4:7], z[8:, 4:7]
    alignment, even = sep.salient_term(first, second, TARGET, 0.5)
    assert float(t["salient/alignment"]) == pytest.approx(float(alignment))
    assert float(t["salient/uniformity"]) == pytest.approx(float(even))
    whole = torch.cat([z[:, :4], z[:, 7:9]], dim=1)  # the common blocks, in order
    common, _ = sep.common_term(whole[:8], whole[8:], 0.5, slice(0, 4))  # timing follows the shift
    assert float(t["common/alignment"]) == pytest.approx(float(common))


def test_both_views_are_drawn_anew_and_repeat_by_the_generator() -> None:
    objective = Separation(SCHEMA, [SHIFT])
    x, _ = batch()
    views = objective.views(x, torch.Generator().manual_seed(1))
    again = objective.views(x, torch.Generator().manual_seed(1))
    assert views.n == 8
    assert torch.equal(views.signals, again.signals)
    assert not torch.equal(views.signals[:8], views.signals[8:])


def test_it_acts_on_the_views_of_structured_contrast() -> None:
    structured = StructuredContrastive(SCHEMA, [SHIFT])
    objective = Separation(SCHEMA, [SHIFT])
    x, z = batch()
    views = structured.views(x, labels=TARGET)
    z.requires_grad_()
    own = objective(z, objective.views(x, labels=TARGET))
    both = objective(z, views)
    assert own.total.item() == pytest.approx(both.total.item())  # one pair, the same rows
    (structured(z, views).total + both.total).backward()
    assert z.grad is not None
    assert (z.grad[:, :9] != 0).any(dim=0).all()
    assert (z.grad[:, 9:] == 0).all()  # the free block


@pytest.mark.parametrize(
    "independence", ["joint_entropy", "cross_covariance", "canonical_correlation", "hsic", None]
)
@pytest.mark.parametrize("case", ["mixed", "background", "targets", "null", "half", "one row"])
def test_poor_batches_give_finite_losses(independence, case: str) -> None:
    objective = Separation(SCHEMA, [SHIFT], independence=independence)
    x, z = batch()
    target = TARGET
    if case in ("background", "targets"):
        target = torch.full((8,), case == "targets")
    if case == "null":
        z[:, 4:7] = 0
    if case == "one row":
        x, z, target = x[:1], z[:2], target[:1]
    z = (z.half() if case == "half" else z).requires_grad_()
    views = objective.views(x, labels=target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = objective(z, views)
    found.total.backward()
    assert all(torch.isfinite(value) for value in found.terms.values())
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def test_attributes_supervise_their_blocks() -> None:
    schema = LatentSchema(
        Block("grid", 4, role="common"),
        Block("shape", 1, role="salient"),
        Block("x", 1, role="salient"),
    )
    kinds = {"shape": "discrete", "x": "continuous"}
    objective = Separation(schema, [SHIFT], attributes=kinds)
    x, z = batch(6)
    y = torch.stack([torch.arange(8) % 3, torch.linspace(0, 1, 8)], dim=1)
    y[~TARGET] = torch.nan
    labels = torch.cat([TARGET[:, None], y], dim=1)
    found = objective(z, objective.views(x, labels=labels))
    named = ["common/alignment", "common/uniformity", "salient/shape", "salient/x", "independence"]
    assert list(found.terms) == named
    expected = sep.supervised_term(
        z[:8, 5:], z[8:, 5:], TARGET, y[:, 1], discrete=False, bandwidth=0.5
    )
    assert float(found.terms["salient/x"]) == pytest.approx(float(expected) / 2)
    for wrong in (TARGET, labels[:, :2]):
        with pytest.raises(InputError, match="population, shape"):
            objective(z, objective.views(x, labels=wrong))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"beta": 1.0}}, "weights names 'beta'"),
        ({"independence": "magic"}, "independence names 'magic'"),
        ({"attributes": {"anatomy": "discrete"}}, "attributes names 'anatomy'"),
        ({"attributes": {"disease": "ordinal"}}, "attributes names 'ordinal'"),
        ({"bandwidth": 0.0}, "bandwidth is 0.0"),
    ],
)
def test_unknown_options_are_refused(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Separation(SCHEMA, [SHIFT], **options)


def test_a_schema_without_roles_and_wrong_labels_are_refused() -> None:
    with pytest.raises(InputError, match="role='salient'"):
        Separation(LatentSchema(Block("a", 3, role="common")), [SHIFT])
    with pytest.raises(InputError, match="least one transform"):
        Separation(SCHEMA, [])
    objective = Separation(SCHEMA, [SHIFT])
    x, z = batch()
    for wrong in (TARGET[:4], torch.zeros(8, 2)):
        with pytest.raises(InputError, match=r"\(8, 1\): one column"):
            objective(z, objective.views(x, labels=wrong))
    with pytest.raises(InputError, match="15 latents"):
        objective(z[:15], objective.views(x, labels=TARGET))


def test_blocks_find_what_is_shared_and_what_only_targets_have() -> None:
    """Two shared factors, two of the targets, and noise that differs between views, all mixed."""
    torch.manual_seed(0)
    n = 120
    target = torch.arange(n) % 2 == 1
    shared, own = torch.randn(n, 2), torch.randn(n, 2) * target[:, None]
    mixing = torch.linalg.qr(torch.randn(6, 6))[0]

    def draw() -> Tensor:
        return torch.cat([shared, own, torch.randn(n, 2)], dim=1) @ mixing

    schema = LatentSchema(Block("both", 2, role="common"), Block("target", 2, role="salient"))
    encoder = nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Linear(32, 4))
    objective = Separation(schema, [SHIFT])
    optimiser = torch.optim.Adam(encoder.parameters(), 1e-2)
    for _ in range(150):
        loss = objective(encoder(torch.cat([draw(), draw()])), flat_views(target)).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        parts = schema.split(encoder(draw()))
    both, salient = parts["both"], parts["target"]
    assert explained(salient[target], own[target]) > 0.8
    assert explained(both, shared) > 0.7
    assert explained(both[target], own[target]) < 0.3
    assert explained(salient[target], shared[target]) < 0.3
    length = salient.norm(dim=1)
    assert length[~target].mean() < 0.1 * length[target].mean()


def explained(z: Tensor, y: Tensor) -> float:
    """R² of a linear regression of y on z."""
    design = torch.cat([z, torch.ones(len(z), 1)], dim=1)
    rest = y - design @ torch.linalg.lstsq(design, y).solution
    return 1 - float(rest.square().sum() / (y - y.mean(dim=0)).square().sum())


def test_every_row_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with half a batch each compute the single process's loss."""
    objective = Separation(SCHEMA, [SHIFT])
    _, z = batch()
    target = torch.tensor([True, True, True, False, False, True, False, False])
    expected = objective(z, flat_views(target))
    halves = [z.view(2, 8, -1)[:, half].flatten(0, 1) for half in (slice(4), slice(4, 8))]
    sent: list[Tensor] = []

    def stand_in(gather: Callable[[Tensor], Tensor]) -> None:
        for module in ("separation", "populations"):
            monkeypatch.setattr(f"triptych.objectives.{module}.gather", gather)

    stand_in(lambda x: sent.append(x) or x)
    objective(halves[1], flat_views(target[4:]))
    stand_in(lambda x: torch.cat([x, sent.pop(0)]))
    found = objective(halves[0], flat_views(target[:4]))
    assert not sent
    for name, value in expected.terms.items():
        assert float(found.terms[name]) == pytest.approx(float(value), rel=1e-5)


def flat_views(target: Tensor) -> Views:
    n = len(target)
    params = {"phase_shift": torch.zeros(2, n, 1)}
    return Views(torch.zeros(2 * n, 2, 50), params, {}, labels=target)


def test_it_is_a_module_without_parameters() -> None:
    objective = Separation(SCHEMA, [SHIFT])
    assert isinstance(objective, nn.Module)
    assert not list(objective.parameters())


def test_labels_say_the_population() -> None:
    objective = Separation(SCHEMA, [SHIFT])
    x, z = batch()
    views = objective.views(x)
    totals = [
        objective(z, replace(views, labels=labels)).total
        for labels in (TARGET, TARGET.long(), TARGET.float()[:, None])
    ]
    assert torch.equal(totals[0], totals[1])
    assert torch.equal(totals[0], totals[2])
    with pytest.raises(InputError, match="targets from"):
        objective(z, views)
