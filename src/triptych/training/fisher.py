"""Weights that matter stay near where they have been: a Fisher-information penalty."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from triptych.errors import InputError


class FisherPenalty(L.Callback):
    """Add the gradient of λ Σ F (θ − θ̄)² to every training step, in anybody's lightning run.

    The regulariser of FADE (Khan, Durrani and Qasim Syed 2025, arXiv 2507.18996) without its signal
    of a shift and without its adaptation at test time. F is the diagonal of the empirical Fisher
    information, a running mean of squared gradients, over its mean of all weights, so that λ has
    no unit; θ̄ is a running mean of the weights. What many batches are sensitive to moves slowly,
    all else is free.

    Parameters
    ----------
    weight
        λ, at least 0.
    momentum
        Of both running means, from 0 to below 1.

    Raises
    ------
    InputError
        For values outside these.
    """

    def __init__(self, weight: float = 0.1, momentum: float = 0.99) -> None:
        super().__init__()
        if not (weight >= 0 and 0 <= momentum < 1):
            raise InputError(
                f"the Fisher penalty got weight={weight} and momentum={momentum}; expected at "
                "least 0, and from 0 to below 1"
            )
        self.weight, self.momentum = weight, momentum
        self.information: dict[str, Tensor] = {}
        self.anchors: dict[str, Tensor] = {}

    @torch.no_grad()
    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Bring both means up to date, then add to the gradients."""
        moved = {n: p for n, p in pl_module.named_parameters() if p.grad is not None}
        for name, p in moved.items():
            square, weight = (p.grad if p.grad is not None else p).square(), p.detach()
            for held, new in ((self.information, square), (self.anchors, weight)):
                held[name] = held.get(name, new).to(new.device).lerp(new, 1 - self.momentum)
        total = torch.stack([self.information[name].sum() for name in moved]).sum()
        mean = (total / sum(p.numel() for p in moved.values())).clamp_min(1e-30)
        for name, p in moved.items():
            if p.grad is not None:
                pull = self.information[name] / mean * (p - self.anchors[name])
                p.grad.add_(pull, alpha=2 * self.weight)

    def state_dict(self) -> dict[str, Any]:
        """Both means, so that a resumed training takes the same steps."""
        return {"information": self.information, "anchors": self.anchors}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take both means back."""
        self.information, self.anchors = state_dict["information"], state_dict["anchors"]
