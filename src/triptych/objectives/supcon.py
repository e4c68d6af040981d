"""Supervised contrast: samples of one class pulled together, across all transforms at once."""

from __future__ import annotations

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.objectives import terms
from triptych.objectives.base import LossTerms
from triptych.objectives.gather import gather
from triptych.objectives.simclr import SimCLR
from triptych.objectives.views import Views


class SupCon(SimCLR):
    """SupCon on a projection of the latents of two views (Khosla et al. 2020, arXiv 2004.11362).

    Views, parameters and projector as in `SimCLR`. Needs ``views.labels``; of a sample without a
    label only the other view is a positive.
    """

    def forward(self, z: Tensor, views: Views, isolated: Tensor | None = None) -> LossTerms:
        """SupCon of latents ``(2n, size)``; raises InputError without labels."""
        first, second = self.projector(z).chunk(2)
        loss = supervised_contrast(first, second, views, self.temperature)
        return LossTerms(loss, {"contrast": loss})


def supervised_contrast(first: Tensor, second: Tensor, views: Views, temperature: float) -> Tensor:
    """`terms.supcon` of both sides ``(n, d)`` of a pair, over the rows of all processes.

    Raises
    ------
    InputError
        Without ``views.labels``.
    """
    if views.labels is None:
        raise InputError(
            "supervised contrast needs class labels: train with classes, or set them, "
            "views = dataclasses.replace(views, labels=labels)"
        )
    labels = gather(views.labels)
    alone = -1 - torch.arange(len(labels), device=labels.device)
    labels = torch.where(labels < 0, alone, labels)
    z = torch.cat([gather(first), gather(second)])
    return terms.supcon(z, labels.repeat(2), temperature)
