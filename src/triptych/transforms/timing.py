"""Transforms of the time axis: phase shift and time scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.transforms.base import (
    Additive,
    Settings,
    Transform,
    device_of,
    exact_dtype,
    fit_params,
    uniform,
)
from triptych.transforms.resample import crop, interpolate, roll


@dataclass(frozen=True)
class PhaseShift(Additive):
    """T_θ x(t) = x(t + θ), θ in s.

    `mode="crop"`: real neighbours enter. Input `(n, c, t + 2·context)`, output `(n, c, t)`, with
    `context = ceil(max_shift·rate)`. Shifts are whole samples: `sample` draws on the rate's grid,
    so θ is exactly what is applied; `apply` rounds any other θ to the grid, and `snap` tells the
    θ that it then applies.

    `mode="circular"`: the window is closed to a ring and shifted by any fraction of a sample,
    exactly, by rFFT. The Nyquist bin of an even window (whose phase is unknown) is multiplied by
    cos(π·θ·rate): whole-sample shifts equal `torch.roll`, and shifts compose exactly for every
    signal without content at the Nyquist frequency.

    Parameters
    ----------
    max_shift
        `sample` is uniform in ±max_shift, in s; also the limit of what a crop can apply.
    rate
        Sampling rate, in Hz.
    mode
        "crop" or "circular".
    grid
        Circular only: draw whole-sample shifts, as a crop always does.
    length
        Samples of the window, if it is to be held to that: signals of another length are then
        refused, and circular shifts are known to wrap (`relative` and `distance` are taken modulo
        length/rate). Without it they are plain b − a and |b − a|.
    """

    max_shift: float = 0.25
    rate: float = 400.0
    mode: Literal["crop", "circular"] = "crop"
    grid: bool = False
    length: int | None = None

    name = "phase_shift"
    unit = "s"
    acts_on = "time"

    def __post_init__(self) -> None:
        if self.mode not in ("crop", "circular"):
            raise InputError(f"phase_shift got mode={self.mode!r}, expected 'crop' or 'circular'.")
        if not (0 <= self.max_shift < math.inf and 0 < self.rate < math.inf):
            raise InputError(
                f"phase_shift got max_shift={self.max_shift} s at rate={self.rate} Hz, expected "
                f"max_shift >= 0 and rate > 0."
            )

    @property
    def context(self) -> int:
        """Samples that a crop needs on either side; 0 in circular mode."""
        return 0 if self.mode == "circular" else math.ceil(self.max_shift * self.rate - 1e-6)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform in ±max_shift, `(n, 1)` in s."""
        if self.mode == "circular" and not self.grid:
            return uniform(n, -self.max_shift, self.max_shift, generator)
        most, device = self._most, device_of(generator)
        steps = torch.randint(-most, most + 1, (n, 1), generator=generator, device=device)
        return (steps.double() / self.rate).float()

    @property
    def _most(self) -> int:
        """Samples of the largest shift within ±max_shift that is a whole number of them."""
        return math.floor(self.max_shift * self.rate + 1e-6)

    @property
    def wraps(self) -> bool:
        """Whether two circular draws may lie further apart than half a window of known length."""
        if self.mode == "crop" or self.length is None:
            return False
        return 4 * self.max_shift * self.rate > self.length

    def snap(self, params: Tensor) -> Tensor:
        """Return the θ on the rate's grid that a crop applies: the nearest one in ±max_shift.

        What is beyond ±max_shift, and refused by a crop, goes to the nearest one of all.
        """
        exact = params.to(exact_dtype(params.device))
        inside = exact.abs() <= self.max_shift + self._hair
        steps = torch.where(inside, self._steps(exact), (exact * self.rate).round())
        return steps.div(self.rate).to(params.dtype)

    def _steps(self, params: Tensor) -> Tensor:
        """Whole samples of θ in ±max_shift: of 0.25 s at 150 Hz, 37.5 samples, 37 and not 38."""
        exact = params.to(exact_dtype(params.device))
        return (exact * self.rate).round().clamp(-self._most, self._most)

    @property
    def _hair(self) -> float:
        return 1e-3 / self.rate  # of tolerance for θ in float32

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b − a, `(n, 1)` in s; circular with a known length: in ± half a window."""
        difference = b - a
        if self.mode == "circular" and self.length is not None:
            period = self.length / self.rate
            difference = difference - period * (difference / period).round()
        return difference

    def target(self, delta: Tensor) -> Tensor:
        """Return Δ `(n, 1)`; if it `wraps`, the cosine and sine of its angle, `(n, 2)`."""
        if not self.wraps:
            return delta
        angle = delta * (2 * math.pi * self.rate / (self.length or 1))
        return torch.cat([angle.cos(), angle.sin()], dim=1)

    def seen(self, delta: Tensor, x: Tensor) -> Tensor:
        """Return Δ as it is; raises InputError if it may wrap around a ring of unknown length."""
        if self.mode == "circular" and self.length is None:
            window = x.shape[-1] / self.rate
            if 4 * self.max_shift > window:
                raise InputError(
                    f"two phase shifts of up to {self.max_shift:g} s may lie further apart than "
                    f"half a window of {window:g} s, where a circular shift wraps; give "
                    f"phase_shift the window's samples, length={x.shape[-1]}, so that Δ is known"
                )
        return delta

    def carry(self, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
        """Return Δ as it is: a shift moves no other shift, and no ratio of a time scale."""
        if isinstance(earlier, (PhaseShift, TimeScale)):
            return delta
        return super().carry(earlier, delta, params)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Shift each signal of `x` `(n, c, time)` by its θ of `params` `(n, 1)`.

        Raises
        ------
        InputError
            If the shapes do not fit, or a crop is asked for more than `max_shift`.
        """
        params = fit_params(self.name, x, params, 1)
        time = x.shape[2] - 2 * self.context
        if time < 1 or self.length not in (None, time):
            expected = "t >= 1" if self.length is None else f"t = {self.length}"
            raise InputError(
                f"phase_shift got signals of shape {tuple(x.shape)}, expected (n, c, t + "
                f"{2 * self.context}) with {expected}: the window and {self.context} samples of "
                f"context on either side (mode={self.mode!r})."
            )
        if x.numel() == 0:
            return x[..., :time]
        if self.mode == "circular":
            return roll(x, params[:, 0].to(exact_dtype(params.device)) * self.rate)
        largest = float(params.abs().max())
        # written so that a NaN is refused as well
        if not largest <= self.max_shift + self._hair:
            raise InputError(
                f"phase_shift got a shift of {largest:g} s for signals of shape "
                f"{tuple(x.shape)}, but max_shift={self.max_shift:g} s leaves {self.context} "
                f"samples of context: raise max_shift, or cut windows with more context."
            )
        return crop(x, (self._steps(params).long() + self.context).to(x.device), time)


