"""How variant and equivariant blocks are made to carry a transform inside the positive pair."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.errors import InputError
from triptych.objectives import terms
from triptych.objectives.gather import weighted_mean
from triptych.precision import cosine, unit
from triptych.transforms import PhaseShift, Rotation, Transform
from triptych.transforms.quaternions import to_matrices


class Mechanism(nn.Module):
    """One pair's variation term; sees the relative parameter Δ, never θ₁ or θ₂ alone.

    `forward` takes both sides' block ``(n, d)``, Δ ``(n, p)``, a weight a row ``(n,)`` and both
    sides' invariant latents averaged ``(n, m)``; it gives a scalar.
    """

    def forward(
        self, first: Tensor, second: Tensor, delta: Tensor, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Compute the term."""
        raise NotImplementedError


class Repel(Mechanism):
    """Push the two sides apart, the harder the further apart their parameters are.

    w = 1 − exp(−d/d₀) with d₀ the median distance under sampling (if that is 0, of the draws that
    differ), so near-identical views are left alone (arXiv 2511.14920, bounded: see
    `terms.repulsion`).
    """

    def __init__(self, transform: Transform, temperature: float = 0.2) -> None:
        super().__init__()
        self.transform = transform
        self.temperature = temperature
        generator = torch.Generator().manual_seed(0)
        a, b = transform.sample(4096, generator), transform.sample(4096, generator)
        distance = transform.distance(a, b)
        # Of two draws of a rare transform (a lead swap) most are equal.
        median = float(distance.median()) or float(distance[distance > 0].median())
        self.scale = median if median > 0 else 1.0  # NaN: a transform that never does anything

    def forward(
        self, first: Tensor, second: Tensor, delta: Tensor, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Bounded repulsion, scalar."""
        origin = self.transform.identity(len(delta)).to(delta)
        distance = self.transform.distance(origin, delta)
        weight = weight * (1 - torch.exp(-distance / self.scale))
        return terms.repulsion(first, second, weight, self.temperature)


class Predict(Mechanism):
    """A small head reads Δ from the pair; swapping the sides must negate what it reads.

    Error: the distance |Δ − read| in units of Δ's spread under sampling, rounded off near 0
    (smooth L1); for rotations the geodesic angle (radians) of a 6-D output (Zhou et al. 2019,
    arXiv 1812.07035).
    """

    def __init__(self, transform: Transform, size: int, hidden: int = 64) -> None:
        super().__init__()
        self.transform = transform
        self.rotation = isinstance(transform, Rotation)
        generator = torch.Generator().manual_seed(0)
        a, b = transform.sample(4096, generator), transform.sample(4096, generator)
        spread = transform.relative(a, b)
        self.register_buffer("scale", spread.std(dim=0).clamp_min(1e-6), persistent=False)
        outputs = 6 if self.rotation else spread.shape[1]
        self.head = nn.Sequential(
            nn.Linear(3 * size, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, outputs),
        )

    def read(self, first: Tensor, second: Tensor) -> Tensor:
        """Δ in units of its spread ``(n, p)``; for rotations matrices ``(n, 3, 3)``."""
        forward = self.head(torch.cat([first, second, second - first], dim=1))
        if self.rotation:
            return _gram_schmidt(forward)
        backward = self.head(torch.cat([second, first, first - second], dim=1))
        return (forward - backward) / 2

    def forward(
        self, first: Tensor, second: Tensor, delta: Tensor, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Weighted mean error of the reading, scalar."""
        read = self.read(first, second)
        if isinstance(self.transform, Rotation):
            turn = to_matrices(self.transform.quaternions(delta))  # in the frame of θ
            trace = (read * turn).sum(dim=(1, 2))
            cosine = ((trace - 1) / 2).clamp(-1 + 1e-6, 1 - 1e-6)
            error = torch.acos(cosine)
        else:
            scale = self.get_buffer("scale")
            target = delta / scale
            error = functional.smooth_l1_loss(read, target, beta=0.1, reduction="none").mean(dim=1)
        return weighted_mean(error, weight)


class Equivariant(Mechanism):
    """The block turns by a known representation: z(Tx) = ρ(Δ) z(x).

    Rotations: the block is d/3 vectors, z(Rx) = R z(x). Phase shifts: d/2 pairs that turn by
    2π·k·f·Δ, k = 1 … `harmonics` in turn, f the window's cycle frequency in Hz, read by a linear
    head from the invariant latents and shared by both sides.

    Loss: weighted mean of 1 − cos(ρ(Δ) z₁, z₂), plus a norm floor, as zero would solve it.

    Raises
    ------
    InputError
        If the block's size does not fit the representation, or the transform has none.
    """

    def __init__(
        self,
        transform: Transform,
        size: int,
        invariant_size: int,
        *,
        harmonics: int = 2,
        frequencies: tuple[float, float] = (0.4, 3.5),
    ) -> None:
        super().__init__()
        self.transform = transform
        self.frequencies = frequencies
        if isinstance(transform, Rotation):
            if transform.kind not in ("so3", "cube24"):
                raise InputError(
                    f"an equivariant block turns with the sensor, but rotations of kind "
                    f"{transform.kind!r} are relative to gravity; use so3 or cube24, or declare "
                    "the block variant with variation='predict'"
                )
            multiple, self.frequency = 3, None
        elif isinstance(transform, PhaseShift):
            multiple = 2
            if not invariant_size:
                raise InputError(
                    f"an equivariant block for {transform.name} reads the cycle frequency from "
                    "invariant blocks; declare one, e.g. Block('morphology', 64, "
                    f"invariant_to={transform.name!r})"
                )
            self.frequency = nn.Linear(invariant_size, 1)
            order = torch.arange(size // 2) % harmonics + 1
            self.register_buffer("order", order.float(), persistent=False)
        else:
            raise InputError(
                f"no representation is known for {transform.name}; equivariant blocks work with "
                "rotation and phase_shift, others with variation='predict' or 'repel'"
            )
        if size % multiple:
            raise InputError(
                f"an equivariant block for {transform.name} needs a size that is a multiple of "
                f"{multiple}, not {size}"
            )

    def cycle_frequency(self, invariant: Tensor) -> Tensor:
        """Cycle frequency in Hz ``(n, 1)``, within `frequencies`, of invariant latents."""
        assert self.frequency is not None
        low, high = self.frequencies
        return low * (high / low) ** torch.sigmoid(self.frequency(invariant))

    def turn(self, z: Tensor, delta: Tensor, invariant: Tensor) -> Tensor:
        """ρ(Δ) z, shape ``(n, d)``."""
        if isinstance(self.transform, Rotation):
            vectors = z.reshape(len(z), -1, 3)
            return (vectors @ self.transform.matrices(delta.to(z)).mT).flatten(1)
        turns = self.cycle_frequency(invariant) * delta
        angle = 2 * math.pi * self.get_buffer("order") * turns
        pairs = z.reshape(len(z), -1, 2)
        cosine, sine = angle.cos(), angle.sin()
        real = cosine * pairs[..., 0] - sine * pairs[..., 1]
        imaginary = sine * pairs[..., 0] + cosine * pairs[..., 1]
        return torch.stack([real, imaginary], dim=-1).flatten(1)

    def forward(
        self, first: Tensor, second: Tensor, delta: Tensor, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Weighted mean deviation from equivariance plus the norm floor, scalar."""
        turned = self.turn(first, delta, invariant)
        error = 1 - cosine(turned, second)
        floor = terms.norm_floor(first) + terms.norm_floor(second)
        return weighted_mean(error, weight) + floor / 2


def _gram_schmidt(six: Tensor) -> Tensor:
    x = unit(six[:, :3])
    y = unit(six[:, 3:] - (x * six[:, 3:]).sum(1, keepdim=True) * x)
    return torch.stack([x, y, torch.cross(x, y, dim=1)], dim=-1)
