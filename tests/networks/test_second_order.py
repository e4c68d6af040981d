"""Second-order channels, and the encoder that keeps what is guaranteed apart."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.networks import encoder, front_end
from triptych.transforms import Rotation

SCHEMA = LatentSchema(
    Block("activity", 8, invariant_to="rotation"),
    Block("orientation", 6, equivariant_to="rotation"),
    Block("style", 4),
)


def test_norm_and_projection_on_gravity_are_linear_in_the_channels() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 3, 40, generator=generator, dtype=torch.float64)
    channels = front_end("second_order")(x)
    assert channels.shape == (5, *front_end("second_order").shape(3, 40))
    wanted = torch.stack([(x * x).sum(1), (x * x.mean(2, keepdim=True)).sum(1)], dim=1)
    flat = channels.transpose(1, 2).reshape(-1, channels.shape[1])
    target = wanted.transpose(1, 2).reshape(-1, 2)
    fitted = flat @ torch.linalg.lstsq(flat, target, driver="gelsd").solution
    assert torch.allclose(fitted, target, atol=1e-8)


def test_two_sensors_are_done_one_by_one() -> None:
    x = torch.randn(2, 6, 20)
    both = front_end("second_order")(x)
    assert torch.equal(both[:, 54:], front_end("second_order")(x[:, 3:]))
    with pytest.raises(InputError, match="x, y, z"):
        front_end("second_order")(x[:, :4])


@pytest.mark.parametrize("statistics", [0, 6])
def test_blocks_that_must_be_invariant_read_the_guaranteed_features_only(statistics: int) -> None:
    torch.manual_seed(0)
    before = front_end("invariants_beside")
    channels, length = before.shape(3, 100)
    trunk = encoder(
        "guaranteed", channels=channels, length=length, raw=54, widths=(8, 8), kernels=(5, 3),
        strides=(2, 2), statistics=statistics,
    )  # fmt: skip
    heads = BlockHeads(trunk, SCHEMA)
    x = torch.randn(6, 3, 100) * 0.3 + torch.tensor([0.0, 0.2, 1.0])[:, None]
    turn = Rotation()
    turned = turn.apply(x, turn.sample(6, torch.Generator().manual_seed(1)))
    a, b = (SCHEMA.split(heads(before(each))) for each in (x, turned))
    assert torch.allclose(a["activity"], b["activity"], atol=2e-3)
    assert (a["orientation"] - b["orientation"]).abs().max() > 0.05
    described = list((trunk.described or nn.Identity()).parameters())
    SCHEMA.split(heads(before(x)))["orientation"].sum().backward()
    assert not any(p.grad is not None and p.grad.any() for p in described)
    heads.zero_grad()
    heads(before(x))[:, :8].sum().backward()
    assert not any(p.grad is not None and p.grad.any() for p in trunk.second.parameters())
    assert all(p.grad is not None and p.grad.any() for p in described)


@pytest.mark.parametrize("raw", [0, 4, 7, -1])
def test_the_guarantee_needs_channels_of_both_kinds(raw: int) -> None:
    with pytest.raises(InputError, match=f"raw={raw} for 4 channels, expected 1 to 3"):
        encoder("guaranteed", channels=4, length=50, raw=raw)
