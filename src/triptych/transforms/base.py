"""What a transform is: θ is sampled apart from being applied, so that views can be replayed."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from triptych.errors import InputError

NAME = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")  # of a transform: a key of modules and recipes


@runtime_checkable
class Transform(Protocol):
    """A parametric family T_θ on signals `(n, channels, time)`, with θ `(n, p)` in physical units.

    A `context` above 0 marks a crop: `apply` takes `context` samples more on either side than it
    returns. A transform of one's own needs these members only (`context` may be left out if 0).
    It may have `target`, `seen`, `carry` and `acts_on` of `Settings` as well; without, Δ is read as
    it is, and among several transforms it is only told where nothing comes after it.
    """

    @property
    def name(self) -> str:
        """Name in the registry and in recipes."""
        ...

    @property
    def unit(self) -> str:
        """Unit of `distance`."""
        ...

    @property
    def context(self) -> int:
        """Samples that a crop needs on either side, else 0."""
        ...

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


@runtime_checkable
class Group(Transform, Protocol):
    """A transform whose parameters compose and invert."""

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return θ of "first a, then b"."""
        ...

    def inverse(self, a: Tensor) -> Tensor:
        """Return θ that undoes a."""
        ...


class Settings:
    """What the frozen dataclasses of this room share: no context, and a form for JSON."""

    name: str
    unit: str
    acts_on: str
    """``"time"``, ``"channels"`` or ``"place"`` (in an image), whose transforms may not commute
    with others of the same kind; ``"values"``: gain, noise and the like, which leave every other
    transform's Δ as it is, and whose own Δ nothing changes."""
    uncarried = ""
    """Why no block can carry the transform, where none can: it has no Δ that views would show."""

    @property
    def context(self) -> int:
        """Samples needed on either side of the window: 0 for all but crops."""
        return 0

    def target(self, delta: Tensor) -> Tensor:
        """Return Δ `(n, p)` in the coordinates that a probe or a head reads, `(n, k)`.

        They are continuous and without seeds: a signed shift, the logarithm of a ratio, the first
        two columns of a rotation matrix, a permutation matrix.
        """
        return delta

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
        acts_on = getattr(earlier, "acts_on", None)
        if acts_on is None or (acts_on == self.acts_on and acts_on != "values"):
            raise InputError(_no_delta(self.name, earlier.name))
        return delta

    def to_dict(self) -> dict[str, Any]:
        """Name and settings as plain data; `from_dict` of this package reads it back."""
        fields = dataclasses.fields(cast(Any, self))
        return {"name": self.name, **{f.name: _plain(getattr(self, f.name)) for f in fields}}


class Additive(Settings):
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


def to_dict(transform: Transform) -> dict[str, Any]:
    """Return a transform as plain data: its name and settings; a chain: its parts.

    Of a transform of one's own without ``to_dict``: its name, and what a dataclass has as fields.
    """
    own: Any = getattr(transform, "to_dict", None)
    if own is not None:
        return own()
    fields = dataclasses.fields(transform) if dataclasses.is_dataclass(transform) else ()
    return {"name": transform.name, **{each.name: getattr(transform, each.name) for each in fields}}


def context_of(transform: Transform) -> int:
    """Context of a transform, 0 if it does not declare one."""
    return int(getattr(transform, "context", 0))


def target_of(transform: Transform, delta: Tensor) -> Tensor:
    """Δ in the coordinates in which it is read, `(n, k)`; Δ itself if the transform has none."""
    own: Any = getattr(transform, "target", None)
    return delta if own is None else own(delta)


def seen(transform: Transform, delta: Tensor, x: Tensor) -> Tensor:
    """Δ as a viewer of both sides measures it (see `Settings.seen`)."""
    own: Any = getattr(transform, "seen", None)
    return delta if own is None else own(delta, x)


def carried(later: Transform, earlier: Transform, delta: Tensor, params: Tensor) -> Tensor:
    """Δ of `earlier` as it is seen after `later` at `params` (see `Settings.carry`)."""
    own: Any = getattr(later, "carry", None)
    if own is None:
        raise InputError(_no_delta(later.name, earlier.name))
    return own(earlier, delta, params)


