"""SIE's predictor: a matrix, linear in Δ, turns one side's block into the other's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from triptych.objectives.gather import gather, weighted_mean
from triptych.objectives.redundancy import deviation_floor, off_diagonal_covariance
from triptych.objectives.variation import DRAWS, Mechanism
from triptych.objectives.views import Change
from triptych.transforms import Transform, target_of

# SIE's weights of variance (10) and covariance (1) beside that of the prediction (4.5).
SPREAD, DECORRELATION = 10 / 4.5, 1 / 4.5


class Hypernetwork(Mechanism):
    """ẑ₂ = W(Δ) z₁ with W linear in (1, target(Δ)); the rest of VICReg keeps the block from 0.

    Garrido, Najman and LeCun, "Self-supervised learning of Split Invariant Equivariant
    representations" (ICML 2023, arXiv 2302.10283). Mean square error of the prediction, the
    variance term of both sides and of the prediction, and the covariance term of both sides.
    Ours: the constant 1, since of a shift of 0 a matrix without it would be 0 (a quaternion never
    is), and the start, at which W is the identity and Δ changes little.
    """

    def __init__(self, transform: Transform, size: int) -> None:
        super().__init__()
        self.transform = transform
        generator = torch.Generator().manual_seed(0)
        a, b = transform.sample(DRAWS, generator), transform.sample(DRAWS, generator)
        spread = target_of(transform, transform.relative(a, b)).std(dim=0)
        self.register_buffer("scale", spread.masked_fill(spread <= 1e-6, 1), persistent=False)
        self.matrices = nn.Linear(1 + len(spread), size * size, bias=False)
        with torch.no_grad():
            self.matrices.weight.mul_(0.1 * size**-0.5)
            self.matrices.weight[:, 0] = torch.eye(size).flatten()

    def predict(self, first: Tensor, delta: Tensor) -> Tensor:
        """ẑ₂ ``(n, d)`` of the first side and Δ."""
        read = target_of(self.transform, delta).to(first) / self.get_buffer("scale").to(first)
        matrices = self.matrices(torch.cat([torch.ones_like(read[:, :1]), read], dim=1))
        return torch.einsum("nij,nj->ni", matrices.unflatten(1, (first.shape[1], -1)), first)

    def forward(
        self, first: Tensor, second: Tensor, change: Change, weight: Tensor, invariant: Tensor
    ) -> Tensor:
        """Error of the prediction plus variance and covariance terms, scalar."""
        predicted = self.predict(first, change.delta)
        error = weighted_mean((predicted - second).square().mean(dim=1), weight)
        first, second, predicted = gather(first), gather(second), gather(predicted)
        spread = (deviation_floor(first) + deviation_floor(second)) / 2 + deviation_floor(predicted)
        decorrelated = off_diagonal_covariance(first) + off_diagonal_covariance(second)
        return error + SPREAD * spread + DECORRELATION * decorrelated
