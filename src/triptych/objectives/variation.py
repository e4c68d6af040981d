"""How variant and equivariant blocks are made to carry a transform inside the positive pair."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.errors import InputError
from triptych.objectives import terms
from triptych.objectives.gather import weighted_mean
from triptych.objectives.views import Change, Reference
from triptych.precision import cosine
from triptych.transforms import Transform, target_of
from triptych.transforms.base import method_of

DRAWS = 4096
MEAN_WEIGHT = (0.4, 0.7)  # of repulsion, over pairs as they are drawn


class Mechanism(nn.Module):
    """One pair's variation term; sees what leads from θ₁ to θ₂, never one of them alone.

    `forward` takes both sides' block ``(n, d)``, their `Change`, a weight per row ``(n,)`` and both
    sides' invariant latents averaged ``(n, m)``; it gives a scalar.
    """

    def forward(
        self, first: Tensor, second: Tensor, change: Change, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Compute the term."""
        raise NotImplementedError


class Repel(Mechanism):
    """Push the two sides apart, the harder the further apart their parameters are.

    w = 1 − exp(−d/d₀) with d₀ the median distance under sampling (if that is 0, of the draws that
    differ), so near-identical views are left alone (arXiv 2511.14920, bounded: see
    `terms.repulsion`). Where that makes the mean of w less than 0.4 or more than 0.7, as it may for
    a θ of few values, d₀ is what makes it 0.55, or 0.9 of the share of pairs that differ at all.
    """

    def __init__(
        self,
        transform: Transform,
        reference: Reference = "transformed",
        temperature: float = 0.2,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        a, b = _draws(transform)
        distance = transform.distance(a, b)
        # Of two draws of a rare transform (a lead swap) most are equal.
        median = float(distance.median()) or float(distance[distance > 0].median())
        if reference == "original":
            distance = transform.distance(transform.identity(DRAWS), b)
        self.scale = _scale(distance, median)

    def strength(self, distance: Tensor) -> Tensor:
        """Weights w of pairs at these distances, ``(n,)``: 0 where nothing differs, below 1."""
        return 1 - torch.exp(-distance / self.scale)

    def forward(
        self, first: Tensor, second: Tensor, change: Change, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Bounded repulsion, scalar."""
        weight = weight * self.strength(change.distance)
        return terms.repulsion(first, second, weight, self.temperature)


class Predict(Mechanism):
    """A small head reads Δ from the pair, in the coordinates of `target_of`.

    Where swapping the sides negates these (a shift, the logarithm of a ratio), it must negate what
    is read as well. Error: the distance from what is read, in units of its spread under sampling,
    rounded off near 0 (smooth L1); for rotations the geodesic angle (radians) of a 6-D output
    (Zhou et al. 2019, arXiv 1812.07035).
    """

    def __init__(
        self,
        transform: Transform,
        size: int,
        reference: Reference = "transformed",
        hidden: int = 64,
    ) -> None:
        super().__init__()
        unread: Any = getattr(transform, "unread", None)
        if unread is not None and (why := unread(reference)):
            raise InputError(
                f"no head is trained to predict {transform.name}: {why}; use variation='repel', or "
                "reference='original'"
            )
        self.transform = transform
        a, b = _draws(transform)
        target = target_of(transform, transform.relative(a, b))
        swapped = target_of(transform, transform.relative(b, a))
        spread = target.std(dim=0).clamp_min(1e-6)
        self.odd = bool(((target + swapped).abs() <= 1e-4 * spread).all())
        constant = spread <= 1e-6
        centre = torch.zeros_like(spread) if self.odd else target.mean(dim=0)
        self.register_buffer("centre", centre, persistent=False)
        self.register_buffer("scale", spread.masked_fill(constant, 1), persistent=False)
        hidden = max(hidden, 2 * target.shape[1])
        self.head = nn.Sequential(
            nn.Linear(3 * size, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, target.shape[1]),
        )

    def read(self, first: Tensor, second: Tensor) -> Tensor:
        """What is read of the pair, in the coordinates of `target_of`, ``(n, k)``."""
        raw = self._raw(first, second)
        project: Any = getattr(self.transform, "project", None)
        if project is not None:
            return project(raw)
        return self.get_buffer("centre") + self.get_buffer("scale") * raw

    def _raw(self, first: Tensor, second: Tensor) -> Tensor:
        forward = self.head(torch.cat([first, second, second - first], dim=1))
        if not self.odd:
            return forward
        backward = self.head(torch.cat([second, first, first - second], dim=1))
        return (forward - backward) / 2

    def forward(
        self, first: Tensor, second: Tensor, change: Change, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Weighted mean error of the reading, scalar."""
        raw = self._raw(first, second)
        own: Any = getattr(self.transform, "reading_error", None)
        if own is not None:
            return weighted_mean(own(raw, change.delta), weight)
        target = target_of(self.transform, change.delta)
        target = (target - self.get_buffer("centre")) / self.get_buffer("scale")
        error = functional.smooth_l1_loss(raw, target, beta=0.1, reduction="none").mean(dim=1)
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
        if why := method_of(transform, "unturned")():
            raise InputError(
                f"no equivariant block turns with {transform.name}: {why}; equivariant blocks work "
                "with rotation and phase_shift, others with variation='predict' or 'repel'"
            )
        turning: Any = transform
        self.turning, self.frequency = turning, None
        if turning.cycles:
            if not invariant_size:
                raise InputError(
                    f"an equivariant block for {transform.name} reads the cycle frequency from "
                    "invariant blocks; declare one, e.g. Block('morphology', 64, "
                    f"invariant_to={transform.name!r})"
                )
            self.frequency = nn.Linear(invariant_size, 1)
            order = torch.arange(size // 2) % harmonics + 1
            self.register_buffer("order", order.float(), persistent=False)
        if size % turning.turning:
            raise InputError(
                f"an equivariant block for {transform.name} needs a size that is a multiple of "
                f"{turning.turning}, not {size}"
            )

    def cycle_frequency(self, invariant: Tensor) -> Tensor:
        """Cycle frequency in Hz ``(n, 1)``, within `frequencies`, of invariant latents."""
        assert self.frequency is not None
        low, high = self.frequencies
        return low * (high / low) ** torch.sigmoid(self.frequency(invariant))

    def turn(self, z: Tensor, delta: Tensor, invariant: Tensor) -> Tensor:
        """ρ(Δ) z, shape ``(n, d)``."""
        if self.frequency is None:
            return self.turning.turn(z, delta)
        order = self.get_buffer("order")
        return self.turning.turn(z, delta, self.cycle_frequency(invariant), order)

    def forward(
        self, first: Tensor, second: Tensor, change: Change, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Weighted mean deviation from equivariance plus the norm floor, scalar."""
        turned = self.turn(first, change.delta, invariant)
        error = 1 - cosine(turned, second)
        floor = terms.norm_floor(first) + terms.norm_floor(second)
        return weighted_mean(error, weight) + floor / 2


def _draws(transform: Transform) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return transform.sample(DRAWS, generator), transform.sample(DRAWS, generator)


def _scale(distance: Tensor, median: float) -> float:
    """d₀ of repulsion for distances as they are drawn ``(n,)``: their `median`, if that will do."""

    def mean(scale: float) -> float:
        return float((1 - torch.exp(-distance / scale)).mean())

    low, high = MEAN_WEIGHT
    if median > 0 and low <= mean(median) <= high:  # NaN: no two draws differ
        return median
    differ = distance[distance > 0]
    if not len(differ):
        return 1.0  # a transform that never does anything
    wanted = min((low + high) / 2, 0.9 * len(differ) / len(distance))
    short, long = float(differ.min()) / 100, float(differ.max()) * 100
    middle = median
    for _ in range(60):
        middle = math.sqrt(short * long)
        short, long = (middle, long) if mean(middle) > wanted else (short, middle)
    return middle
