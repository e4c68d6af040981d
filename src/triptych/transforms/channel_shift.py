"""Circular channel shift: a ring of electrodes, turned around the limb."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.transforms.base import Transform
from triptych.transforms.checks import device_of, fit_params, within
from triptych.transforms.units import rows, signed


@dataclass(frozen=True)
class ChannelShift(Transform):
    """Turn a ring of electrodes: channel k of the result is channel k + θ of `x`, counted around.

    An armband put on turned does this, as far as it turns by whole electrodes. θ `(n, 1)` holds
    whole numbers; they add up modulo `channels`, so it is a group, and exact. `distance` counts
    electrodes the shorter way around.

    Parameters
    ----------
    channels
        Electrodes of the ring, at least 2: all channels of the signals, in their order around.
    most
        `sample` draws every whole number from 0 to `most` equally often; None: all positions.
    """

    channels: int = 8
    most: int | None = None

    name = "channel_shift"
    unit = "electrodes"
    acts_on = "channels"

    def __post_init__(self) -> None:
        within(self.name, "channels", self.channels, 2, math.inf, whole=True)
        if self.most is not None:
            within(self.name, "most", self.most, 0, self.channels - 1, whole=True)

    @property
    def limit(self) -> float:
        """Half a turn, the largest distance; a sweep goes to there."""
        return float(self.channels // 2)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Whole numbers of electrodes, float32 `(n, 1)`."""
        top = self.channels if self.most is None else self.most + 1
        return torch.randint(top, (n, 1), generator=generator, device=device_of(generator)).float()

    def identity(self, n: int) -> Tensor:
        """Return zeros, `(n, 1)`."""
        return torch.zeros(n, 1)

    def at(self, value: float) -> Tensor:
        """Return the positions so many electrodes away, either way around, `(1 or 2, 1)`.

        Raises
        ------
        InputError
            Unless it is a whole number of at most half a turn.
        """
        if not (float(value).is_integer() and abs(value) <= self.limit):
            raise InputError(
                f"channel_shift has no position at a distance of {value:g} electrodes: expected a "
                f"whole number of at most {self.limit:g}."
            )
        found = dict.fromkeys((value % self.channels, -value % self.channels))
        return torch.tensor([[float(each)] for each in found])

    def grid(self, n: int) -> Tensor:
        """Return the identity, then every position by its distance; of n = 0 the identity."""
        around = range(1, int(self.limit) + 1) if n else ()
        return torch.cat([self.identity(1), *(self.at(each) for each in around)])

    def label(self, params: Tensor) -> list[str]:
        """Return "3 electrodes" for a turn by 3, "−2 electrodes" for one by 6 of 8."""
        half = self.channels / 2
        turns = [each - self.channels * (each > half) for (each,) in rows(params)]
        return [signed(each, self.unit) for each in turns]

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a + b, counted around."""
        return (a + b).remainder(self.channels)

    def inverse(self, a: Tensor) -> Tensor:
        """Return −a, counted around."""
        return (-a).remainder(self.channels)

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b − a, counted around, `(n, 1)`."""
        return (b - a).remainder(self.channels)

    def carry(self, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
        """Return the Δ of a turn of the same ring as it is: turns commute."""
        if isinstance(earlier, ChannelShift):
            return delta
        return super().carry(earlier, delta, params)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return electrodes between a and b the shorter way around, `(n,)`."""
        around = self.relative(a, b)[:, 0]
        return torch.minimum(around, self.channels - around)

    def target(self, delta: Tensor) -> Tensor:
        """Return cosine and sine of the angle that Δ turns the ring by, `(n, 2)`."""
        angle = delta * (2 * math.pi / self.channels)
        return torch.cat([angle.cos(), angle.sin()], dim=1)

    def factor(self, params: Tensor) -> Tensor:
        """Return the angle of θ as `target` does: the last position is beside the first."""
        return self.target(params)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Turn the channels of each signal of `x` `(n, c, time)`.

        Raises
        ------
        InputError
            If the shapes do not fit, or θ is no whole number.
        """
        if x.ndim == 3 and x.shape[1] != self.channels:
            raise InputError(
                f"channel_shift got signals of shape {tuple(x.shape)}, expected channels="
                f"{self.channels} as in its settings."
            )
        params = fit_params(self.name, x, params, 1).to(x.device)
        if not bool((params == params.round()).all()):
            raise InputError(
                "channel_shift got parameters that are no whole numbers of electrodes: take them "
                "from sample()."
            )
        order = torch.arange(self.channels, device=x.device) + params.long()
        return x.gather(1, order.remainder(self.channels)[:, :, None].expand_as(x))
