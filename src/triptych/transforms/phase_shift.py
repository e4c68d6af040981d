"""The phase shift: where a window starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.missing import bridge
from triptych.precision import unit, working_dtype
from triptych.transforms.base import Additive, Transform
from triptych.transforms.checks import device_of, exact_dtype, fit_params, uniform

ENOUGH_HZ = 100.0  # orbits are searched on this grid: 10 ms, a twentieth of a QRS-T complex
_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


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
    whole
        Circular only: draw shifts of whole samples, as a crop always does.
    length
        Samples of the window, if it is to be held to that: signals of another length are then
        refused, and circular shifts are known to wrap (`relative` and `distance` are taken modulo
        length/rate). Without it they are plain b − a and |b − a|.
    """

    max_shift: float = 0.25
    rate: float = 400.0
    mode: Literal["crop", "circular"] = "crop"
    whole: bool = False
    length: int | None = None

    name = "phase_shift"
    unit = "s"
    limited_by = "max_shift"
    acts_on = "time"
    turning = 2
    cycles = True

    def __post_init__(self) -> None:
        if self.mode not in ("crop", "circular"):
            raise InputError(f"phase_shift got mode={self.mode!r}, expected 'crop' or 'circular'.")
        if not (0 <= self.max_shift < math.inf and 0 < self.rate < math.inf):
            raise InputError(
                f"phase_shift got max_shift={self.max_shift} s at rate={self.rate} Hz, expected "
                f"max_shift >= 0 and rate > 0."
            )

    @staticmethod
    def within(seconds: float) -> dict[str, Any]:
        """Settings for windows of so many seconds without neighbours: a ring, a quarter round."""
        return {"mode": "circular", "max_shift": seconds / 4}

    @property
    def context(self) -> int:
        """Samples that a crop needs on either side; 0 in circular mode."""
        return 0 if self.mode == "circular" else math.ceil(self.max_shift * self.rate - 1e-6)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform in ±max_shift, `(n, 1)` in s."""
        if self.mode == "circular" and not self.whole:
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

    def at(self, value: float) -> Tensor:
        """Return the shift of `value` s, `(1, 1)`; of a crop the nearest one on its grid."""
        params = torch.tensor([[value]], dtype=torch.float64)
        return (self.snap(params) if self.mode == "crop" else params).float()

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
        if isinstance(earlier, PhaseShift) or getattr(earlier, "anywhere", False):
            return delta
        return super().carry(earlier, delta, params)

    def unturned(self) -> str:
        """Return "": pairs of a block can turn with the phase."""
        return ""

    def turn(self, z: Tensor, delta: Tensor, frequency: Tensor, harmonic: Tensor) -> Tensor:
        """Turn the pairs of `z` `(n, d)` by 2π·k·f·Δ, f `(n, 1)` in Hz and k `(d/2,)`."""
        angle = 2 * math.pi * harmonic * (frequency * delta)
        pairs = z.reshape(len(z), -1, 2)
        cosine, sine = angle.cos(), angle.sin()
        real = cosine * pairs[..., 0] - sine * pairs[..., 1]
        imaginary = sine * pairs[..., 0] + cosine * pairs[..., 1]
        return torch.stack([real, imaginary], dim=-1).flatten(1)

    def orbit(self, x: Tensor) -> Tensor:
        """Return the largest correlation of signals over all shifts, `(n, n)`.

        With the real neighbours of a crop, on a grid of about 10 ms; see `orbit_similarity`.
        """
        factor = max(1, int(self.rate // ENOUGH_HZ))
        steps = int(self.max_shift * self.rate) // factor
        if self.mode == "circular":
            length = x.shape[-1]
            index = (torch.arange(-steps * factor, length + steps * factor)) % length
            x = x[..., index.to(x.device)]
        coarse = functional.avg_pool1d(x, factor)
        length = coarse.shape[-1] - 2 * steps
        centre = _directions(coarse[..., steps : steps + length]).T.contiguous()
        best = centre.new_full((len(x), len(x)), -1.0)
        found = torch.empty_like(best)  # written anew for every shift: fresh memory takes longer
        # one at a time: all shifts of all pairs at once are slower, and gigabytes at batch 4096
        for start in range(2 * steps + 1):
            torch.mm(_directions(coarse[..., start : start + length]), centre, out=found)
            torch.maximum(best, found, out=best)
        return best

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


def _directions(windows: Tensor) -> Tensor:
    """Rows `(n, channels · time)` of length 1, each channel without its mean."""
    centred = windows - windows.mean(dim=-1, keepdim=True)
    return unit(centred.flatten(1))


def crop(x: Tensor, start: Tensor, time: int) -> Tensor:
    """Cut `time` samples of `x` `(n, c, total)` from `start` `(n, 1)` on."""
    n, channels, total = x.shape
    if x.device.type != "cpu" or (x.requires_grad and torch.is_grad_enabled()):
        index = start[:, :, None] + torch.arange(time, device=x.device)
        return x.gather(2, index.expand(n, channels, time))
    # Row i of `rows` is the flat signal from sample i on, so that whole rows are copied and no
    # index a sample is built. By NumPy, as integers (it has no bfloat16): for copies this small,
    # torch takes longer to start its threads than NumPy to finish.
    x = x.detach().contiguous()
    flat = x.view(_INTEGERS[x.element_size()]).numpy().reshape(-1)
    rows = np.ndarray((flat.size - time + 1, time), flat.dtype, flat, 0, flat.strides * 2)
    first = np.arange(0, flat.size, total).reshape(n, channels) + start.numpy()
    return torch.from_numpy(rows[first]).view(x.dtype)  # pyright: ignore[reportUnknownMemberType]


def roll(x: Tensor, samples: Tensor) -> Tensor:
    """Shift `x` `(n, c, time)` around its ring by `samples` `(n,)`, whole or not, by rFFT.

    Missing samples are bridged before, and go where the nearest sample goes.
    """
    time = x.shape[2]
    if bool((gone := x.isnan()).any()):
        index = torch.arange(time, device=x.device) + samples.to(x.device).round().long()[:, None]
        gone = gone.gather(2, index.remainder(time)[:, None].expand_as(x))
        return roll(bridge(x), samples).masked_fill(gone, torch.nan)
    dtype = working_dtype(x)
    spectrum = cast(Tensor, torch.fft.rfft(x.to(dtype)))  # pyright: ignore[reportUnknownMemberType]
    exact = exact_dtype(x.device)
    frequency = torch.arange(spectrum.shape[2], device=x.device, dtype=exact) / time
    # whole cycles are taken off before the precision is, or the phase of high bins would suffer
    cycles = samples.to(x.device, exact)[:, None] * frequency
    phase = (cycles - cycles.round()).mul(2 * math.pi).to(dtype)
    real, imaginary = phase.cos(), phase.sin()
    if time % 2 == 0:
        # a real signal keeps only the real part here; not every FFT library drops the rest itself
        imaginary[:, -1] = 0
    shifted = spectrum * torch.complex(real, imaginary)[:, None]
    result = cast(Tensor, torch.fft.irfft(shifted, n=time))  # pyright: ignore[reportUnknownMemberType]
    return result.to(x.dtype)
