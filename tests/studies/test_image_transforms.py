"""Transforms of images: identity, replay, what they do, what they refuse."""

from __future__ import annotations

import pytest
import torch

from triptych.errors import InputError
from triptych.transforms import Transform
from triptych_studies.images.transforms import ImageCrop, ImageTone

BOTH = (ImageCrop(), ImageTone())


@pytest.mark.parametrize("transform", BOTH)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_laws_of_a_transform(transform: ImageCrop | ImageTone, channels: int) -> None:
    assert isinstance(transform, Transform)
    x = torch.rand(6, channels, 12, 16)
    assert torch.allclose(transform.apply(x, transform.identity(6)), x, atol=1e-5)
    first = transform.sample(6, torch.Generator().manual_seed(0))
    second = transform.sample(6, torch.Generator().manual_seed(0))
    assert torch.equal(first, second)
    view = transform.apply(x, first)
    assert view.shape == x.shape
    assert not torch.allclose(view, x, atol=1e-3)
    assert torch.allclose(transform.apply(x[2:3], first[2:3]), view[2:3], atol=1e-6)
    assert torch.equal(transform.relative(first, first), torch.zeros_like(first))
    assert (transform.distance(first, transform.identity(6)) > 0).all()
    assert transform.apply(x.half(), first).dtype == torch.float16
    x.requires_grad_()
    transform.apply(x, first).sum().backward()
    assert x.grad is not None


def test_a_crop_moves_by_whole_pixels() -> None:
    x = torch.rand(1, 1, 8, 8)
    moved = ImageCrop().apply(x, torch.tensor([[0.0, 0.25, 0.0]]))  # a quarter: 2 pixels
    assert torch.allclose(moved[..., :6], x[..., 2:], atol=1e-6)
    moved = ImageCrop().apply(x, torch.tensor([[0.0, 0.0, 0.25]]))
    assert torch.allclose(moved[..., :6, :], x[..., 2:, :], atol=1e-6)
    zoomed = ImageCrop().apply(x.round(), torch.tensor([[30.0, 0.0, 0.0]]))
    assert torch.allclose(zoomed, x.round()[..., 3:5, 3:5].mean().expand_as(zoomed), atol=1e-4)


def test_tone_scales_contrast_and_adds_colour() -> None:
    x = torch.rand(1, 3, 4, 4)
    toned = ImageTone().apply(x, torch.tensor([[1.0, 0.1, 0.2, 0.3]]))
    expected = x.mean() + 2 * (x - x.mean()) + torch.tensor([0.1, 0.2, 0.3])[None, :, None, None]
    assert torch.allclose(toned, expected, atol=1e-6)


def test_what_they_refuse() -> None:
    for transform in BOTH:
        with pytest.raises(InputError, match="float tensor"):
            transform.apply(torch.zeros(2, 3, 8), transform.identity(2))
        with pytest.raises(InputError, match="parameters of shape"):
            transform.apply(torch.zeros(2, 3, 8, 8), torch.zeros(3, 3))
    with pytest.raises(InputError, match="1 to 3"):
        ImageTone().apply(torch.zeros(2, 4, 8, 8), ImageTone().identity(2))
    with pytest.raises(InputError, match="max_shift=2"):
        ImageCrop(max_shift=2)
    with pytest.raises(InputError, match="max_offset=-1"):
        ImageTone(max_offset=-1)
