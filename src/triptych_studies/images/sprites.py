"""Sprites over a grid of digits: the target's attributes are known and independent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych_studies.images.base import Images, Side, fingerprint, generator, handwriting

VERSION = 1  # of the generator: raise it whenever its output changes
SIZE = 32
SHAPES = ("square", "ellipse", "heart")
ATTRIBUTES = ("shape", "scale", "orientation", "x", "y")
RANGES = {"scale": (5.0, 9.0), "orientation": (-40.0, 40.0), "x": (9.0, 23.0), "y": (9.0, 23.0)}
_FINE = 3  # samples per pixel and axis
_BACKGROUND = 0.5  # brightness of the digits


Floats = NDArray[np.floating[Any]]


def load(n: int = 4000, side: Side = "train", seed: int = 0) -> Images:
    """Generate grey images of a digit grid, every second one with a sprite over it (a target).

    The grid holds 4 × 4 digits of one class in different hands. Factors: ``digit`` (the grid's
    class) and the targets' `ATTRIBUTES`: ``shape`` (index into `SHAPES`), ``scale`` (half the
    sprite's extent, pixels), ``orientation`` (degrees, anticlockwise), ``x``, ``y`` (its centre,
    pixels from the left and the top), uniform in `RANGES`.

    Parameters
    ----------
    n, side, seed
        As for digits on textures; the sides share no handwritten digit.
    """
    rng = generator(seed, side, "grid")
    target = np.arange(n) % 2 == 1
    digit = rng.integers(10, size=n)
    images = _grids(digit, side, rng)[:, None]
    rng = generator(seed, side, "sprites")
    shape = rng.integers(len(SHAPES), size=n)
    values = {name: rng.uniform(*limits, size=n) for name, limits in RANGES.items()}
    for part in np.array_split(np.flatnonzero(target), n // 512 + 1):
        body, border = draw_sprites(shape[part], **{k: v[part] for k, v in values.items()})
        images[part, 0] = images[part, 0] * (1 - border) + body
    factors = {"digit": digit, "shape": np.where(target, shape, -1)}
    factors |= {name: np.where(target, value, np.nan) for name, value in values.items()}
    settings = {"version": VERSION, "name": "sprites", "n": n, "side": side, "seed": seed}
    return Images(
        images=images,
        target=target,
        factors=factors,
        classes={"shape": SHAPES},
        fingerprint=fingerprint(settings),
    )


def scaled_attributes(data: Images) -> NDArray[np.float32]:
    """`ATTRIBUTES` as columns ``(n, 5)``: the class index, quantities from 0 to 1; NaN if none."""
    columns = [np.where(data.target, data.factors["shape"], np.nan)]
    columns += [(data.factors[name] - low) / (high - low) for name, (low, high) in RANGES.items()]
    return np.stack(columns, axis=1).astype(np.float32)


def draw_sprites(
    shape: NDArray[np.int64],
    scale: NDArray[np.float64],
    orientation: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Share of each pixel that a sprite covers, without and with a border of about a pixel.

    All arguments ``(n,)``; both results ``(n, SIZE, SIZE)``, 0 to 1.
    """
    axis = ((np.arange(SIZE * _FINE) + 0.5) / _FINE).astype(np.float32)
    body = np.empty((len(shape), SIZE, SIZE), np.float32)
    border = np.empty_like(body)
    for kind in range(len(SHAPES)):
        rows = shape == kind
        radius, angle, left, top = (
            values[rows, None, None].astype(np.float32)
            for values in (scale, np.deg2rad(orientation), x, y)
        )
        right, up = axis - left, top - axis[:, None]
        across = right * np.cos(angle) + up * np.sin(angle)
        along = up * np.cos(angle) - right * np.sin(angle)
        for cover, size in ((body, radius), (border, radius + 1.2)):
            inside = _inside(SHAPES[kind], across / size, along / size)
            pixels = inside.reshape(-1, SIZE, _FINE, SIZE, _FINE)
            cover[rows] = pixels.mean(axis=(2, 4), dtype=np.float32)
    return body, border


def _inside(shape: str, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Whether points are in the upright shape of radius 1."""
    if shape == "square":
        return np.maximum(abs(x), abs(y)) < 0.8
    if shape == "ellipse":
        return x**2 + 4 * y**2 < 1
    x, y = 1.2 * x, 1.2 * y + 0.15
    return (x**2 + y**2 - 1) ** 3 < x**2 * y**2 * y


def _grids(digit: NDArray[np.int64], side: Side, rng: np.random.Generator) -> NDArray[np.float32]:
    """Grids ``(n, SIZE, SIZE)`` of 4 × 4 handwritten digits, all of the class `digit`."""
    samples, classes = handwriting(side)
    order = np.argsort(classes, kind="stable")  # so that a class is a range of rows
    counts = np.bincount(classes, minlength=10)
    starts = np.cumsum(counts) - counts
    place = rng.integers(0, counts[digit][:, None], size=(len(digit), 16))
    cells = samples[order[starts[digit][:, None] + place]].reshape(-1, 4, 4, 8, 8)
    return _BACKGROUND * cells.transpose(0, 1, 3, 2, 4).reshape(-1, SIZE, SIZE)
