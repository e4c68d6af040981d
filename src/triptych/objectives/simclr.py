"""SimCLR: the whole latent vector pulled together across all transforms at once."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor, nn

from triptych.errors import InputError
from triptych.objectives import terms
from triptych.objectives.base import LossTerms
from triptych.objectives.gather import gather
from triptych.objectives.views import Views, two_views
from triptych.transforms import Transform, told_apart


class SimCLR(nn.Module):
    """NT-Xent on a projection of the latents (Chen et al. 2020, arXiv 2002.05709).

    Parameters
    ----------
    size
        Latent dimensions.
    transforms
        All are drawn anew for both views; a crop first.
    temperature
        τ, above 0.
    projection
        Output dimensions of the projector; 0 = none, the loss acts on the latents.

    Attributes
    ----------
    projector
        Linear, GELU, linear: ``(n, size) → (n, projection)``; dropped after training.
    """

    def __init__(
        self,
        size: int,
        transforms: Sequence[Transform],
        *,
        temperature: float = 0.2,
        projection: int = 64,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise InputError(f"temperature is {temperature}; it must be above 0")
        self.transforms = told_apart(transforms)
        self.temperature = temperature
        self.projector: nn.Module = nn.Identity()
        if projection:
            self.projector = nn.Sequential(
                nn.Linear(size, size), nn.GELU(), nn.Linear(size, projection)
            )

    def views(self, x: Tensor, generator: Generator | None = None) -> Views:
        """Two views a sample, each under its own draw of every transform."""
        return two_views(x, self.transforms, generator)

    def represent(self, z: Tensor) -> Tensor:
        """What the loss compares, before normalising: the projection ``(n, d)`` of latents `z`."""
        return self.projector(z)

    def forward(self, z: Tensor, views: Views, isolated: Tensor | None = None) -> LossTerms:
        """NT-Xent of latents ``(2n, size)``."""
        first, second = gather_halves(self.represent(z))
        loss = terms.nt_xent(first, second, self.temperature)
        return LossTerms(loss, {"contrast": loss})


def gather_halves(z: Tensor) -> tuple[Tensor, Tensor]:
    """Both views' rows of ``z (2n, d)``, each gathered over all processes."""
    first, second = z.chunk(2)
    return gather(first), gather(second)
