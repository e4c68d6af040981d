"""Samples of a background and a target population, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych_studies.base import StudyData

Kind = Literal["discrete", "continuous"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples ``x (n, channels, ...)`` of both populations.

    Attributes
    ----------
    labels
        ``(n, 1 + a)``: 1 for targets and 0 for background, then attributes (NaN: none).
    own
        Class of each target, "" for background ``(n,)``.
    shared
        Class of what both populations share: texture, digit of the grid, record ``(n,)``.
    group
        Test subject, or group of test images ``(n,)``.
    """

    x: Tensor
    labels: Tensor
    own: NDArray[np.str_]
    shared: NDArray[np.str_]
    group: NDArray[np.str_]

    @property
    def target(self) -> NDArray[np.bool_]:
        """Which samples are targets, ``(n,)``."""
        return self.labels[:, 0].numpy() > 0

    def take(self, rows: NDArray[Any]) -> Samples:
        """These rows only: indices or a bool mask."""
        kept = np.arange(len(self.x))[rows]
        at = torch.as_tensor(kept)
        return Samples(
            self.x[at], self.labels[at], self.own[kept], self.shared[kept], self.group[kept]
        )


@dataclass(frozen=True, kw_only=True)
class Populations(StudyData):
    """Samples to train on and to test on.

    Attributes
    ----------
    train, test
        Of different subjects, or with different handwriting; the probe of the target's class is
        fitted on targets of the one and scored on targets of the other.
    shared_fit, shared_test
        The same for the probe of what is shared.
    names
        Words for (the target's class, what is shared), and of the supervised attributes.
    attributes
        Name → ``"discrete"`` or ``"continuous"``: columns of `Samples.labels` behind the first.
    rate
        Hz of signals, 0 for images.
    """

    train: Samples
    test: Samples
    shared_fit: Samples
    shared_test: Samples
    names: tuple[str, str]
    attributes: dict[str, Kind]
    rate: float = 0.0