@dataclass(frozen=True)
class TimeScale(Settings):
    """T_s x(t) = x(s·t), t counted from the window's centre; θ = s, a ratio (2: twice as fast).

    Values between samples by cubic (Catmull-Rom) interpolation. What lies outside of the window
    (needed where s > 1) is its mirror image at the edge, unless `length` is set: then the
    transform is a crop, and real neighbours enter. Meant for s near 1: no anti-alias filter is
    applied, so content above rate/(2·s) folds back.

    Dilations compose (s_a·s_b) and invert (1/s); on sampled windows that holds up to interpolation
    and edges.

    Parameters
    ----------
    max_scale
        `sample` is log-uniform in [1/max_scale, max_scale]; at least 1.
    length
        Samples of the window proper, for the crop: input `(n, c, length + 2·context)`, output
        `(n, c, length)`. None: input and output have the same length.
    """

    max_scale: float = 1.25
    length: int | None = None

    name = "time_scale"
    unit = "ln ratio"
    acts_on = "time"

    def __post_init__(self) -> None:
        if not 1 <= self.max_scale < math.inf:
            raise InputError(f"time_scale got max_scale={self.max_scale}, expected at least 1.")

    @property
    def context(self) -> int:
        """Samples needed on either side if `length` is set, else 0."""
        if self.length is None:
            return 0
        # two more than the farthest position: the cubic kernel looks at two neighbours
        return math.ceil((self.max_scale - 1) * (self.length - 1) / 2) + 2

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Log-uniform in [1/max_scale, max_scale], `(n, 1)`."""
        most = math.log(self.max_scale)
        return uniform(n, -most, most, generator).exp()

    def identity(self, n: int) -> Tensor:
        """Return ones, `(n, 1)`."""
        return torch.ones(n, 1)

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b / a, `(n, 1)`."""
        return b / a

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return |ln(b/a)|, `(n,)`: 0.1 is a change of about 10 %."""
        return (b / a)[:, 0].log().abs()

    def target(self, delta: Tensor) -> Tensor:
        """Return ln Δ, `(n, 1)`: the logarithm of the ratio."""
        return delta.log()

    def carry(self, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
        """Return the Δ of a phase shift divided by the ratio, that of a time scale as it is."""
        if isinstance(earlier, PhaseShift) and not earlier.wraps:  # on a ring Δ/s has no meaning
            return delta / params
        if isinstance(earlier, TimeScale):
            return delta
        return super().carry(earlier, delta, params)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a·b: the θ of "first a, then b"."""
        return a * b

    def inverse(self, a: Tensor) -> Tensor:
        """Return 1/a."""
        return 1 / a

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Scale the time of each signal of `x` `(n, c, time)` by its θ of `params` `(n, 1)`.

        Raises
        ------
        InputError
            If the shapes do not fit, a ratio is not positive, or a crop is asked for more than
            `max_scale`.
        """
        params = fit_params(self.name, x, params, 1)
        total = x.shape[2]
        if self.length is not None and total != self.length + 2 * self.context:
            raise InputError(
                f"time_scale got signals of shape {tuple(x.shape)}, expected (n, c, "
                f"{self.length + 2 * self.context}): length={self.length} and {self.context} "
                f"samples of context on either side."
            )
        scale = params.to(exact_dtype(params.device))
        limit = math.inf if self.length is None else self.max_scale * (1 + 1e-6)
        if not bool(((scale > 0) & (scale <= limit) & (scale < math.inf)).all()):
            raise InputError(
                f"time_scale got ratios from {float(scale.min()):g} to {float(scale.max()):g}, "
                f"expected finite ratios above 0"
                + ("." if self.length is None else f", at most max_scale={self.max_scale:g}.")
            )
        time = self.length or total
        exact = exact_dtype(x.device)
        centred = torch.arange(time, device=x.device, dtype=exact) - (time - 1) / 2
        return interpolate(x, scale.to(x.device, exact) * centred + (total - 1) / 2)
