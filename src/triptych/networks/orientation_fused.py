"""Orientation by sensor fusion: every sample turned into a frame whose z axis points up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from triptych.missing import across
from triptych.networks.gravity_aligned import GravityAligned
from triptych.networks.require import ABOVE_ZERO, FLAG, require
from triptych.networks.rotation_invariant import root
from triptych.precision import full_precision

OPPOSITE = 1e-6  # 1 + cosine below which no shortest rotation exists


class OrientationFusion(GravityAligned):
    """Turn each sample by the orientation that gyroscope and accelerometer say together.

    VQF without bias estimation and magnetometer (Laidig and Seel, Information Fusion 91, 2023,
    arXiv 2203.17024; `BasicVQF` of the package ``vqf``): the gyroscope's rates are integrated, the
    acceleration is low-passed (Butterworth, second order) in the frame that they keep still, and
    the shortest rotation brings it to z. `GravityAligned` turns a window as a whole; this follows a
    sensor that turns within it. The filter begins anew in every window.

    A sensor that was mounted turned gives the same up to one rotation about z per window; with
    `heading` that one is taken out as well, by the horizontal direction of `GravityAligned`, with
    the exceptions stated there.

    Parameters
    ----------
    rate
        Hz.
    gyroscope
        Whether the second sensor is a gyroscope in rad/s; without one, gravity is what the low-pass
        of the acceleration says. The first is an accelerometer, and further ones turn along.
    tau
        s, the time constant of the low-pass; the first `tau` s are averaged.
    heading
        Whether the horizontal direction is chosen by the motion; False leaves it as it is.
    scales
        As in `Scaled`, applied after the fusion.

    Raises
    ------
    InputError
        For settings that do not fit, and for channels that do not come in threes.
    """

    any_length = False  # in an exported graph the low-pass is that of one length

    def __init__(
        self,
        *,
        rate: float,
        gyroscope: bool = True,
        tau: float = 3.0,
        heading: bool = True,
        scales: tuple[float, ...] = (1.0,),
    ) -> None:
        require("vqf", ABOVE_ZERO, rate=rate, tau=tau)
        require("vqf", FLAG, gyroscope=gyroscope, heading=heading)
        super().__init__(scales=scales)
        told = {"rate": rate, "gyroscope": gyroscope, "tau": tau, "heading": heading}
        self.settings: dict[str, Any] = {**told, **self.settings}
        self.rate, self.gyroscope, self.tau, self.heading = rate, gyroscope, tau, heading

    @across
    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c t"]:
        """Turned signals, shape kept."""
        with full_precision(x):
            scaled = self.triads(x)
            physical = x.to(scaled.dtype).reshape(scaled.shape)
            rates = physical[:, 1] if self.gyroscope and scaled.shape[1] > 1 else None
            turned = self.orientations(physical[:, 0], rates) @ scaled.permute(0, 3, 2, 1)
            sensors = turned.permute(0, 3, 2, 1)
            if self.heading:
                sensors = self.frames(sensors[:, 0]).mT[:, None] @ sensors
            return sensors.flatten(1, 2).to(x.dtype)

    def orientations(
        self, acceleration: Float[Tensor, "n 3 t"], rates: Float[Tensor, "n 3 t"] | None
    ) -> Float[Tensor, "n t 3 3"]:
        """Rotations that take each sample into the frame whose z points up."""
        a = acceleration.mT[..., None]
        still = torch.eye(3, dtype=a.dtype, device=a.device).expand(*a.shape[:2], 3, 3)
        if rates is not None:
            still = products(steps(rates.mT / self.rate))
        low = torch.as_tensor(low_pass(a.shape[1], self.rate, self.tau)).to(a)
        gravity = functional.normalize(low @ (still @ a)[..., 0], dim=2)
        # what corrects the inclination is transported along the path of gravity, without a twist
        up = torch.tensor([[0.0, 0.0, 1.0]], dtype=a.dtype, device=a.device)
        up = up.expand(a.shape[0], 1, 3)
        before = torch.cat([up, gravity[:, :-1]], dim=1)
        return products(shortest_rotation(gravity, before)) @ still


def products(rotations: Tensor) -> Tensor:
    """All products R₀, R₀R₁, R₀R₁R₂, ... of ``rotations (n, t, 3, 3)``, by doubling."""
    reach = 1
    while reach < rotations.shape[1]:
        longer = rotations[:, :-reach] @ rotations[:, reach:]
        rotations = torch.cat([rotations[:, :reach], longer], dim=1)
        reach *= 2
    return rotations


def steps(angles: Tensor) -> Tensor:
    """Rotations ``(..., 3, 3)`` by rotation vectors ``angles (..., 3)`` in rad (Rodrigues)."""
    angle = root(angles.square().sum(dim=-1))[..., None, None]
    axis = skew(angles)
    first, second = torch.sinc(angle / math.pi), torch.sinc(angle / (2 * math.pi)).square() / 2
    return torch.eye(3, dtype=axis.dtype, device=axis.device) + first * axis + second * axis @ axis


def shortest_rotation(a: Tensor, b: Tensor) -> Tensor:
    """Rotations ``(..., 3, 3)`` with the least angle that take unit vectors `a` to `b`."""
    axis, cosine = skew(torch.cross(a, b, dim=-1)), (a * b).sum(dim=-1)[..., None, None]
    eye = torch.eye(3, dtype=axis.dtype, device=axis.device)
    turned = eye + axis + axis @ axis / (1 + cosine).clamp_min(OPPOSITE)
    half = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=axis.dtype, device=axis.device))
    return torch.where(1 + cosine > OPPOSITE, turned, half)


def skew(a: Tensor) -> Tensor:
    """Matrices ``(..., 3, 3)`` of the vector product with ``a (..., 3)``."""
    x, y, z = a.unbind(dim=-1)
    zero = torch.zeros_like(x)
    rows = [torch.stack(row, dim=-1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    return torch.stack(rows, dim=-2)


def low_pass(length: int, rate: float, tau: float) -> NDArray[np.float64]:
    """VQF's low-pass of `length` samples as a matrix: ``low_pass(...) @ x``.

    The mean so far in the first `tau` s, from which the filter starts; of the paper, appendix A.
    """
    start = min(length, math.ceil(tau * rate - 1e-9))
    made = np.zeros((length, length))
    made[:start, :start] = np.tril(np.ones((start, start))) / np.arange(1, start + 1)[:, None]
    c = math.tan(math.sqrt(2) / (2 * tau * rate)) if tau * rate > 0.5 else math.inf
    if math.isinf(c):
        return np.eye(length)
    d = c * c + math.sqrt(2) * c + 1
    b, a1, a2 = c * c / d, 2 * (c * c - 1) / d, (c * c - math.sqrt(2) * c + 1) / d
    x, mean = np.eye(length), made[start - 1]
    first, second = mean * (1 - b), mean * (b - a2)  # the filter's state at rest there
    for k in range(start, length):
        made[k] = b * x[k] + first
        first, second = 2 * b * x[k] - a1 * made[k] + second, b * x[k] - a2 * made[k]
    return made
