"""Every mechanism on every transform: what latents that hold θ allow, or one sentence."""

from __future__ import annotations

import pytest
import torch
from benchmarks.mechanisms import (
    KINDS,
    LONGER,
    REFERENCES,
    STEPS,
    TRANSFORMS,
    Pairs,
    few,
    mechanism_of,
    pairs,
    predicted,
    repelled,
    turned,
)

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import StructuredContrastive
from triptych.objectives.variation import Predict, Repel
from triptych.transforms import AxisMirror, LeadSwap, PhaseShift, Rotation, Transform

REFUSED = ("chain", "image_tone", "lead_swap, 12 channels, 2 swaps")  # by some mechanism
SINGLE = {name: each for name, each in TRANSFORMS.items() if name not in REFUSED}
EXACT = [name for name in SINGLE if name.startswith("phase") or name[-4:] in (" so3", "be24")]
every = pytest.mark.parametrize("name", SINGLE)
both = pytest.mark.parametrize("reference", REFERENCES)


class Stretch:
    """A transform of one's own without `target`: θ is a ratio, and Δ = b/a is not odd."""

    name = "stretch"
    unit = "ln ratio"
    context = 0

    def sample(self, n, generator=None):
        return 1 + torch.rand(n, 1, generator=generator)

    def apply(self, x, params):
        return x * params[:, :, None]

    def identity(self, n):
        return torch.ones(n, 1)

    def relative(self, a, b):
        return b / a

    def distance(self, a, b):
        return (b / a)[:, 0].log().abs()


def enough(transform: Transform) -> float:
    return 0.99 if few(transform) else 0.95


@both
@every
def test_the_head_reads_every_change(name, reference) -> None:
    steps = LONGER.get(name, STEPS) if reference == "transformed" else STEPS
    assert predicted(SINGLE[name], reference, True, steps) >= enough(SINGLE[name])


@both
def test_the_head_reads_a_transform_of_ones_own(reference) -> None:
    assert predicted(Stretch(), reference, True) >= 0.95


@both
@every
def test_repulsion_leaves_equal_views_and_weighs_half_of_the_others(name, reference) -> None:
    transform = SINGLE[name]
    assert 0.4 <= repelled(transform, reference) <= 0.7
    repel: Repel = mechanism_of(transform, "repel", reference, 4)  # type: ignore[assignment]
    drawn = pairs(transform, reference, 64, 0)
    again = Pairs(drawn.second, drawn.second.clone(), drawn.change)
    # normalising a quaternion again moves its last bit
    assert float(repel.strength(transform.distance(again.first, again.second)).max()) < 1e-5
    assert repelled(Stretch(), reference) == pytest.approx(0.55, abs=0.15)


@both
@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("name", EXACT)
def test_an_exact_block_turns_and_one_is_found(name, reference, mapped) -> None:
    figure = turned(SINGLE[name], reference, mapped, steps=150)
    assert figure >= (0.95 if mapped else 1 - 1e-6)


@both
@pytest.mark.parametrize("name", [name for name in SINGLE if name not in EXACT])
def test_transforms_without_a_representation_are_refused(name, reference) -> None:
    with pytest.raises(InputError, match=f"{SINGLE[name].name}|gravity"):
        mechanism_of(SINGLE[name], "equivariant", reference, 12)


@both
@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_is_told_to_be_listed(kind, reference) -> None:
    with pytest.raises(InputError, match=r"list its parts \(phase_shift, gain\)"):
        mechanism_of(TRANSFORMS["chain"], kind, reference, 12)
    schema = LatentSchema(Block("inside", 4, invariant_to="chain"))  # which asks for no Δ
    scl = StructuredContrastive(schema, [TRANSFORMS["chain"]], reference=reference)
    views = scl.views(torch.randn(8, 1, 300))
    assert torch.isfinite(scl(torch.randn(16, 4), views).total)


@pytest.mark.parametrize("transform", [AxisMirror(axes=(1,)), LeadSwap(), PhaseShift(0.0)])
@pytest.mark.parametrize("kind", ["repel", "predict"])
def test_what_never_differs_is_refused(transform, kind) -> None:
    with pytest.raises(InputError, match=f"two views never differ in {transform.name}"):
        mechanism_of(transform, kind, "transformed", 4)


def test_one_known_side_tells_what_always_happens() -> None:
    predict: Predict = mechanism_of(LeadSwap(), "predict", "original", 4)  # type: ignore[assignment]
    drawn = pairs(LeadSwap(), "original", 16, 0)
    z = torch.randn(2, 16, 4)
    error = predict(*z, drawn.change, torch.ones(16), torch.zeros(16, 0))
    assert float(error.detach()) < 10
    assert torch.isfinite(predict.read(*z)).all()


@pytest.mark.parametrize("kind", ["repel", "predict"])
def test_a_tone_has_no_delta_that_views_show(kind) -> None:
    with pytest.raises(InputError, match="carry image_tone"):
        mechanism_of(TRANSFORMS["image_tone"], kind, "transformed", 4)


def test_products_of_permutations_are_not_read() -> None:
    with pytest.raises(InputError, match="two permutations"):
        mechanism_of(LeadSwap(12, 6), "predict", "transformed", 4)
    mechanism_of(LeadSwap(12, 6), "predict", "original", 4)
    mechanism_of(LeadSwap(12, 6), "repel", "transformed", 4)


def test_only_what_a_swap_negates_is_made_odd() -> None:
    odd = {
        name for name, each in SINGLE.items() if mechanism_of(each, "predict", "original", 4).odd
    }
    symmetric = {
        "phase_shift, circular, any",
        "axis_mirror",
        "image_crop",
        *(n for n in SINGLE if "swap" in n),
    }
    assert set(SINGLE) - odd == symmetric | {n for n in SINGLE if "rotation" in n}
    predict: Predict = mechanism_of(Rotation(), "predict", "original", 4)  # type: ignore[assignment]
    assert predict.head[-1].out_features == 6
