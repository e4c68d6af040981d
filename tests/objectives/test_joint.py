"""SCL with a pair per set of transforms: what differs in it, its terms, errors."""

from __future__ import annotations

import pytest
import torch

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import JointContrastive, StructuredContrastive, registry, terms
from triptych.transforms import Gain, NoiseSNR, PhaseShift, Rotation

SHIFT = PhaseShift(max_shift=0.25, rate=40.0)
ALL = ("phase_shift", "noise_snr", "gain")
SCHEMA = LatentSchema(
    Block("shape", 6, invariant_to=ALL),
    Block("timing", 4, variant_to="phase_shift", invariant_to=("noise_snr", "gain")),
    Block("detail", 5, invariant_to=("noise_snr", "gain")),
    Block("rest", 2),
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def joint(**settings: object) -> JointContrastive:
    torch.manual_seed(0)
    return JointContrastive(SCHEMA, [SHIFT, NoiseSNR(), Gain()], **settings)


def test_a_pair_differs_in_all_that_its_blocks_name_and_shares_the_rest():
    views = joint().views(torch.randn(8, 1, 60, generator=generator()), generator())
    assert len(views.signals) == 4 * 8  # two sets, whatever the number of transforms
    for name in ALL:
        first, second = views.thetas(name)
        assert bool((first != second).any(1).sum() > 4)
    shift = views.params["phase_shift"]
    assert torch.equal(shift[2], shift[3])
    gain = views.params["gain"]
    assert not torch.equal(gain[2], gain[3])
    assert torch.equal(views.pairs["phase_shift"], views.pairs["+".join(ALL)])


def test_a_set_of_one_keeps_its_own_pair_beside_a_larger_set_that_carries():
    tilt, gain = Rotation(kind="tilt"), Gain()
    schema = LatentSchema(
        Block("both", 6, invariant_to=("rotation", "gain")),
        Block("one", 4, invariant_to="rotation"),
        Block("moved", 6, variant_to="rotation", invariant_to="gain"),
    )
    scl = JointContrastive(schema, [gain, tilt])
    x = torch.randn(8, 3, 40, generator=generator()) + 3
    views = scl.views(x, generator())
    z = torch.randn(len(views.signals), schema.size, generator=generator(1))
    found = scl(z, views).terms
    one = z[16:, 6:10]  # gain is shared there
    torch.testing.assert_close(found["alignment/rotation alone"], terms.alignment(*one.chunk(2)))
    assert torch.equal(*views.params["gain"][2:])
    assert torch.equal(views.pairs["rotation"], views.pairs["gain+rotation"])
    first, second = views.params["rotation"][:2]  # Δ is that of the pair that is compared
    before = gain.apply(x, views.params["gain"][0])
    expected = tilt.seen(tilt.relative(first, second), before)
    torch.testing.assert_close(views.change("rotation").delta, expected)


def test_terms_are_those_of_the_set_s_pair():
    scl = joint(temperature=0.3)
    views = scl.views(torch.randn(8, 1, 60, generator=generator()), generator())
    z = torch.randn(32, SCHEMA.size, generator=generator(1))
    found = scl(z, views).terms
    assert len(found) == 5
    shape = z[:, :6]
    expected = terms.nt_xent(shape[:8], shape[8:16], 0.3)
    torch.testing.assert_close(found["invariance/phase_shift+noise_snr+gain"], expected)
    detail = z[:, 10:15]
    expected = terms.alignment(detail[16:24], detail[24:])
    torch.testing.assert_close(found["alignment/noise_snr+gain"], expected)


def test_with_one_transform_it_is_scl():
    schema = LatentSchema(Block("a", 6, invariant_to="gain"), Block("b", 4, variant_to="gain"))
    torch.manual_seed(0)
    one = StructuredContrastive(schema, [Gain()], temperature=0.5)
    torch.manual_seed(0)
    other = JointContrastive(schema, [Gain()])
    x, z = torch.randn(8, 1, 20), torch.randn(16, 10)
    views = one.views(x, generator())
    assert torch.equal(views.signals, other.views(x, generator()).signals)
    same = other.views(x, generator())
    torch.testing.assert_close(one(z, views).total, other(z, same).total)


def test_the_projector_is_compared_and_the_latents_are_aligned():
    scl = joint(projection=3)
    views = scl.views(torch.randn(8, 1, 60, generator=generator()), generator())
    z = torch.randn(32, SCHEMA.size)
    pair = "+".join(ALL)
    projected = scl.projectors[pair](z[:16, :6])
    assert projected.shape == (16, 3)
    found = scl(z, views).terms
    expected = terms.nt_xent(projected[:8], projected[8:], 0.5)
    torch.testing.assert_close(found[f"invariance/{pair}"], expected)
    torch.testing.assert_close(found[f"alignment/{pair}"], terms.alignment(z[:8, :6], z[8:16, :6]))


def test_a_block_that_turns_has_no_loss_whatever_else_differs():
    schema = LatentSchema(
        Block("still", 2, invariant_to=("rotation", "gain")),
        Block("turning", 3, equivariant_to="rotation", invariant_to="gain"),
    )
    scl = JointContrastive(schema, [Rotation(), Gain()])
    x = torch.randn(8, 3, 1, generator=generator()) * torch.ones(1, 1, 20)
    views = scl.views(x, generator())
    z = torch.cat([torch.randn(16, 2), views.signals.mean(dim=2)], dim=1)
    key = "variation/rotation/turning/equivariant"
    floor = sum(terms.norm_floor(each) for each in z[:, 2:].chunk(2)) / 2
    torch.testing.assert_close(scl(z, views).terms[key], floor, atol=1e-5, rtol=0)
    z[8:, 2:] = z[:8, 2:]
    assert float(scl(z, views).terms[key]) > 0.3


def test_what_no_pair_can_be_made_of_is_refused():
    with pytest.raises(InputError, match="gain"):
        JointContrastive(SCHEMA, [SHIFT, NoiseSNR()])
    with pytest.raises(InputError, match="sharpness"):
        registry.make("scl-joint", SCHEMA, [SHIFT, NoiseSNR(), Gain()], {"sharpness": 0.1})
