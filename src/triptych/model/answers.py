"""What a model answers: latents by block, and predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.latent import LatentSchema


class Latents(dict[str, Tensor]):
    """Block name → float32 ``(n, block size)`` in order; `all` is the whole ``(n, size)``."""

    def __init__(self, schema: LatentSchema, z: Tensor) -> None:
        super().__init__(schema.split(z))
        self.all = z


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a head says: `classes` and their `probabilities` ``(n, classes)``."""

    classes: tuple[str, ...]
    probabilities: Tensor

    @property
    def labels(self) -> NDArray[np.str_]:
        """The most probable class of each window, ``(n,)``."""
        return np.array(self.classes)[self.probabilities.argmax(dim=1).numpy()]
