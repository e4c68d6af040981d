from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.training import toys
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import terms
from triptych.training import CombinedLoss
from triptych.training.build import build
from triptych.training.heads import TaskHeads, invariant_blocks
from triptych.training.settings import Weights


def loss(**changes: Any) -> CombinedLoss:
    made = toys.recipe(**changes)
    torch.manual_seed(0)
    parts = build(made, 1, made.length)
    return CombinedLoss(
        parts.encoder,
        parts.objective,
        schema=parts.schema,
        front_end=parts.front_end,
        decoder=parts.decoder,
        heads=parts.heads,
        weights=made.weights,
        augment=made.make_augment(),
    )


def batch() -> tuple[Tensor, Tensor]:
    return toys.windows(8).signals, torch.tensor([0, 1, 0, 1, 0, 1, -1, -1])


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def touched(module: nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.any()) for p in module.parameters())


def test_the_total_is_the_weighted_sum_of_its_terms() -> None:
    weights = {"reconstruction": 2.0, "kl": 0.5, "structure": 3.0, "task": 0.25}
    found = loss(weights=weights, classes=["slow", "fast"])(*batch(), generator())
    structure = sum(value for name, value in found.items() if "phase_shift" in name)
    task = found["task/invariant"] + found["task/full"]
    expected = 2 * found["reconstruction"] + 0.5 * found["kl"] + 3 * structure + 0.25 * task
    assert torch.allclose(found["total"], expected)


@pytest.mark.parametrize("objective", ["plain", "augmentation", "simclr", "ncl", "supcon", "scl"])
@pytest.mark.parametrize("decoder", [True, False])
def test_every_objective_runs(objective: str, decoder: bool) -> None:
    made = loss(objective__name=objective, decoder=decoder, classes=["slow", "fast"])
    found = made(*batch(), generator())
    assert ("reconstruction" in found) == decoder
    found["total"].backward()
    assert touched(made.network)


