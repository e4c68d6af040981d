"""What every objective is: it makes views of signals and turns their latents into loss terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Protocol

from torch import Generator, Tensor

from triptych.errors import InputError
from triptych.objectives.views import Views


@dataclass(frozen=True)
class LossTerms:
    """A loss with its parts: `total` is their weighted sum, `terms` maps name → scalar."""

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


def require_known(option: str, values: Iterable[object], allowed: Iterable[object]) -> None:
    """Refuse, with InputError, a value of an option that is not one of those allowed."""
    known = tuple(allowed)
    for value in values:
        if value not in known:
            raise InputError(
                f"{option} names {value!r}, expected one of {', '.join(map(str, known))}"
            )


def require_sizes(option: str, values: Mapping[str, object]) -> None:
    """Refuse, with InputError, weights or limits that are not numbers of at least 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not float(value) >= 0:
            raise InputError(f"{option} has {name}={value!r}, expected a number of at least 0")


class Objective(Protocol):
    """Anything with these two members can be trained by `triptych.training`."""

    def views(self, x: Tensor, generator: Generator | None = None) -> Views:
        """Make views of signals ``(n, channels, time + 2·context)``."""
        ...

    def __call__(self, z: Tensor, views: Views, isolated: Tensor | None = None) -> LossTerms:
        """Compute loss terms of latents ``(v·n, size)`` of these views."""
        ...
