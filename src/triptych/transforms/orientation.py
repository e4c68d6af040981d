"""Transforms of a sensor's orientation: rotations of tri-axial channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.precision import full_precision, unit, working_dtype
from triptych.transforms.base import Transform
from triptych.transforms.checks import device_of, fit_params, norm, uniform
from triptych.transforms.rotations import (
    Triads,
    about,
    apart,
    canonical,
    check_triads,
    conjugate,
    cube,
    gram_schmidt,
    gravity_frames,
    in_words,
    product,
    resolve_triads,
    to_matrices,
    turn,
    vectors,
)
from triptych.transforms.units import rows


@dataclass(frozen=True)
class Rotation(Transform):
    """One proper rotation a window, applied to every tri-axial sensor among its channels.

    ======== ===================================================== ==========================
    kind     what `sample` draws                                   θ
    ======== ===================================================== ==========================
    so3      uniform on SO(3) (Haar)                               quaternion, sensor frame
    cube24   one of the 24 that map the axes to the axes           quaternion, sensor frame
    tilt     horizontal axis, any direction; angle in 0..max_angle quaternion, gravity frame
    yaw      about the vertical; angle in ±max_angle               angle `(n, 1)` in degrees
    ======== ===================================================== ==========================

    Quaternions `(n, 4)` are of unit length, in the order x, y, z, w (w is the real part); q and −q
    are the same rotation, and results have w ≥ 0. `quaternions` turns the θ of any kind into them.

    *Vertical* is the window's mean of the first triad (for an accelerometer with gravity: up). The
    *gravity frame* has it as its z axis; its x axis is some horizontal direction, a fixed function
    of the vertical. A window whose mean is below a thousandth of its root mean square has no
    vertical: the sensor's z axis stands in. The frame is that of the window that `apply` is given:
    yaw leaves it as it is, so yaws are a group on signals too; tilts do not, so `compose`,
    `relative` and `inverse` of tilts are rotations in the frame of the one unrotated window.

    Parameters
    ----------
    kind
        "so3", "yaw", "tilt" or "cube24".
    max_angle
        Limit in degrees, up to 180, for yaw (None: 180) and tilt (None: 30).
    triads
        The channels x, y, z of each sensor; other channels stay as they are. None: channels 0 to
        2, 3 to 5, and so on, and their number has to be a multiple of 3.
    """

    kind: Literal["so3", "yaw", "tilt", "cube24"] = "so3"
    max_angle: float | None = None
    triads: Triads | None = None

    name = "rotation"
    unit = "degrees"
    acts_on = "channels"
    turning = 3

    def __post_init__(self) -> None:
        if self.kind not in ("so3", "yaw", "tilt", "cube24"):
            raise InputError(
                f"rotation got kind={self.kind!r}, expected 'so3', 'yaw', 'tilt' or 'cube24'."
            )
        if self.max_angle is not None:
            if self.kind in ("so3", "cube24"):
                raise InputError(
                    f"rotation of kind {self.kind!r} has no max_angle: leave it out, or use 'tilt'."
                )
            if not 0 <= self.max_angle <= 180:
                raise InputError(
                    f"rotation got max_angle={self.max_angle}, expected 0 to 180 degrees."
                )
        check_triads(self.name, self.triads)

    @property
    def limit(self) -> float | None:
        """Largest angle that `sample` draws, in degrees; None for cube24, which has three."""
        if self.kind == "cube24":
            return None
        default = 30.0 if self.kind == "tilt" else 180.0
        return default if self.max_angle is None else self.max_angle

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw rotations, float32 `(n, 4)`, or `(n, 1)` for yaw."""
        device = device_of(generator)
        limit = self.limit or 0.0
        if self.kind == "yaw":
            return uniform(n, -limit, limit, generator)
        if self.kind == "so3":
            return canonical(torch.randn(n, 4, generator=generator, device=device))
        if self.kind == "cube24":
            which = torch.randint(24, (n,), generator=generator, device=device)
            return cube().to(device)[which]
        azimuth = uniform(n, -math.pi, math.pi, generator)
        half = uniform(n, 0, math.radians(limit) / 2, generator)
        sine, zero = half.sin(), torch.zeros_like(half)
        return torch.cat([sine * azimuth.cos(), sine * azimuth.sin(), zero, half.cos()], dim=1)

    def at(self, value: float) -> Tensor:
        """Return turns by an angle in degrees about each axis: x, y, z; of tilts x, y; yaw one."""
        if self.kind in ("yaw", "cube24"):
            return super().at(value)
        return about(value, 3 if self.kind == "so3" else 2)

    def label(self, params: Tensor) -> list[str]:
        """Return "90 degrees about x"; for yaw "−90 degrees"."""
        return super().label(params) if self.kind == "yaw" else [in_words(*q) for q in rows(params)]

    @property
    def legend(self) -> str:
        """What the axes of `label` are."""
        if self.kind == "tilt":
            return "x and y: two horizontal axes of each window, z up as its mean says."
        return "" if self.kind == "yaw" else "x, y and z: the sensor's axes."

    def factor(self, params: Tensor) -> Tensor:
        """Return the rotation vector in degrees, `(n, 3)`; of a yaw its angle."""
        return params if self.kind == "yaw" else vectors(params)

    def identity(self, n: int) -> Tensor:
        """Return no rotation: 0 degrees for yaw, else the quaternion 0, 0, 0, 1."""
        if self.kind == "yaw":
            return torch.zeros(n, 1)
        return torch.tensor([[0.0, 0.0, 0.0, 1.0]]).repeat(n, 1)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return θ of "first a, then b"."""
        return _wrap(a + b) if self.kind == "yaw" else canonical(product(b, a))

    def inverse(self, a: Tensor) -> Tensor:
        """Return θ that undoes a."""
        return -a if self.kind == "yaw" else canonical(conjugate(a))

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b∘a⁻¹."""
        return self.compose(self.inverse(a), b)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the angle of the rotation from a to b (geodesic), `(n,)` in 0 to 180 degrees."""
        relative = self.relative(a, b)
        if self.kind == "yaw":
            return relative[:, 0].abs()
        # the arc tangent is precise at both ends, unlike the arc cosine of w
        angle = 2 * torch.atan2(norm(relative[:, :3]), relative[:, 3].abs())
        return torch.rad2deg(angle)

    def target(self, delta: Tensor) -> Tensor:
        """Return the first two columns of the rotation matrix of Δ, `(n, 6)`.

        Zhou et al. 2019 (arXiv 1812.07035): unlike angles and quaternions they are continuous.
        """
        return to_matrices(self.quaternions(delta))[:, :, :2].mT.flatten(1)

    def project(self, read: Tensor) -> Tensor:
        """Return the target nearest to any six numbers `(n, 6)`, by Gram and Schmidt."""
        return gram_schmidt(read)[:, :, :2].mT.flatten(1)

    def reading_error(self, read: Tensor, delta: Tensor) -> Tensor:
        """Return the angle in radians between Δ and what six numbers `(n, 6)` stand for, `(n,)`."""
        turn = to_matrices(self.quaternions(delta))
        trace = (gram_schmidt(read) * turn).sum(dim=(1, 2))
        cosine = ((trace - 1) / 2).clamp(-1 + 1e-6, 1 - 1e-6)
        return torch.acos(cosine)

    def seen(self, delta: Tensor, x: Tensor) -> Tensor:
        """Return Δ as it is; of tilts in the sensor frame, as the gravity of both sides differs."""
        if self.kind != "tilt":
            return delta
        local = self.quaternions(delta.to(x.device, working_dtype(x)))
        with full_precision(x):
            axis = (self.frames(x) @ local[:, :3, None])[..., 0]
        return torch.cat([axis, local[:, 3:]], dim=1).to(delta)

    def carry(self, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
        """Return Δ as it is if the two turn different sensors; else there is none."""
        own = getattr(earlier, "triads", None)
        return delta if apart(own, self.triads) else super().carry(earlier, delta, params)

    def unturned(self) -> str:
        """Return why no block can turn with the rotation: it is relative to gravity."""
        if self.kind in ("so3", "cube24"):
            return ""
        return (
            "an equivariant block turns with the sensor, but rotations of kind "
            f"{self.kind!r} are relative to gravity (use so3 or cube24)"
        )

    def turn(self, z: Tensor, delta: Tensor) -> Tensor:
        """Turn the vectors of `z` `(n, d)`, three numbers each."""
        rows = z.reshape(len(z), -1, 3)
        return (rows @ self.matrices(delta.to(z)).mT).flatten(1)

    def orbit(self, x: Tensor) -> Tensor:
        """Return the largest normalised inner product over all rotations, `(n, n)`, signed.

        Orthogonal Procrustes (Kabsch 1976); see `orbit_similarity`.
        """
        n, triads = len(x), resolve_triads(self.name, x, self.triads)
        stacked = torch.stack([x[:, list(triad)] for triad in triads], dim=2)  # (n, 3, k, time)
        rows = unit(stacked.reshape(n, -1)).view(n, 3, -1)
        cross = torch.einsum("iat,jbt->ijab", rows, rows)  # (n, n, 3, 3)
        values = cast(Tensor, torch.linalg.svdvals(cross))  # pyright: ignore[reportUnknownMemberType]
        sign: Tensor = torch.sign(torch.det(cross))
        return values[..., 0] + values[..., 1] + sign * values[..., 2]

    def mirrored(self, delta: Tensor, signs: Tensor) -> Tensor:
        """Return Δ as it is seen where all axes have these `signs` `(n, 3)`: M T_Δ M⁻¹."""
        handed = signs.prod(dim=1, keepdim=True)
        if self.kind == "yaw":  # the vertical is mirrored as well
            return handed * delta
        return torch.cat([handed * signs * delta[:, :3], delta[:, 3:]], dim=1)

    def quaternions(self, params: Tensor) -> Tensor:
        """Return θ of any kind as unit quaternions x, y, z, w `(n, 4)`, in the frame of θ."""
        if self.kind != "yaw":
            return canonical(params)
        half = torch.deg2rad(params) / 2
        zero = torch.zeros_like(half)
        return canonical(torch.cat([zero, zero, half.sin(), half.cos()], dim=1))

    def matrices(self, params: Tensor, x: Tensor | None = None) -> Tensor:
        """Return the rotations in the sensor frame, `(n, 3, 3)`: `apply` is R times each sample.

        Parameters
        ----------
        params
            θ of n windows.
        x
            The windows before rotation `(n, c, time)`; tilt and yaw need them for the vertical.
        """
        if x is None:
            if self.kind in ("yaw", "tilt"):
                raise InputError(
                    f"rotation of kind {self.kind!r} turns about the window's mean: pass x, the "
                    f"signals before rotation, to matrices()."
                )
            return to_matrices(self.quaternions(params))
        params = fit_params(self.name, x, params, 1 if self.kind == "yaw" else 4)
        self._check_norm(params)
        local = self.quaternions(params.to(x.device, working_dtype(x)))
        if self.kind in ("yaw", "tilt"):
            with full_precision(x):
                axis = (self.frames(x) @ local[:, :3, None])[..., 0]
            local = torch.cat([axis, local[:, 3:]], dim=1)
        return to_matrices(local)

    def frames(self, x: Tensor) -> Tensor:
        """Return the gravity frames of windows `(n, 3, 3)`, axes in columns."""
        first = resolve_triads(self.name, x, self.triads)[0]
        return gravity_frames(x[:, list(first)])

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Rotate each signal of `x` `(n, c, time)` by its θ of `params`.

        Raises
        ------
        InputError
            If the channels are not the triads, or a quaternion is not of unit length.
        """
        triads = resolve_triads(self.name, x, self.triads)
        return turn(x, self.matrices(params, x), triads)

    def _check_norm(self, params: Tensor) -> None:
        off = (norm(params) - 1).abs() if self.kind != "yaw" else params[:, 0] * 0
        if not bool((off < 1e-2).all()):
            raise InputError(
                f"rotation of kind {self.kind!r} got a θ that is not "
                f"{'a finite angle' if self.kind == 'yaw' else 'a unit quaternion (x, y, z, w)'}: "
                f"take θ from sample()."
            )


def _wrap(degrees: Tensor) -> Tensor:
    return degrees - 360 * (degrees / 360).round()
