"""A slowly moving copy of an encoder, which objectives compare with and nobody trains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from triptych.errors import InputError


def copy_of(followed: Sequence[nn.Module], objective: str) -> nn.Sequential:
    """Copy what makes latents of signals, part by part, without gradients.

    Raises
    ------
    InputError
        If a part has layers whose size is not known yet; `objective` names who wants the copy.
    """
    if any(is_lazy(each) for part in followed for each in part.parameters()):
        raise InputError(
            f"{objective} copies the encoder, and this one has layers whose size is not known yet; "
            "encode one batch before attach(encoder)"
        )
    return nn.Sequential(*deepcopy(tuple(followed))).requires_grad_(False)


@torch.no_grad()
def follow(copy: nn.Module, followed: Iterable[nn.Module], momentum: float) -> None:
    """Move the weights of `copy` towards those it follows: θ' ← m θ' + (1 − m) θ."""
    weights = [p for each in followed for p in each.parameters()]
    for slow, fast in zip(copy.parameters(), weights, strict=True):
        slow.lerp_(fast, 1 - momentum)
