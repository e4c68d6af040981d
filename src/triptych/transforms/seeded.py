"""Randomness inside `apply`: numbers that depend on (seed, index) and on nothing else.

A counter-based generator: element i of the stream of a seed is a hash of both, so that a view can
be replayed alone, in another batch or on another device. The hash is the 32-bit mixer "lowbias32"
(C. Wellons, hash-prospector, 2018), applied once to the index and once more under the seed's key.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.transforms.base import Transform
from triptych.transforms.checks import device_of, fit_params
from triptych.transforms.units import rows, signed

SEEDS = 2**24
"""Seeds are below this, so that float32 parameters hold them exactly."""

_MASK = 0xFFFFFFFF


class Seeded(Transform):
    """What transforms share whose θ `(n, 2)` is (magnitude, seed)."""

    acts_on = "values"

    def at(self, value: float) -> Tensor:
        """Return this magnitude with seed 0, `(1, 2)`."""
        return torch.tensor([[float(value), 0.0]])

    def label(self, params: Tensor) -> list[str]:
        """Return "0.5 sd", and the seed where it is not 0."""
        return [self.words(m) + f" (seed {s:.0f})" * (s > 0) for m, s in rows(params)]

    def words(self, magnitude: float) -> str:
        """Return a magnitude in words: "0.5 sd"."""
        return signed(magnitude, self.unit)

    def factor(self, params: Tensor) -> Tensor:
        """Return the magnitude, `(n, 1)`."""
        return params[:, :1]

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b − a in the coordinate of `distance`, `(n, 2)`; the seed's column is 0."""
        difference = self._magnitude(b) - self._magnitude(a)
        return torch.stack([difference, torch.zeros_like(difference)], dim=1)

    def target(self, delta: Tensor) -> Tensor:
        """Return the difference in magnitude, `(n, 1)`: nothing can be read of a seed."""
        return delta[:, :1]

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the difference in magnitude, `(n,)`; seeds are ignored."""
        return (self._magnitude(b) - self._magnitude(a)).abs()

    def _magnitude(self, params: Tensor) -> Tensor:
        """Coordinate of `distance`, `(n,)`."""
        return params[:, 0]

    def _with_seeds(self, magnitude: Tensor, generator: torch.Generator | None) -> Tensor:
        n, device = magnitude.shape[0], device_of(generator)
        seeds = torch.randint(SEEDS, (n, 1), generator=generator, device=device)
        return torch.cat([magnitude.float(), seeds.float()], dim=1)

    def _unpack(self, x: Tensor, params: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
        """Check θ against `x`; returns magnitudes and seeds `(n,)`, on the device of θ."""
        params = fit_params(self.name, x, params, 2)
        magnitude, seed = params[:, 0], params[:, 1]
        # negated, so that a NaN is refused as well
        if not bool(((magnitude >= low) & (magnitude <= high)).all()):
            raise InputError(
                f"{self.name} got magnitudes from {float(magnitude.min()):g} to "
                f"{float(magnitude.max()):g}, expected {low:g} to {high:g}."
            )
        if not bool(((seed == seed.round()) & (seed >= 0) & (seed < SEEDS)).all()):
            raise InputError(
                f"{self.name} got a seed that is not a whole number from 0 to {SEEDS - 1} in the "
                f"last column of its parameters: take them from sample()."
            )
        return magnitude, seed.long()


def bits(seed: Tensor, count: int, stream: int) -> Tensor:
    """Return 32 hashed bits as int64 `(n, count)` for seeds `(n,)`.

    `stream` tells apart the uses of one seed.
    """
    key = _mix(_mix(seed + 1) ^ _mix(torch.full_like(seed, stream + SEEDS)))
    index = torch.arange(count, device=seed.device)
    return _mix(_mix(index) ^ key[:, None])


def uniforms(seed: Tensor, count: int, stream: int) -> Tensor:
    """Return numbers uniform in (0, 1], float32 `(n, count)`."""
    return (bits(seed, count, stream).float() + 0.5) * 2.0**-32


def normals(seed: Tensor, count: int, stream: int) -> Tensor:
    """Return standard normal numbers by Box and Muller (1958), float32 `(n, count)`."""
    half = (count + 1) // 2
    u = uniforms(seed, 2 * half, stream)
    radius = u[:, :half].log().mul(-2).clamp(min=0).sqrt()
    angle = u[:, half:] * (2 * math.pi)
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]


def _mix(value: Tensor) -> Tensor:
    value = value ^ (value >> 16)
    value = (value * 0x7FEB352D) & _MASK
    value = value ^ (value >> 15)
    # the multiplier 0x846CA68B less 2³²: the same low 32 bits, and no overflow of int64
    value = (value * (0x846CA68B - 2**32)) & _MASK
    return value ^ (value >> 16)
