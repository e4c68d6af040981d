"""Invariance without negatives: VICReg and Barlow Twins."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from triptych.objectives.base import LossTerms, require_sizes
from triptych.objectives.redundancy import cross_correlation, vicreg
from triptych.objectives.simclr import Projected
from triptych.objectives.views import Views
from triptych.transforms import Transform


class VICReg(Projected):
    """Variance, invariance and covariance of a projection (Bardes et al. 2022, arXiv 2105.04906).

    Parameters
    ----------
    size, transforms, projection
        As in `Projected`; the published projector is far wider than the latents.
    similarity, variance, covariance
        λ, μ and ν of equation 6, at least 0.

    Raises
    ------
    InputError
        For weights below 0.
    """

    def __init__(
        self,
        size: int,
        transforms: Sequence[Transform],
        *,
        similarity: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        projection: int = 256,
    ) -> None:
        super().__init__(size, transforms, projection=projection)
        self.weights = {"similarity": similarity, "variance": variance, "covariance": covariance}
        require_sizes("vicreg", self.weights)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """The three terms, unweighted, of latents ``(2n, size)``, and their weighted sum."""
        found = vicreg(*self.halves(z))
        total = sum((self.weights[name] * each for name, each in found.items()), z.new_zeros(()))
        return LossTerms(total, found)


class BarlowTwins(Projected):
    """The views' cross-correlation made the identity (Zbontar et al. 2021, arXiv 2103.03230).

    Parameters
    ----------
    size, transforms, projection
        As in `Projected`.
    redundancy
        λ, the weight of the entries beside the diagonal, at least 0.

    Raises
    ------
    InputError
        For a weight below 0.
    """

    def __init__(
        self,
        size: int,
        transforms: Sequence[Transform],
        *,
        redundancy: float = 5e-3,
        projection: int = 256,
    ) -> None:
        super().__init__(size, transforms, projection=projection)
        self.redundancy = redundancy
        require_sizes("barlow", {"redundancy": redundancy})

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Both terms, unweighted, of latents ``(2n, size)``, and their weighted sum."""
        found = cross_correlation(*self.halves(z))
        total = found["invariance"] + self.redundancy * found["redundancy"]
        return LossTerms(total, found)
