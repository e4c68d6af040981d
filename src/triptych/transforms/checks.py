"""What transforms share to check their settings, θ and order, and to draw θ."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from numbers import Integral, Real
from typing import cast

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.transforms.base import Transform, context_of

__all__ = [
    "crop_first",
    "device_of",
    "exact_dtype",
    "fit_params",
    "norm",
    "told_apart",
    "uniform",
    "within",
]

NAME = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")  # of a transform: a key of modules and recipes


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
