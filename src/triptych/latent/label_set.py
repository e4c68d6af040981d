"""Any number of labels at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from triptych.latent.target import Target, Words, require_different

SEPARATOR = ";"
"""Between the labels of a set, as windows carry it; alone it is the empty set."""


@dataclass(frozen=True)
class LabelSet(Target):
    """Any number of labels at once: binary cross-entropy of each, and a sigmoid.

    A window's label is their names with `separator` (or `SEPARATOR`) between; names that are none
    of these say that these are absent, and an empty label says nothing.

    Raises
    ------
    InputError
        For fewer than two different labels.
    """

    names: tuple[str, ...]
    separator: str = SEPARATOR
    kind = "multi"

    def __post_init__(self) -> None:
        require_different(self.names)

    @property
    def said(self) -> str:
        """What it is, for people."""
        return f"any of {', '.join(self.names)}"

    def encode(self, labels: Words) -> Tensor:
        """1 where a label is in the set and 0 where not, ``(n, k)``; NaN in rows without any."""
        distinct, place = np.unique(labels, return_inverse=True)
        rows = np.full((len(distinct), len(self.names)), np.nan, dtype=np.float32)
        for row, text in zip(rows, distinct, strict=True):
            if str(text).strip():
                held = set_of(str(text), self.separator)
                row[:] = [name in held for name in self.names]
        return torch.as_tensor(rows[place.reshape(-1)])

    def known(self, targets: Tensor) -> Tensor:
        """Rows with a set, also the empty one."""
        return targets.isfinite().all(dim=1)

    def loss(self, outputs: Tensor, targets: Tensor, balance: Tensor | None = None) -> Tensor:
        """Mean binary cross-entropy over the labels, their presence times `balance`."""
        weight = None if balance is None else balance.to(outputs)
        each = functional.binary_cross_entropy_with_logits(
            outputs, targets.nan_to_num().to(outputs), pos_weight=weight, reduction="none"
        )
        return each.mean(dim=1)

    def decode(self, outputs: Tensor) -> Tensor:
        """Sigmoid."""
        return outputs.sigmoid()

    def words(self, decoded: Tensor) -> Words:
        """Labels of probability 1/2 or more, joined."""
        names = np.array(self.names)
        return np.array([joined(names[row].tolist()) for row in (decoded >= 0.5).numpy()])

    def absent(self, targets: Tensor) -> tuple[str, ...]:
        """Labels that are in no row's set."""
        held = (targets == 1).any(dim=0)
        return tuple(name for k, name in enumerate(self.names) if not bool(held[k]))

    def balance(self, targets: Tensor) -> Tensor:
        """Rows without a label over rows with it."""
        held = targets[self.known(targets)].sum(dim=0)
        return (self.known(targets).sum() - held) / held.clamp_min(1)


def joined(names: Sequence[str]) -> str:
    """A set of labels as one text; `SEPARATOR` alone where it is empty."""
    return SEPARATOR.join(names) or SEPARATOR


def set_of(text: str, separator: str = SEPARATOR) -> frozenset[str]:
    """The labels that a text joins, by `separator` or `SEPARATOR`."""
    parts = text.replace(separator, SEPARATOR).split(SEPARATOR)
    return frozenset(each.strip() for each in parts if each.strip())
