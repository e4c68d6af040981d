"""Two encoders side by side: latents in order, no shared gradients."""

from __future__ import annotations

import torch
from torch import nn

from triptych.latent import Block, BlockHeads, LatentSchema, TwoEncoders
from triptych.networks import ConvEncoder


def test_latents_are_joined_and_gradients_stay_apart() -> None:
    encoder = TwoEncoders(nn.Linear(4, 3), nn.Linear(4, 2))
    x = torch.randn(5, 4)
    z = encoder(x)
    assert torch.equal(z[:, :3], encoder.common(x))
    assert torch.equal(z[:, 3:], encoder.salient(x))
    z[:, 3:].sum().backward()
    assert all((each.grad == 0).all() for each in encoder.common.parameters())
    assert all((each.grad != 0).any() for each in encoder.salient.parameters())


def test_block_heads_give_each_role_an_encoder_of_its_own() -> None:
    schema = LatentSchema(
        Block("ill", 2, role="salient"), Block("free", 3), Block("shared", 4, role="common")
    )
    trunks = [ConvEncoder(1, 40, widths=(width,), kernels=(5,), strides=(4,)) for width in (8, 16)]
    encoder = BlockHeads(TwoEncoders(*trunks), schema)
    z = schema.split(encoder(torch.randn(5, 1, 40)))
    for name, untouched, reached in (("shared", 1, 0), ("ill", 0, 1)):
        encoder.zero_grad()
        z[name].sum().backward(retain_graph=True)
        assert all(
            each.grad is None or (each.grad == 0).all() for each in trunks[untouched].parameters()
        )
        assert any((each.grad != 0).any() for each in trunks[reached].parameters())
    encoder.zero_grad()
    z["free"].sum().backward()
    assert all(any((p.grad != 0).any() for p in trunk.parameters()) for trunk in trunks)


def test_relations_without_roles_are_apart_as_roles_are() -> None:
    steady = Block("steady", 2, invariant_to=("rotation", "gain"))
    moved = Block("moved", 3, equivariant_to="rotation", invariant_to="gain")
    schema = LatentSchema(
        steady, moved, Block("rest", 4), Block("loud", 1, invariant_to="rotation")
    )
    assert schema.trunks == {
        "steady": "first", "moved": "second", "rest": "both", "loud": "both"
    }  # fmt: skip
    trunks = [ConvEncoder(1, 40, widths=(8,), kernels=(5,), strides=(4,)) for _ in range(2)]
    encoder = BlockHeads(TwoEncoders(*trunks), schema)
    z = schema.split(encoder(torch.randn(5, 1, 40)))
    for name, untouched in (("steady", 1), ("moved", 0)):
        encoder.zero_grad()
        z[name].sum().backward(retain_graph=True)
        assert all(
            each.grad is None or (each.grad == 0).all() for each in trunks[untouched].parameters()
        )
    roles = LatentSchema(
        Block("a", 2, role="common", invariant_to="gain"), Block("b", 2, variant_to="gain")
    )
    assert roles.trunks == {"a": "first", "b": "both"}
