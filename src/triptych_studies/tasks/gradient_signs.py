"""How often the gradient on a latent dimension changes its mind while a model is trained."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import lightning.pytorch as L
import torch
from torch import Tensor

from triptych_studies.scores import Scores

COMMON = 0.1


class GradientSigns(L.Callback):
    """Sign flips of the gradient on common dimensions, epoch by epoch.

    Positive pairs ask for a dimension that both views activate, negative pairs against one that
    many samples activate: on *common* dimensions the two are in conflict, and which of them wins
    changes from batch to batch (Cui et al. 2026, arXiv 2605.28441, "optimization conflict"). Of
    dimension d, s_d = Σᵢ z_id ∂L/∂z_id over the samples that activate it (z > 0) says whether the
    loss would have it shrink (s > 0) or grow as a whole. A flip is a change of its sign from one
    step to the next. The common dimensions of an epoch are the tenth that most samples in it
    activated.

    Measured on what the objective is given: latents without a decoder or heads on them.

    Parameters
    ----------
    size
        Dimensions that are watched, the first of the latent vector.

    Attributes
    ----------
    flips, open
        For each epoch: share of steps in which a common dimension's sign flipped, mean over them;
        share of samples that activate them.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.flips: list[float] = []
        self.open: list[float] = []
        self._handle: Any = None
        self._signs: list[Tensor] = []
        self._opened: list[Tensor] = []

    def on_fit_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Begin to watch the objective."""
        self._handle = pl_module.loss.objective.register_forward_pre_hook(self._watch)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the objective as it was."""
        self._handle.remove()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add up the epoch."""
        signs, opened = torch.stack(self._signs), torch.stack(self._opened).mean(dim=0)
        common = opened.topk(max(1, round(COMMON * self.size))).indices
        flipped = signs[1:, common] != signs[:-1, common]
        if len(flipped):
            self.flips.append(float(flipped.float().mean()))
            self.open.append(float(opened[common].mean()))
        self._signs, self._opened = self._signs[-1:], []

    def measure(self, scores: Scores) -> None:
        """Both curves, and their means over the last half of the epochs."""
        curves = (("flips", "sign_flips", self.flips), ("open", "common_open", self.open))
        for name, metric, curve in curves if self.flips else ():
            half = curve[len(curve) // 2 :]
            scores.add(metric, sum(half) / len(half))
            if scores.wanted("signs"):
                drawn = scores.artifacts.setdefault("signs", {})
                drawn[name] = [round(value, 4) for value in curve]

    def _watch(self, module: torch.nn.Module, given: tuple[Any, ...]) -> None:
        z: Tensor = given[0]
        if z.requires_grad:
            cast(Any, z).register_hook(partial(self._take, z.detach()[:, : self.size]))

    def _take(self, z: Tensor, gradient: Tensor) -> None:
        gradient = gradient[:, : self.size]
        opened = (z > 0) & (gradient != 0)
        self._signs.append((z * gradient * opened).sum(dim=0).sign())
        self._opened.append(opened.float().mean(dim=0))
