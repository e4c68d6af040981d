"""Views: pairs that differ in one transform only, and an original that serves them all."""

from __future__ import annotations

import torch

from triptych.objectives.views import make_views
from triptych.transforms import PhaseShift, Rotation

SHIFT = PhaseShift(0.2, 50.0, mode="circular")
BOTH = (SHIFT, Rotation())


def test_an_original_is_encoded_once_for_all_pairs() -> None:
    x = torch.randn(4, 3, 40)
    views = make_views(x, BOTH, reference="original", generator=torch.Generator().manual_seed(0))
    assert views.signals.shape == (3 * 4, 3, 40)
    assert torch.allclose(views.signals[:4], x, atol=1e-5)
    for transform in BOTH:
        first, second = views.thetas(transform.name)
        assert torch.equal(first, transform.identity(4))
        a, b = views.sides(views.signals, transform.name)
        assert torch.allclose(a, x, atol=1e-5)
        assert torch.allclose(transform.apply(x, second), b, atol=1e-5)


def test_transformed_pairs_share_the_draw_of_every_other_transform() -> None:
    x = torch.randn(4, 3, 40)
    views = make_views(x, BOTH, generator=torch.Generator().manual_seed(0))
    assert views.signals.shape[0] == 4 * 4
    for transform, other in (BOTH, BOTH[::-1]):
        rows = views.pairs[transform.name][:, 0] // 4
        shared = views.params[other.name][rows]
        assert torch.equal(shared[0], shared[1])
        own = views.params[transform.name][rows]
        assert not torch.equal(own[0], own[1])
