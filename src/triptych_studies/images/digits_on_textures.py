"""Digits on textures: the background is a texture, a target is a texture with a digit on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triptych_studies.images.base import Images, Side, fingerprint, generator, handwriting

VERSION = 2  # of the generator: raise it whenever its output changes
SIZE = 20
TEXTURES = ("stripes", "checks", "dots", "rings", "waves", "bricks", "clouds", "mosaic")
_DIGIT = 12  # pixels of an upscaled digit

Floats = NDArray[np.float64]


def load(n: int = 4000, side: Side = "train", seed: int = 0) -> Images:
    """Generate grey images, half of them targets; factors are ``texture`` and ``digit``.

    Each texture has an angle of its own, ±9°, and a random period, phase, brightness and contrast,
    independent of the digit.
    Training, validation and test images share no handwritten digit (see `handwriting`).

    Parameters
    ----------
    n
        Images.
    side
        ``"train"``, ``"validation"`` or ``"test"``.
    seed
        Another seed is another draw of textures, digits and places.
    """
    rng = generator(seed, side, "textures")
    texture = rng.integers(len(TEXTURES), size=n)
    patterns = draw_textures(texture, rng)
    mean, swing = rng.uniform(0.22, 0.33, (n, 1, 1)), rng.uniform(0.14, 0.22, (n, 1, 1))
    swing *= rng.choice([-1, 1], swing.shape)
    images = (mean + swing * patterns).astype(np.float32)[:, None]
    rng = generator(seed, side, "digits")
    target = np.arange(n) % 2 == 1
    samples, classes = handwriting(side)
    chosen = rng.integers(len(samples), size=n)
    place = (SIZE - _DIGIT) // 2 + rng.integers(-1, 2, size=(n, 2))
    ink = _enlarged(samples)[chosen]
    for row in np.flatnonzero(target):
        top, left = place[row]
        part = images[row, 0, top : top + _DIGIT, left : left + _DIGIT]
        part += ink[row] * (1 - part)
    settings = {"version": VERSION, "name": "digits-on-textures", "n": n, "side": side}
    return Images(
        images=images,
        target=target,
        factors={"texture": texture, "digit": np.where(target, classes[chosen], -1)},
        classes={"texture": TEXTURES},
        fingerprint=fingerprint({**settings, "seed": seed}),
    )


def draw_textures(texture: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Textures ``(n, SIZE, SIZE)`` in −1 to 1 of the classes `texture` (indices, ``(n,)``)."""
    n = len(texture)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    angle = np.pi * texture[:, None, None] / len(TEXTURES) + rng.uniform(-0.15, 0.15, (n, 1, 1))
    period = rng.uniform(0.26, 0.34, (n, 1, 1))
    shift, centre = rng.uniform(0, 1, (2, n, 1, 1)), rng.uniform(-0.5, 0.5, (2, n, 1, 1))
    noise = rng.standard_normal((n, SIZE, SIZE))
    drawn = np.empty((n, SIZE, SIZE))
    for kind, name in enumerate(TEXTURES):
        rows = texture == kind
        turn, length, (right, down) = angle[rows], period[rows], shift[:, rows]
        u = (x * np.cos(turn) + y * np.sin(turn)) / length + right
        v = (y * np.cos(turn) - x * np.sin(turn)) / length + down
        radius = np.hypot(x - centre[0, rows], y - centre[1, rows]) / length + right
        if name == "clouds":
            drawn[rows] = _clouds(noise[rows], length)
        elif name == "mosaic":
            drawn[rows] = np.clip(noise[rows, ::2, ::2], -1, 1).repeat(2, axis=1).repeat(2, axis=2)
        else:
            drawn[rows] = _pattern(name, u, v, radius)
    return drawn


def _pattern(name: str, u: Floats, v: Floats, radius: Floats) -> Floats:
    """A texture of coordinates in periods: turned `u` and `v`, and from a centre."""
    match name:
        case "stripes":
            return _wave(u)
        case "checks":
            return np.tanh(4 * _wave(u) * _wave(v))
        case "dots":
            return np.tanh(4 * (_wave(u) + _wave(v) - 0.9))
        case "rings":
            return _wave(radius)
        case "waves":
            return _wave(u + 0.35 * _wave(v / 1.5))
        case _:
            return _bricks(u, v)


def _wave(phase: Floats) -> Floats:
    return np.sin(2 * np.pi * phase)


def _bricks(u: Floats, v: Floats) -> Floats:
    """Courses of bricks, each shifted by half a brick against the next; mortar is −1."""
    course = np.floor(v * 1.2)
    across = np.abs((u * 0.6 + 0.5 * (course % 2)) % 1 - 0.5) / 0.6
    along = np.abs(v * 1.2 - course - 0.5) / 1.2
    gap = np.minimum(0.5 / 0.6 - across, 0.5 / 1.2 - along)
    return np.tanh(12 * (gap - 0.12))


def _clouds(noise: Floats, period: Floats) -> Floats:
    """Noise without anything shorter than twice the period, at standard deviation 0.6."""
    frequency = np.hypot(np.fft.fftfreq(SIZE, 1 / SIZE)[:, None], np.fft.rfftfreq(SIZE, 1 / SIZE))
    smooth = np.fft.irfft2(np.fft.rfft2(noise) * np.exp(-((2 * frequency * period) ** 2) / 2))
    smooth -= smooth.mean(axis=(1, 2), keepdims=True)
    return np.clip(0.6 * smooth / smooth.std(axis=(1, 2), keepdims=True), -1, 1)


def _enlarged(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Digits ``(n, 8, 8)`` → ``(n, 12, 12)`` by cubic interpolation, edges sharpened."""
    import torch

    wide = torch.nn.functional.interpolate(
        torch.tensor(samples)[:, None], size=(_DIGIT, _DIGIT), mode="bicubic"
    )
    return (1.6 * wide[:, 0] - 0.4).clamp(0, 1).numpy()
