"""Convolutional encoders: signals in, features or latents out; GroupNorm throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.missing import masking, mean_of, present
from triptych.networks.require import COUNT, WHOLE, require, require_stack
from triptych.networks.statistics import LEAST, StatisticsTrunk
from triptych.precision import exact

EPSILON, TINY = 1e-6, 1e-9


class FrontEnd(nn.Module):
    """What stands before an encoder: signals ``(n, channels, time)`` in and out.

    `settings` are plain data that rebuild it; `shape` tells the encoder what it will see; `raw`
    ones take signals in physical units, all others stand behind `Standardize`. One that
    `takes_gaps` gives NaN where a sample is missing (NaN), and no effect of it elsewhere; one of
    `any_length` does the same to windows of every length, and keeps it.
    """

    raw: ClassVar[bool] = False
    takes_gaps: ClassVar[bool] = False
    any_length: ClassVar[bool] = False

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """Channels and length that come out for those that go in."""
        return channels, length

    def raw_channels(self, channels: int) -> int | None:
        """How many channels come out, as the last, beside invariant ones; None: it has no such."""
        return None

    def penalty(self, x: Tensor) -> Tensor | None:
        """What its own training adds to the loss for signals that it gets; None: nothing."""
        return None


class Standardize(FrontEnd):
    """Zero mean and unit standard deviation a window and channel; a model's first layer.

    It stands after the views, so that views are in physical units; gain and offset are then
    invariant by construction. Signals ``(n, channels, time)`` of any scale, or images ``(n,
    channels, height, width)`` → the same shape. A constant channel becomes zeros. Missing samples
    (NaN) are in no mean, and stay missing.
    """

    raw = True
    takes_gaps = True
    any_length = True

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Standardised signals, shape kept."""
        along = (-1,) if x.ndim < 4 else (-2, -1)
        given, x = x.dtype, exact(x)  # half precision holds neither the squares nor what is TINY
        known = ~x.isnan() if masking(x) else None
        x = present(x)  # or NaN would come back in the gradient

        def average(values: Tensor) -> Tensor:
            if known is None:
                return values.mean(dim=along, keepdim=True)
            return mean_of(values, known, along)

        centred = x - average(x)
        centred = centred - average(centred)  # what rounding left of an offset
        # Relative to the signal's own size, so that its unit does not matter (mV or V).
        largest = x.detach().abs().amax(dim=along, keepdim=True)
        size = (average(centred.square()) + (EPSILON * largest + TINY).square()).sqrt()
        made = (centred / size).to(given)
        return made if known is None else made.masked_fill(~known, torch.nan)


