"""A number, such as a heart rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.latent.target import Target, Words
from triptych.precision import exact


@dataclass(frozen=True)
class Quantity(Target):
    """A number: Huber's loss in standardised units (Huber 1964, doi 10.1214/aoms/1177703732).

    Attributes
    ----------
    name, unit
        Of the number; `name` is the attribute that carries it where windows have one of that name.
    centre, scale
        The head's output is (value − centre) / scale.
    """

    name: str
    unit: str = ""
    centre: float = 0.0
    scale: float = 1.0
    kind = "regression"

    def fitted(self, targets: Tensor) -> Quantity:
        """Standardise by the median and the quartiles of known values, which outliers do not move.

        Raises
        ------
        InputError
            If they do not vary.
        """
        held = targets[targets.isfinite()].double().numpy()
        if held.min() == held.max():
            raise InputError(
                f"target {self.name!r} is always {held[0]:g} in the training windows, so there is "
                "nothing to learn"
            )
        low, centre, high = np.quantile(held, [0.25, 0.5, 0.75])
        scale = float((high - low) / 1.349 or held.std())
        return replace(self, centre=float(centre), scale=scale)

    @property
    def names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The one name."""
        return (self.name,)

    @property
    def said(self) -> str:
        """What it is, for people."""
        return self.name if self.name.count(self.unit) else f"{self.name} in {self.unit}"

    def encode(self, labels: Words) -> Tensor:
        """Values ``(n,)``, NaN where there is none.

        Raises
        ------
        InputError
            For a word that is no number.
        """
        distinct, place = np.unique(labels, return_inverse=True)
        values = np.array([_number(str(each), self.name) for each in distinct], dtype=np.float32)
        return torch.as_tensor(values[place.reshape(-1)])

    def known(self, targets: Tensor) -> Tensor:
        """Rows with a number."""
        return targets.isfinite()

    def loss(self, outputs: Tensor, targets: Tensor, balance: Tensor | None = None) -> Tensor:
        """Huber's loss."""
        del balance
        wanted = ((targets - self.centre) / self.scale).nan_to_num(0, 0, 0).to(outputs)
        return functional.huber_loss(outputs[:, 0], wanted, reduction="none")

    def decode(self, outputs: Tensor) -> Tensor:
        """Values in their unit."""
        return exact(outputs[:, 0]) * self.scale + self.centre  # half precision: 1003 would be 1004

    def words(self, decoded: Tensor) -> Words:
        """Values as text."""
        return np.array([f"{value:.6g}" for value in decoded.numpy()], dtype=np.str_)

    def absent(self, targets: Tensor) -> tuple[str, ...]:
        """The one name, if there is no number."""
        return () if bool(self.known(targets).any()) else self.names

    def balance(self, targets: Tensor) -> Tensor:
        """There is none: raises InputError."""
        raise InputError("class weights are for classes; a regression has none, so leave them out")

    def column(self, label: Words, attributes: Mapping[str, Words]) -> Words:
        """The attribute of its name, else the label."""
        return attributes.get(self.name, label)


def _number(word: str, name: str) -> float:
    try:
        return float(word) if word else math.nan
    except ValueError as error:
        raise InputError(
            f"target {name!r} is {word!r} in a window, expected a number; correct it, or leave "
            "the cell empty where it is not known"
        ) from error
