"""What networks take, one behind the other: missing samples, and windows of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from torch import nn

from triptych.networks.encoder import FrontEnd


def takes_gaps(*parts: nn.Module) -> bool:
    """Whether networks, one behind the other up to an encoder, know missing samples (NaN)."""
    for layer in _layers(parts):
        if getattr(layer, "takes_gaps", False) is not True:
            return False
        if not isinstance(layer, FrontEnd):
            return True
    return False


def shortest(*parts: nn.Module) -> int | None:
    """Samples of the shortest window that networks take; None where the length is fixed."""
    for layer in _layers(parts):
        if not isinstance(layer, FrontEnd):
            return cast("int | None", getattr(layer, "shortest", None))
        if not layer.any_length:
            return None
    return None


def _layers(parts: Iterable[nn.Module]) -> Iterator[nn.Module]:
    for part in parts:
        if type(part) is nn.Sequential:
            yield from _layers(part)
        else:
            yield part