@pytest.mark.parametrize("front_end", ["canonical_phase", "power_spectrum", "aligned_peak"])
def test_the_decoder_reconstructs_what_the_front_end_gives(front_end: str) -> None:
    made = loss(encoder__front_end=front_end, encoder__strides=[2, 2]).eval()
    x = batch()[0]
    views = made.objective.views(x, generator())
    seen = made.front_end(views.signals)
    decoded = made.decoder(made.encoder(seen))
    expected = (decoded - seen).square().mean()
    found = made(x, None, generator())
    assert found["reconstruction"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_settings_of_a_front_end() -> None:
    made = loss(
        encoder__front_end={"name": "power_spectrum", "cutoff": 20.0}, encoder__strides=[2, 1]
    )
    assert made.front_end(batch()[0][..., 20:-20]).shape == (8, 1, 16)


def test_a_schema_must_come_from_somewhere() -> None:
    with pytest.raises(InputError, match="neither the objective"):
        CombinedLoss(nn.Identity(), toys.recipe(objective__name="plain").make_objective())


def test_the_full_head_does_not_train_invariant_blocks() -> None:
    schema = toys.recipe().schema_of_latent
    heads = TaskHeads(schema, ["slow", "fast"])
    z = torch.randn(8, schema.size, requires_grad=True)
    losses = heads.losses(z, torch.tensor([0, 1, 0, 1]), 4)
    (full,) = torch.autograd.grad(losses["full"], z, retain_graph=True)
    (invariant,) = torch.autograd.grad(losses["invariant"], z)
    assert not full[:, :8].any()
    assert not full[4:].any()  # the other view
    assert full[:4, 8:].all()
    assert invariant[:, :8].all()  # both sides of the pair
    assert not invariant[:, 8:].any()


def test_rows_without_a_class_do_not_count() -> None:
    schema = toys.recipe().schema_of_latent
    heads = TaskHeads(schema, ["slow", "fast"])
    z = torch.randn(4, schema.size)
    some = heads.losses(z, torch.tensor([0, 1, -1, -1]), 4)
    only = heads.losses(z[:2], torch.tensor([0, 1]), 2)
    assert torch.allclose(some["full"], only["full"])
    assert heads.losses(z, torch.full((4,), -1), 4)["full"] == 0


def test_each_head_and_the_original_side_have_weights_of_their_own() -> None:
    classes = ["slow", "fast"]
    given = {"invariant_head": 3.0, "full_head": 0.5, "original": 0.25, "structure": 0.0}
    made = loss(classes=classes, decoder=False, weights=given)
    found = made(*batch(), generator())
    expected = 3 * found["task/invariant"] + 0.5 * found["task/full"]
    torch.testing.assert_close(found["total"], expected)
    assert made.heads is not None
    views = made.objective.views(batch()[0], generator())
    logits = made.heads.invariant(made.latents(views.signals))
    each = nn.functional.cross_entropy(
        logits, batch()[1].repeat(2), ignore_index=-1, reduction="none"
    )
    mean = (0.25 * each[:6].sum() + each[8:14].sum()) / (6 * 1.25)
    torch.testing.assert_close(found["task/invariant"], mean)
    # With one view there is no other side to be weighed against.
    z = torch.randn(4, made.schema.size)
    alone = [made.heads.losses(z, torch.tensor([0, 1, 1, -1]), 4, weight) for weight in (1, 0)]
    assert alone[0]["invariant"] == alone[1]["invariant"] > 0


def test_a_teacher_gives_both_sides_one_soft_target() -> None:
    classes = ["slow", "fast"]
    made = loss(classes=classes, decoder=False)
    made.weights = Weights(teacher=2.0)
    before = made(*batch(), generator())
    assert "teacher" not in before
    target = torch.rand(8, 1, generator=generator())
    seen: list[Tensor] = []

    def teach(x: Tensor) -> Tensor:
        seen.append(x)
        return torch.cat([target, 1 - target], dim=1)

    made.teacher = teach
    found = made(*batch(), generator())
    views = made.objective.views(batch()[0], generator())
    torch.testing.assert_close(seen[0], views.signals[:8])
    assert made.heads is not None
    log = made.heads.invariant(made.latents(views.signals)).log_softmax(dim=1)
    soft = torch.cat([target, 1 - target], dim=1).repeat(2, 1)
    torch.testing.assert_close(found["teacher"], -(soft * log).sum(dim=1).mean())
    torch.testing.assert_close(found["total"], before["total"] + 2 * found["teacher"])


@pytest.mark.parametrize("both", [True, False])
def test_the_full_head_learns_the_mean_of_both_teachers_from_the_original(both: bool) -> None:
    made = loss(classes=["slow", "fast"], decoder=False)
    made.weights = Weights(teacher=2.0, full_teacher=3.0)
    before = made(*batch(), generator())["total"]
    p, q = torch.rand(2, 8, 1, generator=generator())
    first, second = (torch.cat([each, 1 - each], dim=1) for each in (p, q))
    made.teacher = (lambda x: first) if both else None
    made.full_teacher = lambda x: second
    found = made(*batch(), generator())
    views = made.objective.views(batch()[0], generator())
    assert made.heads is not None
    z = made.latents(views.signals[:8])
    log = made.heads.full(z).log_softmax(dim=1)
    soft = (first + second) / 2 if both else second
    torch.testing.assert_close(found["full_teacher"], -(soft * log).sum(dim=1).mean())
    rest = 2 * found["teacher"] if both else 0
    torch.testing.assert_close(found["total"], before + rest + 3 * found["full_teacher"])
    # as in the full head's own loss, what is invariant is read and not moved
    z = z.detach().requires_grad_()
    made.heads.full_distilled(z, soft).backward()
    assert z.grad is not None
    moved = made.schema.split(z.grad)
    inside = made.heads.invariant.blocks
    assert all((moved[name] == 0).all() == (name in inside) for name in made.schema.names)


def test_what_is_null_is_counted_and_costs_nothing() -> None:
    blocks = [
        {"name": "shared", "size": 4, "role": "common"},
        {"name": "own", "size": 2, "role": "salient", "null_radius": 1e6},
    ]
    objective = {"name": "separation", "background": ["slow"], "independence": None}
    made = loss(latent=blocks, objective=objective, decoder=False)
    found = made(*batch(), generator())
    assert found["null/own"] == 1
    assert "null/shared" not in found
    total = found["common/alignment"] + 2 * found["common/uniformity"]  # uniformity has weight 2
    total = total + found["salient/alignment"] + 2 * found["salient/uniformity"]
    torch.testing.assert_close(found["total"], total + found["background"])


def test_training_samples_are_under_what_augments_them_and_validation_is_not() -> None:
    plain = loss(objective__name="plain")
    louder = loss(objective__name="plain", augment=[{"name": "gain", "max_gain": 20.0}])
    assert [each.name for each in louder.augment] == ["gain"]
    seen: list[Tensor] = []

    def note(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen.append(given[0])

    for each in (plain, louder):
        each.front_end = nn.Identity()  # a standardised window would hide the gain
        each.front_end.register_forward_pre_hook(note)
        for mode in (True, False):
            each.train(mode)(*batch(), generator())
    before, untouched, after, validation = seen
    assert torch.equal(before, untouched)
    assert torch.equal(before, validation)
    ratio = after.std(dim=(1, 2)) / before.std(dim=(1, 2))
    assert ratio.log().std() > 0.1  # each sample its own gain
    assert (ratio.log10().abs() <= 1.001).all()


def test_the_invariant_head_reads_what_is_invariant_to_everything() -> None:
    schema = LatentSchema(
        Block("activity", 4, invariant_to=("rotation", "phase_shift")),
        Block("direction", 3, equivariant_to="rotation", invariant_to="phase_shift"),
        Block("rest", 2),
    )
    assert invariant_blocks(schema) == ("activity",)
    assert invariant_blocks(LatentSchema(Block("latent", 4))) == ("latent",)


def test_consistency_is_the_disagreement_of_the_invariant_head() -> None:
    classes = ["slow", "fast"]
    made = loss(classes=classes, decoder=False, weights__consistency=3.0)
    found = made(*batch(), generator())
    views = made.objective.views(batch()[0], generator())
    assert made.heads is not None
    logits = made.heads.invariant(made.encoder(made.front_end(views.signals)))
    expected = terms.symmetric_kl(logits[:8], logits[8:])
    torch.testing.assert_close(found["consistency/phase_shift"], expected)
    without = loss(classes=classes, decoder=False)(*batch(), generator())
    assert "consistency/phase_shift" not in without
    torch.testing.assert_close(found["total"], without["total"] + 3 * expected)


def test_consistency_needs_pairs() -> None:
    made = loss(classes=["slow", "fast"], objective__name="plain", weights__consistency=1.0)
    with pytest.raises(InputError, match="objective makes none"):
        made(*batch(), generator())


@pytest.mark.parametrize(
    ("front_end", "channels"),
    [("scaled", 3), ("rotation_invariants", 15), ("gravity_aligned", 3)],
)
def test_front_ends_for_raw_signals_are_not_standardised_first(
    front_end: str, channels: int
) -> None:
    made = toys.recipe(encoder__front_end=front_end, decoder=False)
    parts = build(made, 3, made.length)
    assert len(parts.front_end) == 1
    x = 5 + torch.randn(4, 3, made.length)
    seen = parts.front_end(x)
    assert seen.shape == (4, channels, made.length)
    assert parts.encoder(seen).shape == (4, 16)
    if front_end == "scaled":
        assert torch.equal(seen, x)
