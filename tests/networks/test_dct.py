"""Learned activations: the cosine series by definition, begun as GELU, and what half is."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import gelu

from triptych.networks import ConvEncoder, DCTEncoder
from triptych.networks.dct import REACH, DCTActivation, series_of_gelu


def test_an_activation_is_its_cosine_series() -> None:
    made = DCTActivation(3, terms=5).double()
    made.coefficients.data.normal_()
    x = 4 * torch.randn(2, 3, 1, 40, dtype=torch.float64)
    phase = math.pi * (x / REACH + 1) / 2
    expected = sum(made.coefficients[:, q, None, None] * (q * phase).cos() for q in range(5))
    torch.testing.assert_close(made(x), expected)
    assert torch.autograd.gradcheck(made, (x[..., :3].requires_grad_(),))


def test_it_begins_as_gelu() -> None:
    made, u = DCTActivation(1), torch.linspace(-2.5, 2.5, 201)[None, None, None]
    assert (made(u) - gelu(u)).abs().mean().item() < 0.05
    many = series_of_gelu(64).double()
    phase = torch.pi * (u.double() / REACH + 1) / 2
    whole = sum(many[q] * (q * phase).cos() for q in range(64))
    assert (whole - gelu(u.double())).abs().max().item() < 5e-3


@pytest.mark.parametrize("length", [50, 100])
def test_narrower_layers_leave_half(length: int) -> None:
    wide = ConvEncoder(3, length, widths=(32, 64, 96, 96))
    small = DCTEncoder(3, length, widths=(24, 48, 64, 64))
    assert small(torch.randn(2, 3, length)).shape == (2, small.features)
    many, few = (sum(p.numel() for p in each.parameters()) for each in (wide, small))
    assert 0.4 < few / many < 0.6
