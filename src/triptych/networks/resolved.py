"""An encoder's features of each time step, before it pools them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from torch import Tensor, nn

from triptych.errors import InputError
from triptych.networks.dilated import DilatedEncoder
from triptych.networks.encoder import WhatAndWhere


@contextmanager
def time_resolved(encoder: nn.Module) -> Generator[list[Tensor]]:
    """Within it every call of `encoder` appends its maps ``(n, channels, steps)`` to the list.

    Of `conv`, `resnet` and `dilated`, alone or inside of another module; nothing is computed
    twice.

    Raises
    ------
    InputError
        Unless there is exactly one such network in `encoder`.

    Examples
    --------
    >>> import torch
    >>> from triptych.networks import ConvEncoder, time_resolved
    >>> encoder = ConvEncoder(1, 160)
    >>> with time_resolved(encoder) as maps:
    ...     features = encoder(torch.randn(2, 1, 160))
    >>> features.shape, maps[0].shape
    (torch.Size([2, 272]), torch.Size([2, 96, 10]))
    """
    found = [m.stack for m in encoder.modules() if isinstance(m, WhatAndWhere | DilatedEncoder)]
    if len(found) != 1:
        raise InputError(
            f"features of each time step were asked of an encoder with {len(found)} networks that "
            "have them; expected one of conv, resnet or dilated"
        )
    maps: list[Tensor] = []

    def keep(_module: nn.Module, _given: object, made: Tensor) -> None:
        maps.append(made.flatten(2))

    handle = found[0].register_forward_hook(keep)
    try:
        yield maps
    finally:
        handle.remove()
