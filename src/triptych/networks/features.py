"""Encoders that nobody trains: fixed features of a window, scaled by the training windows."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.networks.encoder import require_windows
from triptych.networks.require import WHOLE, require
from triptych.networks.statistics import centre_and_scale
from triptych.precision import exact


class FixedFeatures(nn.Module):
    """What a practitioner computes instead of training: a function of a window.

    Latents are ``describe(x)``, less the training windows' mean and in units of their standard
    deviation; `fit` takes both. A model has them as its latents, without block heads, so that every
    metric works on them; nothing is trained, and only heads can be.

    Parameters
    ----------
    channels, length
        Shape of a signal window: ``(n, channels, length)``.
    features
        How many numbers `describe` gives.
    **settings
        Plain data that rebuild it.
    """

    smallest: ClassVar[float] = 1e-12  # spread below which a number is rounding
    centre: Tensor
    scale: Tensor

    def __init__(self, channels: int, length: int, features: int, **settings: Any) -> None:
        super().__init__()
        self.channels, self.length, self.features = channels, length, features
        self.settings: dict[str, Any] = {"channels": channels, "length": length, **settings}
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    def describe(self, x: Tensor) -> Tensor:
        """Numbers ``(n, features)`` of signals ``(n, channels, length)``."""
        raise NotImplementedError

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Take mean and deviation from training windows; a number that never changes stays 0."""
        centre, scale = centre_and_scale(self.describe(exact(x)), self.smallest)
        self.centre.copy_(centre)
        self.scale.copy_(scale)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Latents ``(n, features)`` of ``x (n, channels, length)``, without gradient."""
        require_windows(x, self.channels, self.length)
        return ((self.describe(exact(x)) - self.centre) * self.scale).to(x.dtype)


class Components(FixedFeatures):
    """Principal components of what a front-end gives, by their size in the training windows.

    Behind ``front_end: power_spectrum`` it is the practitioner's log spectrum.

    Parameters
    ----------
    channels, length
        As in `FixedFeatures`.
    outputs
        Components, at most channels · length.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, if a signal's shape is not ``(n, channels,
        length)``.
    """

    directions: Tensor

    def __init__(self, channels: int, length: int, *, outputs: int = 32) -> None:
        require("components", WHOLE, channels=channels, length=length, outputs=outputs)
        numbers = channels * length
        if outputs > numbers:
            raise InputError(
                f"components got outputs={outputs}, expected at most {numbers}: {channels} "
                f"channels of {length} numbers"
            )
        super().__init__(channels, length, outputs, outputs=outputs)
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("directions", torch.eye(numbers)[:, :outputs].clone())

    def describe(self, x: Tensor) -> Tensor:
        """Components ``(n, outputs)``, whose deviation is that of the window's numbers."""
        return (x.flatten(1) - self.get_buffer("mean").to(x)) @ self.directions.to(x)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Find mean and components; deviations stay as they are, so that large ones count more."""
        rows = x.flatten(1).double()
        centred = rows - rows.mean(dim=0)
        linalg: Any = torch.linalg
        vectors: Tensor = linalg.eigh(centred.T @ centred / len(rows)).eigenvectors.flip(1)
        self.get_buffer("mean").copy_(rows.mean(dim=0))
        self.directions.copy_(vectors[:, : self.features])
