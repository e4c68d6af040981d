"""Chains: several transforms applied one after the other, each with its own θ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.transforms.base import Transform, context_of, method_of, parts_of, to_dict
from triptych.transforms.checks import crop_first


@dataclass(frozen=True, init=False)
class Chain(Transform):
    """Several transforms, applied from left to right; θ is the concatenation of the parts' θ.

    Relations and distances are per part: `relative` concatenates them and `distance` returns one
    column a part, since one number across units would mean nothing.

    Parameters
    ----------
    *parts
        Transforms; chains among them are flattened. At most one crop, and it comes first.
    by
        Place of the part whose distance and unit are those of the chain; None: every part has its
        own.

    Raises
    ------
    InputError
        If there is no part, or a crop is not the first part.
    """

    parts: tuple[Transform, ...]
    by: int | None = None

    name = "chain"
    unit = acts_on = ""  # its parts'

    def __init__(self, *parts: Transform, by: int | None = None) -> None:
        flat: list[Transform] = []
        for part in parts:
            flat.extend(parts_of(part))
        if not flat:
            raise InputError("Chain got no transforms: pass at least one.")
        crop_first("Chain", flat)
        names = [part.name for part in flat]
        told = {
            "parts": tuple(flat),
            "by": by,
            "name": self.name if by is None else " and ".join(names),
            "unit": ", ".join(part.unit for part in flat) if by is None else flat[by].unit,
            "uncarried": "it has a Δ and a distance for each of its parts and none of its own, so "
            f"list its parts ({', '.join(names)}) as transforms",
        }
        for name, value in told.items():
            object.__setattr__(self, name, value)

    @property
    def context(self) -> int:
        """Context of the crop, if there is one."""
        return context_of(self.parts[0])

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of parameters of each part."""
        return tuple(part.identity(1).shape[1] for part in self.parts)

    @property
    def leaves_gaps(self) -> bool:
        """Whether some of what it gives is missing (NaN)."""
        return any(getattr(part, "leaves_gaps", False) for part in self.parts)

    def filled(self) -> Chain:
        """Return the chain with the gaps of its parts filled."""
        return Chain(*(method_of(part, "filled")() for part in self.parts), by=self.by)

    def split(self, params: Tensor) -> tuple[Tensor, ...]:
        """Cut θ `(n, p)` into the parts' θ."""
        if params.ndim != 2 or params.shape[1] != sum(self.widths):
            raise InputError(
                f"chain got parameters of shape {tuple(params.shape)}, expected "
                f"(n, {sum(self.widths)}) for the parts {', '.join(p.name for p in self.parts)}."
            )
        return torch.split(params, list(self.widths), dim=1)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw each part in turn, float32 `(n, p)`."""
        return torch.cat([part.sample(n, generator) for part in self.parts], dim=1)

    def grid(self, n: int) -> Tensor:
        """Return the identity, then all parts grown together in n steps, each in one direction."""
        return torch.cat([self.identity(1), torch.cat([_grown(p, n) for p in self.parts], dim=1)])

    def at(self, value: float | Sequence[float]) -> Tensor:
        """Return the parts at their distances, `(1, p)`; one number moves the first part only."""
        each = [float(value)] if isinstance(value, (int, float)) else list(value)
        each += [0.0] * (len(self.parts) - len(each))
        found = [method_of(part, "at")(v)[-1:] for part, v in zip(self.parts, each, strict=True)]
        return torch.cat(found, dim=1)

    def label(self, params: Tensor) -> list[str]:
        """Return what each part does: "rotation 90 degrees about z, gain 3 dB"."""
        words = [
            [f"{part.name.replace('_', ' ')} {each}" for each in method_of(part, "label")(theta)]
            for part, theta in zip(self.parts, self.split(params), strict=True)
        ]
        return [", ".join(row) for row in zip(*words, strict=True)]

    @property
    def legend(self) -> str:
        """What the words of the first part that needs it mean."""
        return next((words for part in self.parts if (words := getattr(part, "legend", ""))), "")

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
        """Return the parts' distances, each in its own unit, `(n, parts)`; of `by`: `(n,)`."""
        columns = torch.stack([part.distance(*ab) for part, ab in self._pairs(a, b)], dim=1)
        return columns if self.by is None else columns[:, self.by]

    def swept(self, theta: Tensor) -> Chain:
        """Return the chain with the distance of its first part that moves among θ `(m, p)`."""
        away = Chain(*self.parts).distance(theta, self.identity(1).expand(len(theta), -1))
        moves = (away != away[0]).any(0) if len(away) > 1 else away[0] > 0
        return Chain(*self.parts, by=int(moves.float().argmax()))

    def carry(self, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
        """Carry Δ of an earlier transform through every part (see `Transform.carry`)."""
        for part, theta in zip(self.parts, self.split(params), strict=True):
            delta = method_of(part, "carry")(earlier, delta, theta)
        return delta

    def to_dict(self) -> dict[str, Any]:
        """Name and parts as plain data."""
        return {"name": self.name, "parts": [to_dict(part) for part in self.parts]}

    def _pairs(self, a: Tensor, b: Tensor) -> list[tuple[Transform, tuple[Tensor, Tensor]]]:
        sides = zip(self.split(a), self.split(b), strict=True)
        return list(zip(self.parts, sides, strict=True))


def _grown(part: Transform, n: int) -> Tensor:
    """θ `(n, p)` of a part: of every distance of its grid the last one, the largest at the end."""
    grid = method_of(part, "grid")(n)
    away = part.distance(grid, part.identity(1).expand(len(grid), -1))
    further = away.diff() > 1e-5 * away.max()
    last = torch.cat([further, torch.tensor([True])]).nonzero()[:, 0]
    most = len(last) - 1  # the first is the identity
    return grid[last[[math.ceil(k * most / n) for k in range(1, n + 1)]]]