def told_apart(transforms: Sequence[Transform]) -> tuple[Transform, ...]:
    """Return transforms that are used together by name, each with θ of its own.

    Raises
    ------
    InputError
        If two have one name, a name is no plain word, or a crop is not the first.
    """
    transforms = tuple(transforms)
    names = [each.name for each in transforms]
    for name in names:
        if not NAME.fullmatch(name):
            raise InputError(
                f"a transform is named {name!r}: expected letters, digits and single underscores "
                "between them, since blocks, recipes and weights are named after it"
            )
        if names.count(name) > 1:
            raise InputError(
                f"two transforms are named {name!r}, so their parameters and what blocks declare "
                "to them could not be told apart; keep one, or derive a class with a name of its "
                "own for the other"
            )
    crop_first("a list of transforms", transforms)
    return transforms


def crop_first(where: str, transforms: Sequence[Transform]) -> None:
    """Refuse, with InputError, a crop that is not the first of several transforms."""
    for place, each in enumerate(transforms):
        if place and context_of(each):
            raise InputError(
                f"{where} got the crop '{each.name}' at place {place + 1} of {len(transforms)}: "
                f"real neighbours are known for one crop only, so put a single crop first "
                f"(mode='circular' has no such limit)."
            )


def fit_params(name: str, x: Tensor, params: Tensor, width: int) -> Tensor:
    """Check `x` `(n, channels, time)` against θ; returns θ `(n, width)`.

    One row of parameters is shared by the whole batch. θ stays on its device: what is derived from
    it goes to the device of `x` (parameters on the CPU are then checked without waiting for a GPU).

    Raises
    ------
    InputError
        If a shape does not fit, or the signals are not floating point.
    """
    if x.ndim != 3 or not x.is_floating_point():
        raise InputError(
            f"{name} got {x.dtype} signals of shape {tuple(x.shape)}, expected a float tensor "
            f"(batch, channel, time)."
        )
    if params.ndim != 2 or params.shape[1] != width or params.shape[0] not in (1, x.shape[0]):
        raise InputError(
            f"{name} got parameters of shape {tuple(params.shape)} for signals of shape "
            f"{tuple(x.shape)}, expected ({x.shape[0]}, {width}), or (1, {width}) shared by all."
        )
    return params.expand(x.shape[0], width)


def uniform(n: int, low: float, high: float, generator: torch.Generator | None) -> Tensor:
    """Float32 `(n, 1)`, uniform in [low, high), on the generator's device."""
    return low + (high - low) * torch.rand(n, 1, generator=generator, device=device_of(generator))


def device_of(generator: torch.Generator | None) -> torch.device:
    """Device on which a generator draws."""
    return torch.device("cpu") if generator is None else generator.device


def norm(vectors: Tensor, keepdim: bool = False) -> Tensor:
    """Euclidean length along the last dimension."""
    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=keepdim)  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]
    return cast(Tensor, lengths)


def exact_dtype(device: torch.device) -> torch.dtype:
    """float64 for arithmetic on θ, where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def within(
    name: str, setting: str, value: float, low: float, high: float, *, whole: bool = False
) -> None:
    """Refuse, with InputError, a setting that is not a (whole) number in [low, high]."""
    kind, kinds = ("a whole number", Integral) if whole else ("a number", Real)
    if not (isinstance(value, kinds) and low <= value <= high and math.isfinite(value)):
        raise InputError(f"{name} got {setting}={value}, expected {kind} in {low:g} to {high:g}.")


def _no_delta(later: str, earlier: str) -> str:
    return (
        f"{later} after {earlier} leaves no known Δ of {earlier} between two views; put {later} "
        f"before {earlier}, keep one side of each pair as it is (reference='original'), or declare "
        f"no block variant or equivariant to {earlier}"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in cast("tuple[Any, ...]", value)]
    return value
