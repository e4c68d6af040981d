"""What a training gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from triptych.model import Model


@dataclass(frozen=True)
class Fitted:
    """What a training gives.

    Attributes
    ----------
    model
        With the weights of the best epoch, on the CPU.
    history
        One row an epoch: epoch (from 1), seconds, learning_rate, ``train/...``,
        ``validation/...``.
    epochs, best_epoch
        Epochs run, and the one whose weights were kept.
    seconds
        Of training and validation, over all parts of a resumed training; without a teacher's.
    best_validation
        Validation loss of that epoch, or the metric that `training.monitor` names; NaN without
        validation.
    objective
        With its trained parts (SimCLR's projector, heads of the variation terms).
    """

    model: Model
    history: tuple[dict[str, float], ...]
    epochs: int
    best_epoch: int
    seconds: float
    best_validation: float
    objective: nn.Module
