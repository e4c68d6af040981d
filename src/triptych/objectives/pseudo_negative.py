"""Pseudo-negatives: a prediction from Δ has to be nearer to the other side than this side is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from triptych.objectives.gather import weighted_mean
from triptych.objectives.variation import DRAWS, Mechanism
from triptych.objectives.views import Change
from triptych.precision import cosine
from triptych.transforms import Transform, target_of

MARGIN = 0.2


class PseudoNegative(Mechanism):
    """Weighted mean of relu(m + d(z₂, ẑ₂) − d(z₂, z₁)), d = 1 − cos, ẑ₂ read from z₁ and Δ.

    After Mahendren et al. 2024 (PseudoNeg-MAE, arXiv 2409.15832), whose pseudo-negatives penalise
    an encoder that ignores the transform: it has z₁ = z₂, and pays m. Ours: the form as a hinge,
    its margin m = 0.2, and a block of the latents instead of a masked autoencoder's.
    """

    def __init__(self, transform: Transform, size: int, hidden: int = 64) -> None:
        super().__init__()
        self.transform = transform
        generator = torch.Generator().manual_seed(0)
        a, b = transform.sample(DRAWS, generator), transform.sample(DRAWS, generator)
        spread = target_of(transform, transform.relative(a, b)).std(dim=0)
        self.register_buffer("scale", spread.masked_fill(spread <= 1e-6, 1), persistent=False)
        self.head = nn.Sequential(
            nn.Linear(size + len(spread), hidden), nn.GELU(), nn.Linear(hidden, size)
        )

    def predict(self, first: Tensor, delta: Tensor) -> Tensor:
        """ẑ₂ ``(n, d)`` of the first side and Δ: that side and a correction."""
        read = target_of(self.transform, delta).to(first) / self.get_buffer("scale").to(first)
        return first + self.head(torch.cat([first, read], dim=1))

    def forward(
        self, first: Tensor, second: Tensor, change: Change, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """The penalty, scalar."""
        error = 1 - cosine(self.predict(first, change.delta), second)
        away = 1 - cosine(first, second)
        return weighted_mean((MARGIN + error - away).clamp_min(0), weight)
