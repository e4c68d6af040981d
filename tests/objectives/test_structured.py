"""SCL's behaviour: terms, views, errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import StructuredContrastive, terms
from triptych.transforms import ChannelDropout, Gain, LeadSwap, PhaseShift, Rotation

SHIFT = PhaseShift(max_shift=0.25, rate=40.0)
SCHEMA = LatentSchema(
    Block("morphology", 6, invariant_to="phase_shift"),
    Block("timing", 4, variant_to="phase_shift"),
    Block("detail", 2),
)


def signals(n: int = 8, channels: int = 1, time: int = 60) -> torch.Tensor:
    return torch.randn(n, channels, time, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Flat(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.features = outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1))


@pytest.mark.parametrize("transform", [LeadSwap(channels=3), ChannelDropout()])
def test_repulsion_is_finite_for_transforms_that_seldom_do_anything(transform):
    schema = LatentSchema(Block("a", 3, variant_to=transform.name))
    scl = StructuredContrastive(schema, [transform], variation="repel")
    views = scl.views(torch.randn(16, 3, 40), torch.Generator().manual_seed(0))
    z = torch.randn(32, 3, requires_grad=True)
    scl(z, views).total.backward()
    assert torch.isfinite(z.grad).all()
    moved = (views.params[transform.name][0] != views.params[transform.name][1]).any()
    assert bool(z.grad.any()) == bool(moved)


def test_views_differ_in_the_focus_transform_and_share_the_others():
    schema = LatentSchema(
        Block("a", 2, invariant_to=("phase_shift", "gain")), Block("b", 2, variant_to="gain")
    )
    scl = StructuredContrastive(schema, [SHIFT, Gain()])
    views = scl.views(signals(), generator())
    assert views.signals.shape == (4 * 8, 1, 40)
    shift, gain = views.params["phase_shift"], views.params["gain"]
    assert not torch.equal(shift[0], shift[1])
    assert torch.equal(gain[0], gain[1])
    assert torch.equal(shift[2], shift[3])
    assert not torch.equal(gain[2], gain[3])
    again = Gain().apply(SHIFT.apply(signals(), shift[3]), gain[3])
    assert torch.equal(again, views.signals[24:])


def test_original_reference_keeps_one_side():
    scl = StructuredContrastive(SCHEMA, [SHIFT], reference="original")
    views = scl.views(signals(), generator())
    assert torch.equal(views.signals[:8], signals()[..., 10:50])


@pytest.mark.parametrize("variation", ["repel", "predict", "equivariant"])
def test_every_mechanism_gives_finite_terms_and_gradients(variation):
    scl = StructuredContrastive(SCHEMA, [SHIFT], variation=variation, independence="hsic")
    encoder = Flat(40, 12)
    views = scl.views(signals(), generator())
    losses = scl(encoder(views.signals), views)
    losses.total.backward()
    assert set(losses.terms) == {
        "invariance/phase_shift",
        "alignment/phase_shift",
        f"variation/phase_shift/timing/{variation}",
        "independence",
    }
    assert all(torch.isfinite(value) for value in losses.terms.values())
    weight = encoder.linear.weight.grad
    assert weight is not None
    assert torch.isfinite(weight).all()
    assert weight[:6].abs().sum() > 0
    assert weight[10:].abs().sum() == 0, "a free block gets only the task's gradient"


def test_total_is_the_weighted_sum_of_the_terms():
    scl = StructuredContrastive(SCHEMA, [SHIFT], weights={"alignment": 3.0, "centring": 0.5})
    views = scl.views(signals(), generator())
    losses = scl(torch.randn(16, 12, generator=generator()), views)
    named = {name.split("/")[0]: value for name, value in losses.terms.items()}
    expected = named["invariance"] + 3 * named["alignment"] + named["variation"]
    assert torch.allclose(losses.total, expected + 0.5 * named["centring"])


def test_soft_targets_come_from_the_orbit():
    x = signals()
    x[1] = x[0]  # the same recording twice: not a negative
    scl = StructuredContrastive(SCHEMA, [SHIFT], sharpness=0.02)
    views = scl.views(x, generator())
    similarity = views.similarity["phase_shift"]
    assert similarity.shape == (8, 8)
    assert similarity[0, 1] == pytest.approx(1, abs=1e-5)
    assert torch.allclose(similarity, similarity.T)
    z = torch.randn(16, 12, generator=generator())
    expected = terms.soft_nt_xent(z[:8, :6], z[8:, :6], similarity, 0.1, 0.02)
    assert torch.allclose(scl(z, views).terms["invariance/phase_shift"], expected)


def test_pairs_beyond_the_limit_do_not_count_in_variation():
    scl = StructuredContrastive(SCHEMA, [SHIFT], limits={"phase_shift": 0.0})
    views = scl.views(signals(), generator())
    losses = scl(torch.randn(16, 12, generator=generator()), views)
    same = views.params["phase_shift"][0] == views.params["phase_shift"][1]
    if not same.any():
        assert losses.terms["variation/phase_shift/timing/predict"] == 0


@pytest.mark.parametrize("one_sided", [False, True])
def test_independence_can_leave_the_variant_block_alone(one_sided):
    scl = StructuredContrastive(
        SCHEMA, [SHIFT], independence="cross_covariance", one_sided=one_sided
    )
    views = scl.views(signals(), generator())
    z = torch.randn(16, 12, generator=generator(), requires_grad=True)
    term = scl(z, views).terms["independence"]
    (grad,) = torch.autograd.grad(term, z)
    parts = SCHEMA.split(grad)
    assert parts["morphology"].abs().sum() > 0
    assert bool(parts["timing"].any()) != one_sided


def test_rotation_vectors_turn_with_the_sensor():
    schema = LatentSchema(
        Block("activity", 4, invariant_to="rotation"),
        Block("orientation", 6, equivariant_to="rotation"),
    )
    scl = StructuredContrastive(schema, [Rotation()])
    views = scl.views(signals(8, 3, 20), generator())

    def means(x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(dim=-1)
        return torch.cat([torch.ones(len(x), 4), 9 * mean, -9 * mean], dim=1)

    losses = scl(means(views.signals), views)
    error = losses.terms["variation/rotation/orientation/equivariant"]
    assert float(error) < 0.5  # only the norm floor is left
    turned = scl(means(views.signals).roll(1, 0), views)
    assert float(turned.terms["variation/rotation/orientation/equivariant"]) > float(error) + 0.2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: StructuredContrastive(SCHEMA, []), "phase_shift"),
        (lambda: StructuredContrastive(SCHEMA, [SHIFT], variation="push"), "push"),  # type: ignore[arg-type]
        (lambda: StructuredContrastive(SCHEMA, [SHIFT], weights={"align": 1}), "align"),
        (lambda: StructuredContrastive(SCHEMA, [SHIFT], temperature=0), "above 0"),
        (lambda: StructuredContrastive(SCHEMA, [SHIFT], temperature=float("nan")), "above 0"),
        (lambda: StructuredContrastive(SCHEMA, [SHIFT], reference="Original"), "'Original'"),  # type: ignore[arg-type]
        (lambda: StructuredContrastive(SCHEMA, [SHIFT], weights={"alignment": -1}), "alignment=-1"),
        (
            lambda: StructuredContrastive(SCHEMA, [SHIFT], weights={"alignment": "4"}),  # type: ignore[dict-item]
            "alignment='4', expected",
        ),
        (
            lambda: StructuredContrastive(SCHEMA, [SHIFT], limits={"phase_shift": float("nan")}),
            "phase_shift=nan",
        ),
        (
            lambda: StructuredContrastive(
                LatentSchema(Block("a", 3, equivariant_to="phase_shift")), [SHIFT]
            ),
            "invariant",
        ),
        (
            lambda: StructuredContrastive(
                LatentSchema(Block("o", 4, equivariant_to="rotation")), [Rotation()]
            ),
            "multiple of 3",
        ),
        (
            lambda: StructuredContrastive(
                LatentSchema(Block("a", 3, variant_to="phase_shift")), [SHIFT], one_sided=True
            ),
            "leave one_sided",
        ),
    ],
)
def test_what_does_not_fit_is_said(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_latents_of_the_wrong_size_are_refused_with_both_numbers():
    scl = StructuredContrastive(SCHEMA, [SHIFT])
    views = scl.views(signals(), generator())
    with pytest.raises(InputError, match=r"13.*12"):
        scl(torch.randn(16, 13), views)


def test_supervised_invariance_is_supcon():
    scl = StructuredContrastive(SCHEMA, [SHIFT], supervised=True, temperature=0.3)
    labels = torch.tensor([0, 0, 1, 1, 2, 2, -1, -1])
    views = replace(scl.views(signals(), generator()), labels=labels)
    z = torch.randn(16, 12, generator=generator())
    groups = torch.tensor([0, 0, 1, 1, 2, 2, 3, 4]).repeat(2)
    expected = terms.supcon(z[:, :6], groups, 0.3)
    torch.testing.assert_close(scl(z, views).terms["invariance/phase_shift"], expected)
    unknown = replace(views, labels=torch.full((8,), -1))
    plain = StructuredContrastive(SCHEMA, [SHIFT], temperature=0.3)
    torch.testing.assert_close(
        scl(z, unknown).terms["invariance/phase_shift"],
        plain(z, views).terms["invariance/phase_shift"],
    )
    with pytest.raises(InputError, match="needs class labels"):
        scl(z, replace(views, labels=None))
    with pytest.raises(InputError, match="use one"):
        StructuredContrastive(SCHEMA, [SHIFT], supervised=True, sharpness=0.1)


ORIENTED = LatentSchema(
    Block("activity", 4, invariant_to="rotation"),
    Block("orientation", 6, equivariant_to="rotation"),
)


@pytest.mark.parametrize("reference", ["original", "transformed"])
def test_an_exactly_equivariant_block_has_no_variation_loss(reference):
    """Two vectors that turn with the sensor: of the mean, and of a cross product."""
    scl = StructuredContrastive(ORIENTED, [Rotation()], reference=reference)
    views = scl.views(signals(8, 3, 20).double() + 1, generator())

    def vectors(x: torch.Tensor) -> torch.Tensor:
        second = torch.linalg.cross(x[..., 0], x[..., 9])
        both = torch.stack([x.mean(dim=-1), second], dim=1)
        return 10 * torch.nn.functional.normalize(both, dim=2).flatten(1)

    z = torch.cat([torch.ones(16, 4, dtype=torch.float64), vectors(views.signals)], dim=1)
    name = "variation/rotation/orientation/equivariant"
    assert float(scl(z, views).terms[name]) == pytest.approx(0, abs=1e-6)
    z[:, 4:] *= -1  # a block may choose any direction in the sensor's frame that turns with it
    assert float(scl(z, views).terms[name]) == pytest.approx(0, abs=1e-6)
    z[:8, 4:] *= -1  # but not one side's against the other's
    assert float(scl(z, views).terms[name]) == pytest.approx(2, abs=1e-6)
    z[:, 4:] = 0  # zero would turn as well: the norm floor
    assert float(scl(z, views).terms[name].detach()) >= 0.99


def test_a_network_learns_an_equivariant_block():
    scl = StructuredContrastive(ORIENTED, [Rotation()], reference="original")
    torch.manual_seed(0)
    encoder, name = Flat(12, 10), "variation/rotation/orientation/equivariant"
    optimizer = torch.optim.Adam(encoder.parameters(), 0.02)
    x, g = torch.randn(256, 3, 4, generator=generator()), generator(1)
    errors: list[float] = []
    for _ in range(150):
        views = scl.views(x, g)
        error = scl(encoder(views.signals), views).terms[name]
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[0] > 0.8
    assert errors[-1] < 0.1


@pytest.mark.parametrize("kind", ["yaw", "tilt"])
def test_rotations_relative_to_gravity_are_predicted_not_turned_by(kind):
    with pytest.raises(InputError, match="so3 or cube24"):
        StructuredContrastive(ORIENTED, [Rotation(kind)])
    schema = LatentSchema(Block("orientation", 6, variant_to="rotation"))
    scl = StructuredContrastive(schema, [Rotation(kind)], variation="predict")
    views = scl.views(signals(8, 3, 20), generator())
    assert torch.isfinite(scl(torch.randn(16, 6), views).total)
