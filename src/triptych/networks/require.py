"""What the settings of a network have to be: refused in one sentence that names the setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeGuard, cast

from triptych.errors import InputError


def require_whole(network: str, least: int = 1, **settings: object) -> None:
    """Refuse, with InputError, settings that are not whole numbers of at least `least`."""
    for name, value in settings.items():
        if not _whole(value, least):
            raise _refused(network, name, value, f"a whole number of at least {least}")


def require_odd(network: str, **settings: object) -> None:
    """Refuse, with InputError, kernels that are not odd whole numbers above 0."""
    for name, value in settings.items():
        if not _whole(value, 1) or not value % 2:
            raise _refused(network, name, value, "an odd whole number (to keep the time axis)")


def require_above_zero(network: str, **settings: object) -> None:
    """Refuse, with InputError, settings that are not finite numbers above 0."""
    for name, value in settings.items():
        if not _above_zero(value):
            raise _refused(network, name, value, "a number above 0")


def require_numbers(network: str, **settings: object) -> None:
    """Refuse, with InputError, settings that are not one or more numbers above 0, in a list."""
    for name, value in settings.items():
        if not _listed(value) or not all(_above_zero(each) for each in value):
            raise _refused(network, name, value, "a list of one or more numbers above 0")


def require_share(network: str, **settings: object) -> None:
    """Refuse, with InputError, settings that are not numbers from 0 to below 1."""
    for name, value in settings.items():
        if not _number(value) or not 0 <= value < 1:
            raise _refused(network, name, value, "a number of at least 0 and below 1")


def require_layers(
    network: str, *, odd: bool = False, multiple: int = 1, free: int = 0, **settings: object
) -> None:
    """Refuse, with InputError, settings that are not one or more whole numbers above 0, in a list.

    Parameters
    ----------
    odd
        Whether all have to be odd.
    multiple
        Of what all but the first `free` have to be multiples.
    """
    expected = "a list of one or more whole numbers above 0"
    expected += ", all odd (to keep the time axis)" if odd else ""
    if multiple > 1:
        expected += f", {'all' if not free else 'all but the first'} multiples of {multiple}"
    for name, value in settings.items():
        if not _listed(value) or not all(
            _whole(each, 1) and (not odd or each % 2) and (place < free or not each % multiple)
            for place, each in enumerate(value)
        ):
            raise _refused(network, name, value, expected)


def require_as_many(network: str, layers: Mapping[str, Sequence[int]]) -> None:
    """Refuse, with InputError, lists of unequal length that have one entry for each layer."""
    if len({len(each) for each in layers.values()}) > 1:
        got = ", ".join(f"{name}={_shown(each)}" for name, each in layers.items())
        counts = " and ".join(str(len(each)) for each in layers.values())
        raise InputError(
            f"{network} got {got}, lists of {counts} entries; expected as many of each, one for "
            "each layer"
        )


def require_stack(
    network: str,
    widths: Sequence[int],
    kernels: Sequence[int],
    strides: Sequence[int],
    where: int,
    dropout: float,
) -> None:
    """Refuse settings of a convolutional stack that do not fit, with InputError."""
    require_layers(network, multiple=8, widths=widths)
    require_layers(network, odd=True, kernels=kernels)
    require_layers(network, strides=strides)
    require_as_many(network, {"widths": widths, "kernels": kernels, "strides": strides})
    require_whole(network, 0, where=where)
    require_share(network, dropout=dropout)


def _listed(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple) and len(cast(Sequence[Any], value)) > 0


def _above_zero(value: object) -> bool:
    return _number(value) and 0 < value < math.inf


def _whole(value: object, least: int) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)


def _shown(value: object) -> str:
    """As it was written in a recipe: lists, not tuples."""
    return repr(list(cast(tuple[Any, ...], value))) if isinstance(value, tuple) else repr(value)


def _refused(network: str, name: str, value: object, expected: str) -> InputError:
    return InputError(f"{network} got {name}={_shown(value)}, expected {expected}")
