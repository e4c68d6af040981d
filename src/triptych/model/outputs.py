"""What a model gives of windows: latents by block, and what a head says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.errors import InputError
from triptych.latent import LatentSchema, Quantity, Target


class Latents(dict[str, Tensor]):
    """Block name → float32 ``(n, block size)`` in order; `all` is the whole ``(n, size)``."""

    def __init__(self, schema: LatentSchema, z: Tensor) -> None:
        super().__init__(schema.split(z))
        self.all = z


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a head says of n windows.

    Attributes
    ----------
    target
        What it says: one of several classes, a set of labels, or a number.
    decoded
        Probabilities ``(n, classes)``, or values ``(n,)`` in the target's unit.
    """

    target: Target
    decoded: Tensor

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what `probabilities` are of."""
        return self.target.names

    @property
    def probabilities(self) -> Tensor:
        """``(n, classes)``; of a set of labels each one's own.

        Raises
        ------
        InputError
            If the head says a number.
        """
        if isinstance(self.target, Quantity):
            raise InputError(
                f"the head says a number, {self.target.name}, and no probabilities; take its values"
            )
        return self.decoded

    @property
    def values(self) -> NDArray[np.float32]:
        """Numbers ``(n,)`` in the target's unit.

        Raises
        ------
        InputError
            If the head tells classes apart.
        """
        if not isinstance(self.target, Quantity):
            raise InputError(
                f"the head tells {', '.join(self.classes)} apart and says no number; take its "
                "labels or probabilities"
            )
        return self.decoded.numpy()

    @property
    def labels(self) -> NDArray[np.str_]:
        """Text ``(n,)``: the most probable class, the labels with ; between, or the number."""
        return self.target.words(self.decoded)
