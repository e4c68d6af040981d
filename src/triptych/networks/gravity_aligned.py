"""Canonicalisation: windows of tri-axial sensors turned the same way up and the same way on."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.missing import across
from triptych.networks.rotation_invariant import (
    TINY,
    Scaled,
    cross,
    dot,
    horizontal_ways,
    norm,
    root,
)
from triptych.precision import full_precision

AMBIGUOUS = 1e-3  # against the mean size of what is averaged


class GravityAligned(Scaled):
    """Turn each window so that its mean acceleration points along z and its motion along x.

    z is the direction of ā, the first sensor's mean over the window; x that of the sum of the
    three horizontal means of `RotationInvariants`, each over its largest possible size: they turn
    with the sensor and have a sign, which a principal axis has not. All sensors are turned
    together, by one proper rotation a window, so every rotation of a window gives one and the
    same output. Differentiable, through the rotation as well.

    Parameters
    ----------
    scales
        As in `Scaled`.

    Notes
    -----
    No continuous choice of a direction exists. Where ā is below a thousandth of the window's
    size (gravity removed), z is the skewness ⟨‖c‖² c⟩ instead; where that or x's sum is as small
    as that (no motion, or one that is the same from the front and from behind), a sensor axis
    stands in, and the output is no longer invariant. Close to these cases a slight change of the
    window turns the output by any angle; the channels of `RotationInvariants` fade there instead.
    """

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """As they go in; raises InputError unless channels come in threes."""
        return 3 * self.sensors(channels), length

    @across
    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c t"]:
        """Turned signals, shape kept."""
        with full_precision(x):
            sensors = self.triads(x)
            frames = self.frames(sensors[:, 0])
            return (frames.mT[:, None] @ sensors).flatten(1, 2).to(x.dtype)

    def frames(self, first: Float[Tensor, "n 3 t"]) -> Float[Tensor, "n 3 3"]:
        """The canonical x, y and z axis of each window, in columns."""
        mean = first.mean(dim=2, keepdim=True)
        moved = first - mean
        cubes = dot(moved, moved) * moved
        axes = torch.eye(3, dtype=first.dtype, device=first.device).expand(first.shape[0], 3, 3)
        up = _choose(cubes.mean(dim=2, keepdim=True), cubes, axes[:, :, 2:])
        up = _choose(mean, first, up)
        ways, power = horizontal_ways(moved, up)
        forward = (ways / root(power)).sum(dim=2, keepdim=True)
        # the sensor axis that is least vertical
        other = axes.gather(2, up.abs().argmin(dim=1, keepdim=True).expand(-1, 3, 1))
        forward = _choose(forward, torch.ones_like(forward), other - dot(up, other) * up)
        return torch.cat([forward, cross(up, forward), up], dim=2)


def _choose(vector: Tensor, samples: Tensor, otherwise: Tensor) -> Tensor:
    """Direction of ``vector (n, 3, 1)``, or of `otherwise` where it is small against `samples`."""
    size = dot(samples, samples).mean(dim=2, keepdim=True)
    clear = dot(vector, vector) > AMBIGUOUS**2 * size + TINY
    chosen = torch.where(clear, vector, otherwise)
    return chosen / norm(chosen)
