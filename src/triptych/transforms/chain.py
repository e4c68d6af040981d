"""Chains: several transforms applied one after the other, each with its own θ."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.transforms.base import Transform, carried, context_of, crop_first, to_dict


@dataclass(frozen=True, init=False)
class Chain:
    """Several transforms, applied from left to right; θ is the concatenation of the parts' θ.

    Relations and distances are per part: `relative` concatenates them and `distance` returns one
    column a part, since one number across units would mean nothing.

    Parameters
    ----------
    *parts
        Transforms; chains among them are flattened. At most one crop, and it comes first.

    Raises
    ------
    InputError
        If there is no part, or a crop is not the first part.
    """

    parts: tuple[Transform, ...]
    name = "chain"

    def __init__(self, *parts: Transform) -> None:
        flat: list[Transform] = []
        for part in parts:
            flat.extend(part.parts if isinstance(part, Chain) else (part,))
        if not flat:
            raise InputError("Chain got no transforms: pass at least one.")
        crop_first("Chain", flat)
        object.__setattr__(self, "parts", tuple(flat))

    @property
    def unit(self) -> str:
        """The parts' units, in their order."""
        return ", ".join(part.unit for part in self.parts)

    @property
    def context(self) -> int:
        """Context of the crop, if there is one."""
        return context_of(self.parts[0])

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of parameters of each part."""
        return tuple(part.identity(1).shape[1] for part in self.parts)

    def split(self, params: Tensor) -> tuple[Tensor, ...]:
        """Cut θ `(n, p)` into the parts' θ."""
        if params.ndim != 2 or params.shape[1] != sum(self.widths):
            raise InputError(
                f"chain got parameters of shape {tuple(params.shape)}, expected "
                f"(n, {sum(self.widths)}) for the parts {', '.join(p.name for p in self.parts)}."
            )
        return split_columns(params, self.widths)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw each part in turn, float32 `(n, p)`."""
        return torch.cat([part.sample(n, generator) for part in self.parts], dim=1)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Apply the parts from left to right."""
        for part, theta in zip(self.parts, self.split(params), strict=True):
            x = part.apply(x, theta)
        return x

    def identity(self, n: int) -> Tensor:
        """Return the parts' identities, `(n, p)`."""
        return torch.cat([part.identity(n) for part in self.parts], dim=1)

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the parts' relative parameters, `(n, p)`; `split` takes them apart."""
        return torch.cat([part.relative(*ab) for part, ab in self._pairs(a, b)], dim=1)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the parts' distances, each in its own unit, `(n, parts)`."""
        return torch.stack([part.distance(*ab) for part, ab in self._pairs(a, b)], dim=1)

    def carry(self, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
        """Carry Δ of an earlier transform through every part (see `Settings.carry`)."""
        for part, theta in zip(self.parts, self.split(params), strict=True):
            delta = carried(part, earlier, delta, theta)
        return delta

    def to_dict(self) -> dict[str, Any]:
        """Name and parts as plain data."""
        return {"name": self.name, "parts": [to_dict(part) for part in self.parts]}

    def _pairs(self, a: Tensor, b: Tensor) -> list[tuple[Transform, tuple[Tensor, Tensor]]]:
        sides = zip(self.split(a), self.split(b), strict=True)
        return list(zip(self.parts, sides, strict=True))


def split_columns(params: Tensor, widths: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Cut `(n, p)` into columns of these widths."""
    ends = list(itertools.accumulate(widths))
    return tuple(params[:, e - w : e] for e, w in zip(ends, widths, strict=True))
