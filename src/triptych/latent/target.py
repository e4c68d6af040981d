"""What every kind of label is: encoded, learned and decoded by a head."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.errors import InputError

Words = NDArray[np.str_]


class Target(ABC):
    """One kind of label; a further kind is a subclass, and a line in `targets.KINDS`.

    Attributes
    ----------
    kind
        Its name in recipes and saved models.
    names
        Of the head's outputs.
    """

    kind: ClassVar[str]
    names: tuple[str, ...]

    @abstractmethod
    def encode(self, labels: Words) -> Tensor:
        """Targets ``(n,)`` or ``(n, k)`` of windows' labels, with a mark where none is known."""

    @abstractmethod
    def known(self, targets: Tensor) -> Tensor:
        """Which targets say something, ``(n,)``."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor, balance: Tensor | None = None) -> Tensor:
        """Loss of each row ``(n,)``; rows that are not `known` give any finite value."""

    @abstractmethod
    def decode(self, outputs: Tensor) -> Tensor:
        """Probabilities ``(n, k)``, or values ``(n,)`` in their unit, of a head's outputs."""

    @abstractmethod
    def words(self, decoded: Tensor) -> Words:
        """Labels ``(n,)`` that `decode` comes down to, as text."""

    @abstractmethod
    def balance(self, targets: Tensor) -> Tensor:
        """Weights ``(k,)`` with which every label counts alike, for `loss`."""

    @abstractmethod
    def absent(self, targets: Tensor) -> tuple[str, ...]:
        """Names that no row of the targets has."""

    def fitted(self, targets: Tensor) -> Target:
        """The target in units of those that are trained on."""
        del targets
        return self

    def soft(self, outputs: Tensor, decoded: Tensor) -> Tensor:
        """Loss of each row with what another head has decoded: knowledge distillation."""
        return self.loss(outputs, decoded)

    def column(self, label: Words, attributes: Mapping[str, Words]) -> Words:
        """Where windows carry it: their label."""
        del attributes
        return label

    @property
    def said(self) -> str:
        """What it is, for people."""
        return ", ".join(self.names)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `target_of` takes back."""
        return {"kind": self.kind, **asdict(self)}  # pyright: ignore[reportArgumentType]


def require_different(names: Sequence[str]) -> None:
    """Raise InputError unless these are two different names or more."""
    if len(set(names)) < max(2, len(names)):
        raise InputError(f"a head needs two or more different classes, got {tuple(names)}")
