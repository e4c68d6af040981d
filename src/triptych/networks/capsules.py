"""Capsules whose activation rolls with a transform, and their norms, which a roll leaves alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.networks.require import ABOVE_ZERO, COUNT, WHOLE, require
from triptych.precision import exact

EPSILON = 1e-6


class Capsules(nn.Module):
    """Topographic activations t = (z + μ) / √(W u²) of latents (z, u): Student's t by design.

    Keller and Welling, "Topographic VAEs learn equivariant capsules", NeurIPS 2021 (arXiv
    2109.01394). W sums u² over `spread` neighbours on either side in the ring of a capsule, and
    over `coherence` steps of a sequence on either side, each rolled back by its step.

    Parameters
    ----------
    capsules, size
        How many, and places in the ring of each.
    coherence, spread
        L steps and K places on either side; the rings hold 2 · K + 1 places at least.
    mean
        Where the learned μ begins, above 0.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, for latents of another size.
    """

    def __init__(
        self,
        capsules: int = 8,
        size: int = 8,
        *,
        coherence: int = 2,
        spread: int = 1,
        mean: float = 20.0,
    ) -> None:
        super().__init__()
        require("capsules", WHOLE, capsules=capsules, size=size)
        require("capsules", COUNT, coherence=coherence, spread=spread)
        require("capsules", ABOVE_ZERO, mean=mean)
        if 2 * spread + 1 > size:
            raise InputError(
                f"capsules got spread={spread}, expected at most {(size - 1) // 2} in rings of "
                f"{size} places"
            )
        self.settings: dict[str, Any] = {
            "capsules": capsules, "size": size, "coherence": coherence, "spread": spread,
            "mean": mean,
        }  # fmt: skip
        self.capsules, self.size, self.coherence, self.spread = capsules, size, coherence, spread
        self.activations = capsules * size
        self.features = capsules + self.activations
        self.mean = nn.Parameter(torch.tensor(float(mean)))

    def forward(self, latents: Tensor) -> Tensor:
        """Norms and activations ``(n, capsules + capsules · size)`` of ``latents (n, 2 · ...)``.

        Of a window by itself the other steps are what equivariance predicts: its own, rolled.
        """
        if latents.ndim != 2 or latents.shape[1] != 2 * self.activations:
            raise InputError(
                f"latents have shape {tuple(latents.shape)}, but these capsules are of (n, "
                f"{2 * self.activations})"
            )
        z, u = (self.rings(each) for each in exact(latents).chunk(2, dim=1))
        steps = 2 * self.coherence + 1
        t = self._over(z, steps * self._beside(u.square()))
        norms = (t.square().mean(dim=-1) + EPSILON).sqrt()
        return torch.cat([norms.flatten(1), t.flatten(1)], dim=1).to(latents.dtype)

    def along(self, z: Tensor, u: Tensor) -> Tensor:
        """Activations ``(k, n, capsules · size)`` of the k steps of a cycle, ``z, u`` alike."""
        z, squares = self.rings(z), self.rings(u).square()
        total = torch.zeros_like(squares)
        for step in range(-self.coherence, self.coherence + 1):
            total = total + squares.roll((-step, -step), dims=(0, -1))
        return self._over(z, self._beside(total)).flatten(-2)

    def rings(self, z: Tensor) -> Tensor:
        """``(..., capsules · size)`` as ``(..., capsules, size)``."""
        return z.reshape(*z.shape[:-1], self.capsules, self.size)

    def _beside(self, squares: Tensor) -> Tensor:
        rolled = [squares.roll(by, dims=-1) for by in range(-self.spread, self.spread + 1)]
        return torch.stack(rolled).sum(dim=0)

    def _over(self, z: Tensor, variance: Tensor) -> Tensor:
        return (z + self.mean) / (variance + EPSILON).sqrt()
