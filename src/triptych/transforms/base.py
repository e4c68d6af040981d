"""What a transform is: θ is sampled apart from being applied, so that views can be replayed."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from triptych.errors import InputError


@runtime_checkable
class Transform(Protocol):
    """A parametric family T_θ on signals `(n, channels, time)`, with θ `(n, p)` in physical units.

    A `context` above 0 marks a crop: `apply` takes `context` samples more on either side than it
    returns. A transform of one's own needs these members only (`context` may be left out if 0).
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

    @property
    def context(self) -> int:
        """Samples needed on either side of the window: 0 for all but crops."""
        return 0

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
        for place, part in enumerate(flat):
            if place and context_of(part):
                raise InputError(
                    f"Chain got the crop '{part.name}' at place {place + 1} of {len(flat)}: real "
                    f"neighbours are known for one crop only, so put a single crop first "
                    f"(mode='circular' has no such limit)."
                )
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

    def to_dict(self) -> dict[str, Any]:
        """Name and parts as plain data."""
        return {"name": self.name, "parts": [to_dict(part) for part in self.parts]}

    def _pairs(self, a: Tensor, b: Tensor) -> list[tuple[Transform, tuple[Tensor, Tensor]]]:
        sides = zip(self.split(a), self.split(b), strict=True)
        return list(zip(self.parts, sides, strict=True))


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


def split_columns(params: Tensor, widths: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Cut `(n, p)` into columns of these widths."""
    ends = list(itertools.accumulate(widths))
    return tuple(params[:, e - w : e] for e, w in zip(ends, widths, strict=True))


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


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in cast("tuple[Any, ...]", value)]
    return value
