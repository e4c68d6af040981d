"""One of several classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from triptych.latent.target import Target, Words, require_different

IGNORED = -1
"""Target of a window whose label is none of the classes."""


@dataclass(frozen=True)
class OneLabel(Target):
    """One of several classes: cross-entropy, a softmax.

    Raises
    ------
    InputError
        For fewer than two different classes.
    """

    names: tuple[str, ...]
    kind = "single"

    def __post_init__(self) -> None:
        require_different(self.names)

    def encode(self, labels: Words) -> Tensor:
        """Class indices ``(n,)``; `IGNORED` where a label is no class."""
        distinct, place = np.unique(labels, return_inverse=True)
        index = {name: code for code, name in enumerate(self.names)}
        codes = np.array([index.get(str(each), IGNORED) for each in distinct], dtype=np.int64)
        return torch.as_tensor(codes[place.reshape(-1)])

    def known(self, targets: Tensor) -> Tensor:
        """Rows with a class."""
        return targets != IGNORED

    def loss(self, outputs: Tensor, targets: Tensor, balance: Tensor | None = None) -> Tensor:
        """Cross-entropy, times the weight of the row's class."""
        each = functional.cross_entropy(outputs, targets, ignore_index=IGNORED, reduction="none")
        return each if balance is None else each * balance.to(each)[targets.clamp_min(0)]

    def soft(self, outputs: Tensor, decoded: Tensor) -> Tensor:
        """Cross-entropy with probabilities (Hinton et al., arXiv 1503.02531, temperature 1)."""
        return functional.cross_entropy(outputs, decoded, reduction="none")

    def decode(self, outputs: Tensor) -> Tensor:
        """Softmax."""
        return outputs.softmax(dim=1)

    def words(self, decoded: Tensor) -> Words:
        """The most probable class."""
        return np.array(self.names)[decoded.argmax(dim=1).numpy()]

    def absent(self, targets: Tensor) -> tuple[str, ...]:
        """Classes without a row."""
        return tuple(n for k, n in enumerate(self.names) if not bool((targets == k).any()))

    def balance(self, targets: Tensor) -> Tensor:
        """N / (k n_c) for each of k classes, as scikit-learn's ``class_weight="balanced"``."""
        count = torch.bincount(targets[self.known(targets)], minlength=len(self.names)).float()
        return count.sum() / (len(self.names) * count.clamp_min(1))
