"""Mirrored axes of tri-axial sensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.precision import working_dtype
from triptych.transforms.base import Transform
from triptych.transforms.checks import device_of, fit_params
from triptych.transforms.orientation import Rotation
from triptych.transforms.rotations import (
    AXES,
    Triads,
    apart,
    check_triads,
    resolve_triads,
    same,
    turn,
)
from triptych.transforms.units import rows


@dataclass(frozen=True)
class AxisMirror(Transform):
    """Improper reflections: the sign of one axis is turned over, as no rotation can do.

    A left-handed mounting or a wrong sign in a driver does this; worn sensors do not, which is why
    it is no kind of `Rotation`. θ `(n, 3)` holds a sign, 1 or −1, for each axis, and is applied to
    every triad alike: right for accelerations and magnetic drivers' faults; a gyroscope in a truly
    mirrored world would get the opposite signs. A group (signs multiply); `distance` counts the
    axes that differ.

    Parameters
    ----------
    axes
        Axes among 0, 1, 2 of which `sample` mirrors one, each equally often.
    triads
        As in `Rotation`.
    """

    axes: tuple[int, ...] = (0, 1, 2)
    triads: Triads | None = None

    name = "axis_mirror"
    unit = "axes"
    acts_on = "channels"

    def __post_init__(self) -> None:
        if not self.axes or not set(self.axes) <= {0, 1, 2}:
            raise InputError(f"axis_mirror got axes={self.axes}, expected some of 0, 1, 2.")
        check_triads(self.name, self.triads)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw signs of which one is −1, float32 `(n, 3)`."""
        device = device_of(generator)
        which = torch.randint(len(self.axes), (n,), generator=generator, device=device)
        mirrored = torch.tensor(self.axes, device=device)[which]
        return 1 - 2 * torch.nn.functional.one_hot(mirrored, 3).float()

    def identity(self, n: int) -> Tensor:
        """Return ones, `(n, 3)`."""
        return torch.ones(n, 3)

    def label(self, params: Tensor) -> list[str]:
        """Return which axes are mirrored: "x, z mirrored"."""
        mirrored = [
            [a for a, sign in zip(AXES, row, strict=False) if sign < 0] for row in rows(params)
        ]
        return [f"{', '.join(each) or 'none'} mirrored" for each in mirrored]

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the product of the signs."""
        return a * b

    def inverse(self, a: Tensor) -> Tensor:
        """Return a: every reflection undoes itself."""
        return a

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b∘a⁻¹, the product of the signs."""
        return a * b

    def carry(self, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
        """Return the Δ of a rotation of the same sensors mirrored, that of a mirror as it is."""
        own = getattr(earlier, "triads", None)
        if isinstance(earlier, AxisMirror) or apart(own, self.triads):
            return delta
        if isinstance(earlier, Rotation) and same(own, self.triads):
            return earlier.mirrored(delta, params)
        return super().carry(earlier, delta, params)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return how many axes differ, `(n,)`."""
        return (a != b).sum(dim=1).to(a.dtype)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Mirror the axes of each signal of `x` `(n, c, time)` whose sign in `params` is −1."""
        triads = resolve_triads(self.name, x, self.triads)
        params = fit_params(self.name, x, params, 3)
        if not bool((params.abs() == 1).all()):
            raise InputError(
                "axis_mirror got parameters other than 1 and -1: take them from sample()."
            )
        signs = params.to(x.device, working_dtype(x))
        return turn(x, torch.diag_embed(signs), triads)
