"""A front-end that offers a convolution the products it cannot make."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from triptych.missing import across
from triptych.networks.rotation_invariant import RotationInvariants, Scaled


class SecondOrder(Scaled):
    """The signal, its mean and its change, and all products of two of them, sensor by sensor.

    A convolution with rectifiers only approximates squares, and what is the same in every
    orientation is quadratic in the axes: a norm, a projection on gravity. This front-end is not
    invariant itself; it gives every encoder the means to become so, or to know the orientation.

    With a the three axes of a sensor, its 9 numbers a sample are a, its mean over the window, and
    three times the difference to the sample before; 45 products follow.

    Parameters
    ----------
    scales
        As in `Scaled`.
    """

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """54 channels a sensor."""
        return 54 * self.sensors(channels), length

    @across
    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n k t"]:
        """Signals and products; raises InputError unless channels come in threes."""
        sensors = self.triads(x)
        change = functional.pad(sensors[..., 1:] - sensors[..., :-1], (1, 0))
        mean = sensors.mean(dim=-1, keepdim=True).expand_as(sensors)
        first = torch.cat([sensors, mean, 3 * change], dim=2)
        i, j = torch.triu_indices(9, 9, device=x.device)
        return torch.cat([first, first[:, :, i] * first[:, :, j]], dim=2).flatten(1, 2).to(x.dtype)


class InvariantsBeside(RotationInvariants):
    """`RotationInvariants` first, then the channels of `SecondOrder`: for `GuaranteedEncoder`.

    Parameters
    ----------
    scales, per_gravity
        As in `RotationInvariants`; what stands beside keeps its gain.
    """

    def __init__(self, *, scales: tuple[float, ...] = (1.0,), per_gravity: bool = False) -> None:
        super().__init__(scales=scales, per_gravity=per_gravity)
        self.beside = SecondOrder(scales=scales)

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """Channels of both."""
        return super().shape(channels, length)[0] + self.raw_channels(channels), length

    def raw_channels(self, channels: int) -> int:
        """How many of the channels that come out, the last ones, are not invariant."""
        return self.beside.shape(channels, 1)[0]

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n k t"]:
        """Invariant channels, then signals and products."""
        return torch.cat([super().forward(x), self.beside(x)], dim=1)
