"""Contrastive principal components: what a network has to do better than a formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from triptych_studies.methods import Method


class ContrastivePCA(nn.Module):
    """Principal components of the background, and those of targets minus background (α = 1).

    Abid, Zhang, Bagaria and Zou, "Exploring patterns enriched in a dataset with contrastive
    principal component analysis", Nature Communications 9 (2018).

    Parameters
    ----------
    x, target
        Training samples ``(n, ...)``, and which of them are targets ``(n,)``.
    common, salient
        Components of either kind.
    """

    mean: Tensor
    directions: Tensor

    def __init__(self, x: Tensor, target: NDArray[np.bool_], common: int, salient: int) -> None:
        super().__init__()
        rows = x.flatten(1).double().numpy()
        mean = rows[~target].mean(axis=0)
        background, targets = (np.cov((rows[own] - mean).T) for own in (~target, target))
        of_both = np.linalg.eigh(background)[1][:, ::-1][:, :common]
        of_targets = np.linalg.eigh(targets - background)[1][:, ::-1][:, :salient]
        directions = np.concatenate([of_both, of_targets], axis=1)
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("directions", torch.as_tensor(directions))

    def forward(self, x: Tensor) -> Tensor:
        """Latents ``(n, common + salient)`` of samples ``(n, ...)``."""
        return ((x.flatten(1).double() - self.mean) @ self.directions).float()


def components(task: Any, recipe: dict[str, Any]) -> nn.Module:
    """Of the task's training samples."""
    common, salient = (block["size"] for block in recipe["latent"])
    return ContrastivePCA(task.train.x, task.train.target, common, salient)


METHODS = {"contrastive-pca": Method(lambda task: {}, trained=False, encoder=components)}
