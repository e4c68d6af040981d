"""One pair per set of transforms that blocks name: what differs in it, and what is learned."""

from __future__ import annotations

import pytest
import torch

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives.joint import JointContrastive
from triptych.transforms import Gain, NoiseSNR, Rotation

ROTATION, GAIN, NOISE = Rotation(), Gain(), NoiseSNR()
SCHEMA = LatentSchema(
    Block("activity", 6, invariant_to=("rotation", "gain", "noise_snr")),
    Block("orientation", 6, equivariant_to="rotation", invariant_to=("gain", "noise_snr")),
    Block("detail", 4, invariant_to=("gain", "noise_snr")),
    Block("free", 3),
)


def make(**settings: object) -> JointContrastive:
    return JointContrastive(SCHEMA, [ROTATION, GAIN, NOISE], **settings)


def test_three_views_serve_every_block() -> None:
    scl, x = make(), torch.randn(8, 3, 40)
    views = scl.views(x, torch.Generator().manual_seed(0))
    assert len(views.signals) == 3 * 8
    turn = views.params["rotation"]
    assert not torch.equal(turn[0], turn[1])
    assert torch.equal(turn[0], turn[2])  # the pair of detail differs in gain and noise only
    assert not torch.equal(views.params["gain"][0], views.params["gain"][2])


def test_delta_leads_from_one_side_of_the_pair_to_the_other() -> None:
    scl = make()
    views = scl.views(torch.randn(8, 3, 40), torch.Generator().manual_seed(0))
    first, second = views.thetas("rotation")
    torch.testing.assert_close(views.change("rotation").delta, ROTATION.relative(first, second))


def test_latents_that_do_what_they_declare_have_lower_terms() -> None:
    scl, n = make(), 32
    views = scl.views(torch.randn(n, 3, 40), torch.Generator().manual_seed(0))
    still, vector = torch.randn(n, 6), torch.randn(n, 6)
    delta, detail = views.change("rotation").delta, torch.randn(n, 4)
    turned = ROTATION.turn(vector, delta)
    zeros = torch.zeros(n, 3)
    told = [torch.cat([still, v, detail, zeros], dim=1) for v in (vector, turned, vector)]
    kept = scl(torch.cat(told), views).terms
    lost = scl(torch.randn(3 * n, SCHEMA.size), views).terms
    assert kept.keys() == lost.keys()
    assert all(float(kept[name]) < float(lost[name]) for name in kept)
    assert float(kept["alignment/activity"]) == pytest.approx(0, abs=1e-6)
    assert {name.split("/")[1] for name in kept} == {"activity", "detail", "rotation"}


def test_free_blocks_get_no_gradient() -> None:
    scl = make()
    views = scl.views(torch.randn(8, 3, 40))
    z = torch.randn(24, SCHEMA.size, requires_grad=True)
    scl(z, views).total.backward()
    assert z.grad is not None
    own = SCHEMA.split(z.grad)
    assert not own["free"].any()
    assert all(own[name].any() for name in ("activity", "orientation", "detail"))


@pytest.mark.parametrize("settings", [{"sharpness": 0.1}, {"independence": "hsic"}])
def test_what_needs_pairs_of_one_transform_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match="scl-joint"):
        make(**settings)
