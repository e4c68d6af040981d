"""What every objective is: it makes views of signals and turns their latents into loss terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from torch import Generator, Tensor

from triptych.objectives.views import Views


@dataclass(frozen=True)
class LossTerms:
    """A loss with its parts: `total` is their weighted sum, `terms` maps name → scalar."""

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


class Objective(Protocol):
    """Anything with these two members can be trained by `triptych.training`."""

    def views(self, x: Tensor, generator: Generator | None = None) -> Views:
        """Make views of signals ``(n, channels, time + 2·context)``."""
        ...

    def __call__(self, z: Tensor, views: Views, isolated: Tensor | None = None) -> LossTerms:
        """Compute loss terms of latents ``(v·n, size)`` of these views."""
        ...
