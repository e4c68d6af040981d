"""A front-end that removes from optical channels what the motion of the sensor explains."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.errors import InputError
from triptych.networks.encoder import FrontEnd, Standardize
from triptych.networks.require import ABOVE_ZERO, COUNT, ODD, require
from triptych.precision import exact, full_precision

TINY = 1e-9  # of a root mean square: motion below it is none
CLOSE = 20.0  # how many powers of e the error of the inverse is smaller by than at its start


class MotionRemoved(FrontEnd):
    """Optical channels less what the accelerations explain of them.

    All channels lose their drift, the window's Fourier components up to a frequency. Then each that
    is no acceleration, standardised, is regressed on the accelerations x, y, z at several lags (on
    the window's ring) by ridge regression with one penalty for all. What is left over comes out:
    a wrist's motion is gone from it, and the pulse stays.

    It is the same however the accelerometer was turned, for any positive gain, offset and drift (of
    whole cycles per window) of any optical channel or of all accelerations, and it moves with a
    circular shift of all channels: by construction. A pulse at the very frequency of the steps is
    lost with the motion.

    Parameters
    ----------
    rate
        Hz of the signals.
    first
        Channel of acceleration x; y and z follow it. All others are optical.
    reach
        Longest lag on either side, in s.
    lags
        How many lags, an odd number: from −`reach` to `reach`, to whole samples.
    ridge
        Penalty, in units of the mean square of the accelerations.
    drift
        Highest frequency of the drift, in Hz.

    Notes
    -----
    Least squares with lags is what adaptive filters of wrist PPG converge to (Ram et al., IEEE
    Trans. Instrumentation and Measurement 61(5):1445-1457, 2012); for one window and three axes at
    once it has a closed form, in which the penalty's isotropy keeps rotations exact.
    """

    raw = True
    any_length = True

    def __init__(
        self,
        rate: float,
        *,
        first: int = 2,
        reach: float = 0.24,
        lags: int = 7,
        ridge: float = 0.3,
        drift: float = 0.6,
    ) -> None:
        super().__init__(rate=rate, first=first, reach=reach, lags=lags, ridge=ridge, drift=drift)
        require("motion_removed", ABOVE_ZERO, rate=rate, reach=reach, ridge=ridge, drift=drift)
        require("motion_removed", COUNT, first=first)
        require("motion_removed", ODD, lags=lags)
        self.first, self.ridge, self.cycles = first, ridge, drift / rate
        half = lags // 2
        self.lags = [round(reach * rate * k / max(half, 1)) for k in range(-half, half + 1)]
        # Newton and Schulz's iteration squares what is left of the error at every step.
        self.steps = math.ceil(math.log2(CLOSE * (3 * lags * (1 + ridge) / ridge)))
        self.standardize = Standardize()

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """The optical channels alone; raises InputError if there is none, or no x, y, z."""
        if not max(4, self.first + 3) <= channels:
            raise InputError(
                f"motion_removed got {channels} channels, expected accelerations x, y, z from "
                f"channel first={self.first} on, and other channels beside them"
            )
        return channels - 3, length

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n k t"]:
        """Residuals of signals in physical units."""
        time = self.shape(*x.shape[1:])[1]
        given, x = x.dtype, self._steady(exact(x))
        last = self.first + 3
        motion = x[:, self.first : last]
        optical = self.standardize(torch.cat([x[:, : self.first], x[:, last:]], dim=1))
        motion = motion / (motion.square().mean(dim=(1, 2), keepdim=True) + TINY**2).sqrt()
        lagged = torch.cat([motion.roll(lag, dims=2) for lag in self.lags], dim=1)
        with full_precision(x):
            unit = torch.eye(lagged.shape[1], dtype=x.dtype, device=x.device)
            inverse = self._inverse(lagged @ lagged.mT / time + self.ridge * unit, unit)
            explained = optical @ lagged.mT / time @ inverse @ lagged
        return (optical - explained).to(given)

    def _steady(self, x: Tensor) -> Tensor:
        """Signals less their mean and drift, shape kept."""
        time = x.shape[2]
        x = x - x.mean(dim=2, keepdim=True)
        cycle = 2 * math.pi / time * torch.arange(time, dtype=torch.float64)
        angle = cycle[:, None] * torch.arange(1, 1 + min(int(self.cycles * time), (time - 1) // 2))
        slow = (torch.cat([angle.cos(), angle.sin()], dim=1) * math.sqrt(2 / time)).to(x)
        with full_precision(x):
            return x - x @ slow @ slow.mT

    def _inverse(self, gram: Tensor, unit: Tensor) -> Tensor:
        """Inverses of ``(n, k, k)`` by products alone: no solver travels inside of an ONNX graph.

        The start is a multiple of the unit matrix, which keeps the result exact under rotations.
        """
        found = unit / gram.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None]
        for _ in range(self.steps):
            found = found @ (2 * unit - gram @ found)
        return found
