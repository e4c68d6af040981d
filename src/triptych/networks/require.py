"""What the settings of a network have to be: refused in one sentence that names the setting.

`require("conv", WIDTHS, widths=widths)`; for encoders from outside, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, cast

from triptych.errors import InputError

__all__ = ["COUNT", "WHOLE", "WIDTHS", "Rule", "require"]


@dataclass(frozen=True)
class Rule:
    """What a setting has to be: in words, and whether a value is that."""

    words: str
    fits: Callable[[Any], bool]


def require(network: str, rule: Rule, **settings: object) -> None:
    """Refuse, with InputError, settings of a network that do not keep a rule."""
    for name, value in settings.items():
        if not rule.fits(value):
            raise InputError(f"{network} got {name}={_shown(value)}, expected {rule.words}")


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
    require(network, WIDTHS, widths=widths)
    require(network, KERNELS, kernels=kernels)
    require(network, LAYERS, strides=strides)
    require_as_many(network, {"widths": widths, "kernels": kernels, "strides": strides})
    require(network, COUNT, where=where)
    require(network, SHARE, dropout=dropout)


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _listed(one: Rule, words: str) -> Rule:
    def fits(value: Any) -> bool:
        return _is(value, (list, tuple)) and len(value) > 0 and all(map(one.fits, value))

    return Rule(f"a list of one or more {words}", fits)


WHOLE = Rule("a whole number of at least 1", lambda x: _is(x, Integral) and x >= 1)
COUNT = Rule("a whole number of at least 0", lambda x: _is(x, Integral) and x >= 0)
ODD = Rule("an odd whole number (to keep the time axis)", lambda x: WHOLE.fits(x) and x % 2 == 1)
ABOVE_ZERO = Rule("a number above 0", lambda x: _is(x, Real) and 0 < x < math.inf)
FLAG = Rule("true or false", lambda x: isinstance(x, bool))
SHARE = Rule("a number of at least 0 and below 1", lambda x: _is(x, Real) and 0 <= x < 1)
NUMBERS = _listed(ABOVE_ZERO, "numbers above 0")
LAYERS = _listed(WHOLE, "whole numbers above 0")
KERNELS = _listed(ODD, "whole numbers above 0, all odd (to keep the time axis)")
WIDTHS = _listed(
    Rule("", lambda x: WHOLE.fits(x) and x % 8 == 0),
    "whole numbers above 0, all multiples of 8",
)
FREE_WIDTHS = Rule(  # the first one's maps are not normalised in groups
    f"{LAYERS.words}, all but the first multiples of 8",
    lambda x: LAYERS.fits(x) and WIDTHS.fits((8, *x[1:])),
)


def _shown(value: object) -> str:
    """As it was written in a recipe: lists, not tuples."""
    return repr(list(cast(tuple[Any, ...], value))) if isinstance(value, tuple) else repr(value)
