"""Transforms of channels: dropout and lead swap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.transforms.base import Transform
from triptych.transforms.checks import device_of, fit_params, within
from triptych.transforms.seeded import Seeded, bits
from triptych.transforms.units import rows


@dataclass(frozen=True)
class ChannelDropout(Seeded):
    """Set some channels to zero; θ = (how many, seed), and the seed says which.

    Parameters
    ----------
    max_channels
        `sample` drops 0 to max_channels channels, each number equally often. At least one channel
        of a signal has to stay.
    """

    max_channels: int = 1

    name = "channel_dropout"
    unit = "channels"

    def __post_init__(self) -> None:
        within(self.name, "max_channels", self.max_channels, 0, math.inf, whole=True)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Whole numbers in [0, max_channels] and any seed, `(n, 2)`."""
        device = device_of(generator)
        count = torch.randint(self.max_channels + 1, (n, 1), generator=generator, device=device)
        return self._with_seeds(count, generator)

    def identity(self, n: int) -> Tensor:
        """No channel and seed 0, `(n, 2)`."""
        return torch.zeros(n, 2)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Drop channels of each signal of `x` `(n, c, time)` as its θ of `params` `(n, 2)` says.

        Raises
        ------
        InputError
            If the shapes do not fit, no channel could be left, or θ is no whole number.
        """
        if x.ndim == 3 and x.shape[1] <= self.max_channels:
            raise InputError(
                f"channel_dropout got signals of shape {tuple(x.shape)}, expected more than "
                f"max_channels={self.max_channels} channels so that one is left."
            )
        count, seed = self._unpack(x, params, 0, self.max_channels)
        if not bool((count == count.round()).all()):
            raise InputError(
                "channel_dropout got parameters that are no whole numbers of channels: take them "
                "from sample()."
            )
        order = bits(seed.to(x.device), x.shape[1], stream=3).argsort(dim=1, stable=True)
        rank = order.argsort(dim=1)
        dropped = rank < count.to(x.device)[:, None]
        return x.masked_fill(dropped[:, :, None] & ~x.isnan(), 0)


@dataclass(frozen=True)
class LeadSwap(Transform):
    """Exchange channels, as swapped electrodes or cables do; θ `(n, channels)` is a permutation.

    Channel k of the result is channel θ[k] of `x`. Permutations are a group; `distance` counts the
    channels that stand elsewhere.

    Parameters
    ----------
    channels
        Channels of the signals, at least 2.
    swaps
        `sample` exchanges two channels drawn at random, this many times.
    """

    channels: int = 2
    swaps: int = 1

    name = "lead_swap"
    unit = "channels"
    acts_on = "channels"

    def __post_init__(self) -> None:
        within(self.name, "channels", self.channels, 2, math.inf, whole=True)
        within(self.name, "swaps", self.swaps, 0, math.inf, whole=True)

    def unread(self, reference: str) -> str:
        """Why a small head cannot read what leads from one side of a pair to the other, if so."""
        if reference == "original" or self.swaps < 2 or self.channels < 5:
            return ""
        return (
            f"of {self.channels} channels under {self.swaps} exchanges on either side the product "
            "of two permutations would have to be read"
        )

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Permutations made of `swaps` random exchanges, float32 `(n, channels)`."""
        device = device_of(generator)
        order = self.identity(n).to(device)
        for _ in range(self.swaps):
            first = torch.randint(self.channels, (n, 1), generator=generator, device=device)
            step = torch.randint(1, self.channels, (n, 1), generator=generator, device=device)
            pair = torch.cat([first, (first + step) % self.channels], dim=1)
            order = order.scatter(1, pair, order.gather(1, pair.flip(1)))
        return order

    def identity(self, n: int) -> Tensor:
        """0, 1, 2, … in every row, `(n, channels)`."""
        return torch.arange(self.channels, dtype=torch.float32).repeat(n, 1)

    def label(self, params: Tensor) -> list[str]:
        """Return where each channel that moved is from: "channels 0, 2 from 2, 0"."""
        words: list[str] = []
        for row in rows(params):
            moved = {place: int(origin) for place, origin in enumerate(row) if place != origin}
            numbers = [", ".join(map(str, each)) for each in (moved, moved.values())]
            words.append(f"channels {' from '.join(numbers)}" if moved else "no channel moved")
        return words

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the permutation of "first a, then b"."""
        return a.gather(1, b.long())

    def inverse(self, a: Tensor) -> Tensor:
        """Return the permutation that undoes a."""
        return a.argsort(dim=1).to(a.dtype)

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b∘a⁻¹, `(n, channels)`."""
        return self.compose(self.inverse(a), b)

    def target(self, delta: Tensor) -> Tensor:
        """Return the permutation matrix of Δ, row after row, `(n, channels²)`."""
        return functional.one_hot(delta.long(), self.channels).flatten(1).to(delta)

    def project(self, read: Tensor) -> Tensor:
        """Return for each channel the likeliest one by scores `(n, channels²)`, as `target`."""
        likeliest = read.view(-1, self.channels, self.channels).argmax(dim=2)
        return self.target(likeliest).to(read)

    def reading_error(self, read: Tensor, delta: Tensor) -> Tensor:
        """Return the mean cross-entropy of each channel's scores in `read` `(n, channels²)`."""
        scores = read.view(-1, self.channels, self.channels).mT
        return functional.cross_entropy(scores, delta.long(), reduction="none").mean(dim=1)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return how many channels stand elsewhere, `(n,)`."""
        return (a != b).sum(dim=1).to(a.dtype)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Permute the channels of each signal of `x` `(n, c, time)`.

        Raises
        ------
        InputError
            If the shapes do not fit, or a row of `params` is no permutation.
        """
        if x.ndim == 3 and x.shape[1] != self.channels:
            raise InputError(
                f"lead_swap got signals of shape {tuple(x.shape)}, expected channels="
                f"{self.channels} as in its settings."
            )
        params = fit_params(self.name, x, params, self.channels)
        if not bool((params.sort(dim=1).values == self.identity(1).to(params.device)).all()):
            raise InputError(
                f"lead_swap got a row of parameters that is no permutation of 0 to "
                f"{self.channels - 1}: take them from sample(), or from identity() by exchanges."
            )
        return x.gather(1, params.long().to(x.device)[:, :, None].expand_as(x))
