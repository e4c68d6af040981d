"""Image networks: shapes, refusals, rebuilt from their settings, no batch statistics."""

from __future__ import annotations

import json

import pytest
import torch

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.networks import Standardize
from triptych_studies.images.networks import ImageDecoder, ImageEncoder, PatchEncoder


@pytest.mark.parametrize(("channels", "size"), [(1, 32), (3, 28), (1, 17)])
@pytest.mark.parametrize("kind", [ImageEncoder, PatchEncoder])
def test_shapes(kind: type[ImageEncoder | PatchEncoder], channels: int, size: int) -> None:
    x = torch.rand(4, channels, size, size)
    trunk = kind(channels, size)
    assert trunk(x).shape == (4, trunk.features)
    z = kind(channels, size, 12)(x)
    assert z.shape == (4, 12)
    assert ImageDecoder(12, channels, size)(z).shape == x.shape
    schema = LatentSchema(Block("a", 3, role="common"), Block("b", 2, role="salient"))
    assert BlockHeads(trunk, schema)(x).shape == (4, 5)


@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 1, 32, 31), (1, 32, 32)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"built for \(n, 1, 32, 32\)"):
        ImageEncoder(1)(torch.zeros(shape))


def test_settings_are_plain_data_that_rebuild_a_network() -> None:
    network = ImageEncoder(3, 28, 5, widths=(8, 16))
    again = ImageEncoder(**json.loads(json.dumps(network.settings)))
    again.load_state_dict(network.state_dict())
    assert again.settings == network.settings


def test_patches_see_the_same_at_another_brightness_and_contrast() -> None:
    encoder = PatchEncoder(1, 16, 6).double()
    x = torch.rand(5, 1, 16, 16, dtype=torch.float64)
    assert torch.allclose(encoder(0.3 + 2 * x), encoder(x), atol=0.02)


@pytest.mark.parametrize("kind", [ImageEncoder, PatchEncoder])
def test_an_image_is_encoded_as_if_alone(kind: type[ImageEncoder | PatchEncoder]) -> None:
    encoder = kind(3, 32, outputs=6).double()
    x = torch.rand(5, 3, 32, 32, dtype=torch.float64)
    alone = torch.cat([encoder(each[None]) for each in x])
    assert torch.allclose(encoder(x), alone, atol=1e-12)


def test_images_are_standardised_as_a_whole() -> None:
    x = torch.rand(3, 2, 8, 8) * torch.tensor([1.0, 5.0])[:, None, None] + 3
    seen = Standardize()(x)
    torch.testing.assert_close(seen.mean(dim=(2, 3)), torch.zeros(3, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.square().mean(dim=(2, 3)), torch.ones(3, 2))
    assert float(seen.mean(dim=3).abs().max()) > 0.1  # rows keep their differences
