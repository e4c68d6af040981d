"""TS2Vec's encoder, and features of each time step of every encoder that has them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.networks import DilatedEncoder, encoder, time_resolved


def test_a_step_is_seen_as_far_as_the_dilations_reach() -> None:
    made = DilatedEncoder(1, 200, hidden=8, width=8, depth=2).double().eval()
    x = torch.randn(1, 1, 200, dtype=torch.float64)
    other = x.clone()
    other[..., 100] += 1
    with time_resolved(made) as maps:
        made(torch.cat([x, other]))
    (seen,) = maps
    changed = (seen[0] - seen[1]).abs().amax(dim=0) > 0
    reach = 2 * (1 + 2 + 4)  # two convolutions of 3 in each of the blocks
    assert changed.nonzero().flatten().tolist() == list(range(100 - reach, 100 + reach + 1))


def test_the_mask_is_for_training_alone() -> None:
    made = DilatedEncoder(2, 50, hidden=8, width=8, depth=1, mask=0.5)
    x = torch.randn(3, 2, 50)
    assert not torch.equal(made(x), made(x))
    made.eval()
    assert torch.equal(made(x), made(x))
    with pytest.raises(InputError, match="built for"):
        made(x[..., 1:])


@pytest.mark.parametrize("name", ["conv", "resnet", "dilated"])
def test_maps_are_those_that_the_encoder_pools(name: str) -> None:
    trunk = encoder(name, channels=2, length=64)
    heads = BlockHeads(trunk, LatentSchema(Block("all", 4)))
    x = torch.randn(3, 2, 64)
    with time_resolved(heads) as maps:
        z = heads(x)
    (seen,) = maps
    assert seen.ndim == 3
    assert torch.equal(z, heads(x))
    assert len(maps) == 1  # the second call was outside
    features = trunk(x)
    torch.testing.assert_close(
        features[:, : seen.shape[1]], seen.amax(dim=2) if name == "dilated" else seen.mean(dim=2)
    )


@pytest.mark.parametrize("name", ["linear", "guaranteed"])
def test_an_encoder_without_maps_or_with_two_is_refused(name: str) -> None:
    two = encoder("guaranteed", channels=4, length=64, raw=2)
    made = two if name == "guaranteed" else nn.Linear(3, 3)
    with pytest.raises(InputError, match="time step"), time_resolved(made):
        pass
