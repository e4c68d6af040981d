"""The time scale: how fast a signal runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.missing import bridge
from triptych.precision import working_dtype
from triptych.transforms.base import Transform
from triptych.transforms.checks import exact_dtype, fit_params, uniform
from triptych.transforms.phase_shift import PhaseShift
from triptych.transforms.units import rows


@dataclass(frozen=True)
class TimeScale(Transform):
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
    anywhere = True

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

    @property
    def limit(self) -> float:
        """Largest ln ratio of a sweep."""
        return math.log(self.max_scale)

    def at(self, value: float) -> Tensor:
        """Return the ratio whose logarithm is `value`, `(1, 1)`."""
        return torch.tensor([[math.exp(value)]])

    def theta(self, number: float) -> Tensor:
        """Return the ratio `number`, `(1, 1)`."""
        return torch.tensor([[float(number)]])

    def label(self, params: Tensor) -> list[str]:
        """Return "× 1.1" for a ratio of 1.1."""
        return [f"× {ratio:.4g}" for (ratio,) in rows(params)]

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


def interpolate(x: Tensor, position: Tensor) -> Tensor:
    """Values of `x` `(n, c, total)` at `position` `(n, time)` in samples, mirrored at the edges."""
    n, channels, total = x.shape
    turn = max(2 * (total - 1), 1)

    def taken(x: Tensor, index: Tensor) -> Tensor:
        index = index.remainder(turn)
        index = torch.minimum(index, turn - index).clamp(max=total - 1)
        return x.gather(2, index[:, None].expand(n, channels, -1))

    if bool((gone := x.isnan()).any()):  # the nearest sample says whether one is missing
        gone = taken(gone, position.round().long())
        return interpolate(bridge(x), position).masked_fill(gone, torch.nan)
    floor = position.floor()
    u = (position - floor).to(working_dtype(x))
    weights = (
        ((2 - u) * u - 1) * u / 2,
        ((3 * u - 5) * u * u + 2) / 2,
        ((4 - 3 * u) * u + 1) * u / 2,
        (u - 1) * u * u / 2,
    )
    result = x.new_zeros(n, channels, position.shape[1], dtype=u.dtype)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        result = result + weight[:, None] * taken(x, floor.long() + offset)
    return result.to(x.dtype)
