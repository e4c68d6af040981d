"""Generated images: the same for ever, the sides apart, the truth is the truth."""

from __future__ import annotations

import numpy as np
import pytest

from triptych_studies.images import digits_on_textures, sprites
from triptych_studies.images.base import SIDES, Images, handwriting

GENERATORS = (digits_on_textures, sprites)


@pytest.mark.parametrize("module", GENERATORS)
def test_images_are_what_they_say(module) -> None:
    data: Images = module.load(60)
    assert len(data) == 60
    assert data.images.dtype == np.float32
    assert data.images.shape[2:] == (module.SIZE, module.SIZE)
    assert data.images.min() >= 0
    assert data.images.max() <= 1
    assert data.target.sum() == 30
    assert all(len(values) == 60 for values in data.factors.values())


@pytest.mark.parametrize("module", GENERATORS)
def test_a_seed_repeats_and_another_differs(module) -> None:
    one, again, other = module.load(20, seed=1), module.load(20, seed=1), module.load(20, seed=2)
    assert np.array_equal(one.images, again.images)
    assert one.fingerprint == again.fingerprint
    assert not np.array_equal(one.images, other.images)
    assert len({one.fingerprint, other.fingerprint, module.load(20, "test", 1).fingerprint}) == 3


def test_no_handwritten_digit_is_on_two_sides() -> None:
    sides = [handwriting(side)[0] for side in SIDES]
    assert sum(map(len, sides)) == 1797
    seen = [{each.tobytes() for each in side} for side in sides]
    assert len(seen[0] | seen[1] | seen[2]) == sum(map(len, seen))
    assert all(set(handwriting(side)[1].tolist()) == set(range(10)) for side in SIDES)


def test_only_targets_have_a_digit() -> None:
    data = digits_on_textures.load(400)
    assert ((data.factors["digit"] >= 0) == data.target).all()
    assert (data.images[data.target].max(axis=(1, 2, 3)) > 0.95).all()
    assert (data.images[~data.target].max(axis=(1, 2, 3)) < 0.56).all()
    assert set(data.factors["texture"].tolist()) == set(range(8))


def test_every_texture_has_contrast() -> None:
    kinds = np.repeat(np.arange(8), 20)
    drawn = digits_on_textures.draw_textures(kinds, np.random.default_rng(0))
    assert abs(drawn).max() <= 1
    assert drawn.std(axis=(1, 2)).min() > 0.2


def test_attributes_of_sprites_are_independent_and_in_range() -> None:
    data = sprites.load(2000)
    columns = sprites.scaled_attributes(data)
    assert np.isnan(columns[~data.target]).all()
    found = columns[data.target]
    assert found[:, 1:].min() >= 0
    assert found[:, 1:].max() <= 1
    assert abs(np.corrcoef(found.T) - np.eye(5)).max() < 0.12
    assert np.bincount(found[:, 0].astype(int)).min() > 250


def test_a_sprite_is_where_and_as_large_as_its_attributes_say() -> None:
    rng = np.random.default_rng(0)
    values = {name: rng.uniform(*limits, 60) for name, limits in sprites.RANGES.items()}
    shape = np.arange(60) % 3
    body, border = sprites.draw_sprites(shape, **values)
    assert (border >= body).all()
    area = body.sum(axis=(1, 2))
    y, x = np.mgrid[:32, :32] + 0.5
    for kind, expected in ((0, 1.6**2), (1, np.pi / 2)):
        rows = shape == kind
        assert np.allclose(area[rows], expected * values["scale"][rows] ** 2, rtol=0.05)
        assert np.allclose(
            (body * x).sum(axis=(1, 2))[rows] / area[rows], values["x"][rows], atol=0.2
        )
        assert np.allclose(
            (body * y).sum(axis=(1, 2))[rows] / area[rows], values["y"][rows], atol=0.2
        )
    for row in np.flatnonzero(shape == 1):  # an ellipse's long axis lies along its orientation
        dx, dy = x - values["x"][row], y - values["y"][row]
        xx, yy, xy = ((body[row] * each).sum() for each in (dx * dx, dy * dy, -dx * dy))
        angle = np.rad2deg(np.arctan2(2 * xy, xx - yy)) / 2
        assert angle == pytest.approx(values["orientation"][row], abs=2)