def receptive(kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Samples that one step of a stack of convolutions sees."""
    return 1 + sum((k - 1) * math.prod(strides[:i]) for i, k in enumerate(kernels))


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Make a convolution along time on maps ``(n, channels, 1, time)``.

    Two-dimensional on purpose: in channels-last layout it runs about 1.5 times faster on a CPU
    than the one-dimensional form.
    """
    return nn.Conv2d(
        inputs, outputs, (1, kernel), stride=(1, stride), padding=(0, kernel // 2), bias=False
    )


def as_map(x: Tensor) -> Tensor:
    """Signals ``(n, channels, time)`` → channels-last maps ``(n, channels, 1, time)``."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


class WhatAndWhere(nn.Module):
    """An encoder that reads the maps of its `stack` two ways.

    Features are the mean and the maximum over the map (what) beside a flattened map of fewer
    channels (where). Base class of the convolutional encoders: a subclass makes the stack and has
    a `forward` that calls `read`. Missing samples (NaN) are 0 to the stack, and its steps of
    `stride` samples of which all are missing, in every channel, are in neither mean nor maximum and
    0 in the map; mean and maximum of no step are 0.

    Without a flattened map (`where` = 0) nothing depends on the length: windows of any length from
    `shortest` on are taken, that of training or what one step sees, whichever is less.

    Parameters
    ----------
    stack
        Input maps → maps ``(n, channels, ...)`` of `places` places in all.
    channels, places
        Shape of what comes out of the stack.
    where
        Channels of the flattened map.
    outputs
        Latent dimensions of a last linear layer; 0 leaves the features as they are.
    dropout
        Share of the features that are dropped in training.
    stride
        Samples from one place to the next.
    beside
        Makes further features of the signals themselves.
    """

    shortest: int | None = None

    def __init__(
        self, stack: nn.Sequential, channels: int, places: int, where: int, outputs: int,
        dropout: float = 0.0, *, stride: int = 1, beside: StatisticsTrunk | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stack, self.stride, self.beside = stack, stride, beside
        self.where = nn.Conv2d(channels, where, 1) if where else None
        self.dropout = nn.Dropout(dropout)
        features = 2 * channels + where * places + (beside.features if beside else 0)
        self.last = nn.Linear(features, outputs) if outputs else nn.Identity()
        self.features = outputs or features  # what comes out, as `BlockHeads` reads it

    def read(self, x: Tensor) -> Tensor:
        """Features, or latents if there are outputs, ``(n, features)``, of signals or images."""
        maps = self.stack(as_map(present(x)) if x.ndim == 3 else x)
        if x.ndim == 3 and masking(x):
            seen = self._seen(x, maps.shape[3]).to(maps.dtype)
            average = (maps * seen).sum(dim=(2, 3)) / seen.sum(dim=(2, 3)).clamp(min=1)
            most = torch.where(seen > 0, maps, torch.finfo(maps.dtype).min).amax(dim=(2, 3))
            most = most * seen.amax(dim=(2, 3))  # of a sensor that is missing throughout: 0
        else:
            seen, average, most = None, maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))
        features = [average, most]
        if self.where is not None:
            where = self.where(maps)
            features.append((where if seen is None else where * seen).flatten(1))
        if self.beside is not None:
            features.append(self.beside(x))
        return self.last(self.dropout(torch.cat(features, dim=1)))

    def _seen(self, x: Tensor, steps: int) -> Tensor:
        """Which steps of the map have a sample that is present, ``(n, 1, 1, steps)``."""
        known = (~x.isnan()).any(dim=1, keepdim=True).to(x.dtype)
        padded = nn.functional.pad(known, (0, steps * self.stride - x.shape[2]))
        return padded.view(x.shape[0], 1, 1, steps, self.stride).amax(dim=4)


def require_windows(x: Tensor, channels: int, length: int, shortest: int | None = None) -> None:
    """Refuse signals of another shape than an encoder takes, with InputError."""
    fits = x.ndim == 3 and x.shape[1] == channels
    if not fits or (x.shape[2] != length if shortest is None else x.shape[2] < shortest):
        at_least = f"{length}" if shortest is None else f"{shortest} or more"
        raise InputError(
            f"signals have shape {tuple(x.shape)}, but this encoder was built for "
            f"(n, {channels}, {at_least}); cut or resample the windows to that shape"
        )


class ConvEncoder(WhatAndWhere):
    """A strided convolutional stack that sees *what* is in a window and *where* it is.

    Its features are the mean and the maximum over time (what) beside a flattened map of fewer
    channels (where), so that invariant and variant blocks each find what they need.

    Parameters
    ----------
    channels, length
        Shape of a signal window: ``(n, channels, length)``.
    outputs
        Latent dimensions of a last linear layer; 0 leaves the features as they are (a trunk for
        `BlockHeads`).
    widths, kernels, strides
        Channels, kernel length and stride of each layer.
    where
        Channels of the flattened map; 0 goes without, and takes windows of any length.
    dropout
        Share of the features that a training step leaves out.
    statistics
        Features beside these that `StatisticsTrunk` makes of every channel's statistics; 0: none.
        Training takes their scale from its windows (`fit_statistics`).

    Raises
    ------
    InputError
        For settings that do not fit: `widths` are multiples of 8, `kernels` odd, and of these and
        `strides` there are as many; from `forward`, if a signal's shape is not ``(n, channels,
        length)``.
    """

    takes_gaps = True

    def __init__(
        self,
        channels: int,
        length: int,
        outputs: int = 0,
        *,
        widths: tuple[int, ...] = (32, 48, 64, 96),
        kernels: tuple[int, ...] = (15, 7, 5, 5),
        strides: tuple[int, ...] = (4, 2, 2, 1),
        where: int = 8,
        dropout: float = 0.0,
        statistics: int = 0,
    ) -> None:
        require("conv", WHOLE, channels=channels, length=length)
        require("conv", COUNT, outputs=outputs, statistics=statistics)
        if statistics:
            require("conv", LEAST, length=length)
        require_stack("conv", widths, kernels, strides, where, dropout)
        layers: list[nn.Module] = []
        before, steps = channels, length
        for width, kernel, stride in zip(widths, kernels, strides, strict=True):
            layers += self.layer(before, width, kernel, stride)
            before, steps = width, -(-steps // stride)
        super().__init__(
            nn.Sequential(*layers), before, steps, where, outputs, dropout,
            stride=math.prod(strides),
            beside=StatisticsTrunk(channels, statistics, dropout) if statistics else None,
        )  # fmt: skip
        self.channels, self.length = channels, length
        self.shortest = None if where else min(length, receptive(kernels, strides))
        self.settings: dict[str, Any] = {
            "channels": channels, "length": length, "outputs": outputs, "widths": list(widths),
            "kernels": list(kernels), "strides": list(strides), "where": where,
            "dropout": dropout, "statistics": statistics,
        }  # fmt: skip

    @staticmethod
    def layer(before: int, width: int, kernel: int, stride: int) -> list[nn.Module]:
        """One layer of the stack, whose last part divides time by `stride` (rounded up)."""
        return [convolution(before, width, kernel, stride), nn.GroupNorm(8, width), nn.GELU()]

    def forward(self, x: Tensor) -> Tensor:
        """Features, or latents if `outputs` is set: ``(n, features)`` either way."""
        require_windows(x, self.channels, self.length, self.shortest)
        return self.read(x)
