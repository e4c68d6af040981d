"""Two encoders side by side: latents in order, no shared gradients."""

from __future__ import annotations

import torch
from torch import nn

from triptych.latent import TwoEncoders


def test_latents_are_joined_and_gradients_stay_apart() -> None:
    encoder = TwoEncoders(nn.Linear(4, 3), nn.Linear(4, 2))
    x = torch.randn(5, 4)
    z = encoder(x)
    assert torch.equal(z[:, :3], encoder.common(x))
    assert torch.equal(z[:, 3:], encoder.salient(x))
    z[:, 3:].sum().backward()
    assert all((each.grad == 0).all() for each in encoder.common.parameters())
    assert all((each.grad != 0).any() for each in encoder.salient.parameters())
