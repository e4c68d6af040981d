"""Contrast of the whole latent vector: SimCLR, and with class labels SupCon."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.objectives import terms
from triptych.objectives.base import LossTerms, Objective, require_temperature
from triptych.objectives.gather import gather
from triptych.objectives.views import Views
from triptych.transforms import Transform


class Projected(Objective):
    """Two views of the whole latent vector, compared after a projector; the base of such methods.

    Parameters
    ----------
    size
        Latent dimensions.
    transforms
        All are drawn anew for both views; a crop first.
    projection
        Output dimensions of the projector; 0 = none, the loss acts on the latents.

    Attributes
    ----------
    projector
        Linear, GELU, linear: ``(n, size) → (n, projection)``; dropped after training.
    """

    def __init__(self, size: int, transforms: Sequence[Transform], *, projection: int = 64) -> None:
        super().__init__(transforms)
        self.projector: nn.Module = nn.Identity()
        if projection:
            self.projector = nn.Sequential(
                nn.Linear(size, size), nn.GELU(), nn.Linear(size, projection)
            )

    def represent(self, z: Tensor) -> Tensor:
        """What the loss compares, before normalising: the projection ``(n, d)`` of latents `z`."""
        return self.projector(z)

    def halves(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Projections of both views of latents ``(2n, size)``, gathered over all processes."""
        return gather_halves(self.represent(z))


class SimCLR(Projected):
    """NT-Xent on a projection of the latents (Chen et al. 2020, arXiv 2002.05709).

    Parameters
    ----------
    size, transforms, projection
        As in `Projected`.
    temperature
        τ, above 0.
    """

    def __init__(
        self,
        size: int,
        transforms: Sequence[Transform],
        *,
        temperature: float = 0.2,
        projection: int = 64,
    ) -> None:
        require_temperature(temperature)
        super().__init__(size, transforms, projection=projection)
        self.temperature = temperature

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """NT-Xent of latents ``(2n, size)``."""
        loss = terms.nt_xent(*self.halves(z), self.temperature)
        return LossTerms(loss, {"contrast": loss})


class SupCon(SimCLR):
    """SupCon on a projection of the latents of two views (Khosla et al. 2020, arXiv 2004.11362).

    Views, parameters and projector as in `SimCLR`. Needs ``views.labels``; of a sample without a
    label only the other view is a positive.
    """

    learns_from = "classes"

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """SupCon of latents ``(2n, size)``; raises InputError without labels."""
        first, second = self.projector(z).chunk(2)
        loss = supervised_contrast(first, second, views, self.temperature)
        return LossTerms(loss, {"contrast": loss})


def gather_halves(z: Tensor) -> tuple[Tensor, Tensor]:
    """Both views' rows of ``z (2n, d)``, each gathered over all processes."""
    first, second = z.chunk(2)
    return gather(first), gather(second)


def supervised_contrast(first: Tensor, second: Tensor, views: Views, temperature: float) -> Tensor:
    """`terms.supcon` of both sides ``(n, d)`` of a pair, over the rows of all processes.

    Raises
    ------
    InputError
        Without ``views.labels``.
    """
    if views.labels is None:
        raise InputError(
            "supervised contrast needs class labels: train with classes, or pass them, "
            "objective.views(x, labels=labels)"
        )
    labels = gather(views.labels)
    alone = -1 - torch.arange(len(labels), device=labels.device)
    labels = torch.where(labels < 0, alone, labels)
    z = torch.cat([gather(first), gather(second)])
    return terms.supcon(z, labels.repeat(2), temperature)
