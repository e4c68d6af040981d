"""What transforms have in common, and what stands in where one of somebody's own has it not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.transforms.units import rows, shown, signed

DRAWS = 1024  # of which `at` looks for those at a distance


@runtime_checkable
class Transform(Protocol):
    """A parametric family T_θ on signals `(n, channels, time)`, with θ `(n, p)` in physical units.

    θ is sampled apart from being applied, so that views can be replayed. A `context` above 0 marks
    a crop: `apply` takes `context` samples more on either side than it returns. A transform of
    one's own derives from this class and adds `name`, `unit`, `sample`, `apply`, `identity`,
    `relative` and `distance`; the rest may stay as it is here. Without the base class it works as
    well, but among several transforms its Δ is only told where nothing comes after it.
    """

    name: str
    """Name in the registry and in recipes."""
    unit: str
    """Unit of `distance`."""
    acts_on: str
    """``"time"``, ``"channels"`` or ``"place"`` (in an image), whose transforms may not commute
    with others of the same kind; ``"values"``: gain, noise and the like, which leave every other
    transform's Δ as it is, and whose own Δ nothing changes."""
    uncarried = ""
    """Why no block can carry the transform, where none can: it has no Δ that views would show."""

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw parameters, float32 `(n, p)`."""
        ...

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """T_θ x: pure, batched, differentiable in `x`; keeps the dtype and device of `x`."""
        ...

    def identity(self, n: int) -> Tensor:
        """Return the parameters that change nothing, float32 `(n, p)`."""
        ...

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return θ that leads from view a to view b, `(n, p)`: b∘a⁻¹ in a group, else b − a."""
        ...

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return how far apart two parameters are, `(n,)`, in `unit`."""
        ...

    @property
    def context(self) -> int:
        """Samples needed on either side of the window: 0 for all but crops."""
        return 0

    anywhere = False
    """Whether Δ is the same wherever a window starts, so that a shift leaves it as it is."""
    turning = 0
    """How many numbers of an equivariant block `turn` together."""
    cycles = False
    """Whether `turn` needs the frequency of each window's cycle."""
    limited_by = ""
    """The setting that is the largest distance of a sweep."""

    @property
    def leaves_gaps(self) -> bool:
        """Whether some of what it gives is missing (NaN)."""
        return False

    def filled(self) -> Transform:
        """Return the transform with its gaps filled, for models that know no missing samples."""
        return self

    @property
    def limit(self) -> float | None:
        """Largest distance that a sweep goes to, in `unit`; None: `grid` draws θ instead."""
        return getattr(self, self.limited_by) if self.limited_by else None

    def grid(self, n: int) -> Tensor:
        """Return θ for a sweep, `(m, p)`: the identity, then n distances up to `limit`, rising.

        Each distance with all θ of `at`, and with both signs where θ is one number. Without a
        limit: n draws, always the same, by their distance.
        """
        neutral, limit = self.identity(1), getattr(self, "limit", None)
        if limit is None:
            return torch.cat([neutral, _drawn(self, n)])
        signs = (-1, 1) if neutral.shape[1] == 1 else (1,)
        sizes = [sign * limit * k / n for k in range(1, n + 1) for sign in signs]
        found = torch.cat([neutral, *(method_of(self, "at")(each) for each in sizes)])
        return torch.cat([neutral, _moving(self, found)])

    def at(self, value: float) -> Tensor:
        """Return every θ at this distance from the identity that a sweep takes, `(k, p)`.

        Where θ is one number: so far on, with the sign of `value`. Else: of some thousand draws
        all that lie there.

        Raises
        ------
        InputError
            If none is found there.
        """
        neutral = self.identity(1)
        if neutral.shape[1] == 1:
            return neutral + value
        drawn = torch.cat([neutral, _drawn(self, DRAWS)])
        away = _away(self, drawn)
        near = (away - value).abs() <= 1e-4 * abs(value)
        if not near.any():
            found = dict.fromkeys(f"{each:.4g}" for (each,) in rows(away[:, None]))
            raise InputError(
                f"no θ of {self.name} is known at a distance of {value:g} {self.unit}; there are "
                f"{', '.join(list(found)[:8])}"
            )
        return drawn[near]

    def theta(self, number: float) -> Tensor:
        """Return θ `(k, p)` of a number as subjects write it: a distance, unless dB or a ratio."""
        return method_of(self, "at")(number)

    def label(self, params: Tensor) -> list[str]:
        """Return each θ of `(n, p)` in words: its number and unit, or its distance and numbers."""
        if params.shape[1] == 1:
            return [signed(value, self.unit) for (value,) in rows(params)]
        words = [shown(each, self.unit) for (each,) in rows(_away(self, params)[:, None])]
        numbers = [", ".join(signed(each, "") for each in row) for row in rows(params)]
        return [f"{word} ({row})" for word, row in zip(words, numbers, strict=True)]

    def swept(self, theta: Tensor) -> Transform:
        """Return the transform with one distance for each of the θ `(m, p)` of a sweep."""
        return self

    @property
    def legend(self) -> str:
        """What the words of `label` mean, in one sentence, where a reader has to be told."""
        return ""

    def target(self, delta: Tensor) -> Tensor:
        """Return Δ `(n, p)` in the coordinates that a probe or a head reads, `(n, k)`.

        They are continuous and without seeds: a signed shift, the logarithm of a ratio, the first
        two columns of a rotation matrix, a permutation matrix.
        """
        return delta

    def factor(self, params: Tensor) -> Tensor:
        """Return θ `(n, p)` as a probe reads it, `(n, k)`: in physical units, and without seeds."""
        return params

    def orbit(self, x: Tensor) -> Tensor:
        """Return how alike signals `(n, c, time)` are, lined up by the transform, `(n, n)`."""
        raise InputError(
            f"no orbit similarity is known for {self.name}; it is for phase_shift and rotation, so "
            "set sharpness=0 for the others"
        )

    def unturned(self) -> str:
        """Return why no block can turn with the transform: "" where it has `turn`."""
        return "no representation of it is known"

    def seen(self, delta: Tensor, x: Tensor) -> Tensor:
        """Return Δ as a viewer of both sides measures it; `x` is the signal that both came from."""
        return delta

    def carry(self, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
        """Return Δ of an earlier transform as a viewer measures it after this one.

        Where L, this transform at `params` `(n, p)`, came after both sides of a pair, the second
        side is L T_Δ L⁻¹ of the first: what is returned is the Δ′ with T_Δ′ = L T_Δ L⁻¹.

        Raises
        ------
        InputError
            If there is no such Δ′, or `earlier` does not say what it `acts_on`.
        """
        first, then = (getattr(each, "acts_on", None) for each in (earlier, self))
        if not (first and then) or (first == then and first != "values"):
            raise InputError(
                f"{self.name} after {earlier.name} leaves no known Δ of {earlier.name} between two "
                f"views; put {self.name} before {earlier.name}, keep one side of each pair as it "
                f"is (reference='original'), or declare no block variant or equivariant to "
                f"{earlier.name}"
            )
        return delta

    def to_dict(self) -> dict[str, Any]:
        """Name and a dataclass's fields as plain data, which `from_dict` of this package reads."""
        fields = dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        return {"name": self.name, **{f.name: _plain(getattr(self, f.name)) for f in fields}}


@runtime_checkable
class Group(Transform, Protocol):
    """A transform whose parameters compose and invert."""

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return θ of "first a, then b"."""
        ...

    def inverse(self, a: Tensor) -> Tensor:
        """Return θ that undoes a."""
        ...


class Additive(Transform):
    """Group law of transforms with one real parameter that adds up (shifts in s, gains in dB)."""

    def identity(self, n: int) -> Tensor:
        """Return zeros, `(n, 1)`."""
        return torch.zeros(n, 1)

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b − a, `(n, 1)`."""
        return b - a

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return |b − a|, `(n,)`."""
        return self.relative(a, b)[:, 0].abs()

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a + b: the θ of "first a, then b"."""
        return a + b

    def inverse(self, a: Tensor) -> Tensor:
        """Return −a."""
        return -a


def method_of(transform: Transform, name: str) -> Callable[..., Any]:
    """Return a transform's method, or that of `Transform` if one of somebody's own has none."""
    own: Any = getattr(transform, name, None)
    return partial(getattr(Transform, name), transform) if own is None else own


def to_dict(transform: Transform) -> dict[str, Any]:
    """Return a transform as plain data: its name and settings; a chain: its parts."""
    return method_of(transform, "to_dict")()


def context_of(transform: Transform) -> int:
    """Context of a transform, 0 if it does not declare one."""
    return int(getattr(transform, "context", 0))


def parts_of(transform: Transform) -> tuple[Transform, ...]:
    """Return the parts of a chain; of another transform itself."""
    return getattr(transform, "parts", (transform,))


def target_of(transform: Transform, delta: Tensor) -> Tensor:
    """Δ in the coordinates in which it is read, `(n, k)`; Δ itself if the transform has none."""
    return method_of(transform, "target")(delta)


def _away(transform: Transform, params: Tensor) -> Tensor:
    """Distances `(n,)` of θ from the identity."""
    return transform.distance(params, transform.identity(1).to(params).expand(len(params), -1))


def _moving(transform: Transform, params: Tensor) -> Tensor:
    """Keep the different θ of `params` that are not the identity, in their order."""
    found = list(dict.fromkeys(map(tuple, rows(params))))
    different = torch.tensor(found, dtype=torch.float32).view(-1, params.shape[1])
    return different[_away(transform, different) > 0]


def _drawn(transform: Transform, n: int) -> Tensor:
    """N draws, always the same, by their distance: the different ones but the identity."""
    drawn = _moving(transform, transform.sample(n, torch.Generator().manual_seed(0)))
    return drawn[_away(transform, drawn).argsort(stable=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in cast("tuple[Any, ...]", value)]
    return value
