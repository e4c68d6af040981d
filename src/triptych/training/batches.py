"""Batches by index, of windows in memory or in a file: no worker processes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from triptych.datasets.coded import distinct
from triptych.datasets.gathered import pieces
from triptych.datasets.windows import Windows
from triptych.errors import InputError
from triptych.networks.registry import takes_images
from triptych.training.recipe import Recipe
from triptych.training.seeds import ORDER, VALIDATION, generator_of


class Batches:
    """Signals and targets in batches, as `Trainer.fit` takes them.

    Parameters
    ----------
    signals, targets
        ``(n, channels, time)`` and ``(n,)`` class indices or `heads.IGNORED`.
    size
        Samples a batch over all processes.
    seed
        Of the order. Training: a new order every epoch, and the last incomplete batch is left
        out. Otherwise: one fixed order, cut into batches of nearly `size`.
    rank, world
        This process and their number; each gets its equal share of every batch.

    Attributes
    ----------
    redraw
        Epoch → signals and targets, as many and of the same shapes, that take the place of these.

    Raises
    ------
    InputError
        If `size` cannot be shared evenly, or there are fewer than 2 samples for a process.
    """

    def __init__(
        self,
        signals: Tensor,
        targets: Tensor,
        size: int,
        seed: int,
        *,
        training: bool = True,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        n = len(signals)
        if n < 2 * world or size % world or size < 2 * world:
            raise InputError(
                f"{n} windows in batches of {size} cannot be shared by {world} process"
                f"{'es' * (world > 1)}; expected at least {2 * world} windows and a batch that is "
                f"a multiple of {world}, at least {2 * world}"
            )
        self.signals, self.targets = signals, targets
        self.seed, self.training, self.rank, self.world = seed, training, rank, world
        self.epoch = 0
        self.redraw: Callable[[int], tuple[Tensor, Tensor]] | None = None
        self.size = min(size, n - n % world)
        self.count = n // self.size if training else -(-n // self.size)

    def __len__(self) -> int:
        return self.count

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where lightning looks for ``sampler.set_epoch``, which it calls before every epoch."""
        return SimpleNamespace(sampler=self)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order, and its samples where they are drawn anew."""
        self.epoch = epoch
        if self.redraw is not None:
            self.signals, self.targets = self.redraw(epoch)

    def rows(self) -> list[Tensor]:
        """Row indices of every batch of this process, in order."""
        n = len(self.signals)
        place = (ORDER, self.epoch) if self.training else (VALIDATION,)
        order = torch.randperm(n, generator=generator_of(self.seed, *place))
        whole = n - n % self.world
        if self.training:  # windows that were drawn anew may be fewer
            whole = min(whole, self.count * self.size)
        own = order[:whole].view(-1, self.world)[:, self.rank]
        # equal shares of every batch, since batch statistics are gathered over processes
        return list(own.tensor_split(self.count))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in self.rows():
            yield self.signals.index_select(0, rows), self.targets.index_select(0, rows)


def require_fit(
    recipe: Recipe, train: Windows, validation: Windows | None, shared_people: bool = False
) -> None:
    """Raise InputError unless the windows are of the recipe's rate and length, and finite.

    Missing samples (NaN) are let through for a recipe that `takes_gaps`.
    A subject on both sides is refused too, unless `shared_people` says that it is meant.
    """
    if validation is not None and not shared_people:
        both = np.intersect1d(distinct(train.subject), distinct(validation.subject))
        if len(both):
            named = ", ".join(both[:5]) + (", ..." if len(both) > 5 else "")
            raise InputError(
                f"{len(both)} subjects have windows to train on and to validate on ({named}), "
                "which flatters every figure; split by subject, or pass shared_people=True"
            )
    of_images = takes_images(recipe.encoder.name)
    for name, windows in (("train", train), ("validation", validation)):
        if windows is None:
            continue
        if len(windows.signals.shape) != (4 if of_images else 3):
            expected = "images (n, channels, size, size)" if of_images else "signals"
            raise InputError(
                f"{name} windows have shape {tuple(windows.signals.shape)}, but encoder "
                f"{recipe.encoder.name!r} of recipe {recipe.name!r} takes {expected}; recipes are "
                "for signals (n, channels, time): train images by a module of your own with "
                "fit_module, or by an encoder registered with of_images = True"
            )
        length = windows.signals.shape[-1] - 2 * windows.context
        if windows.rate != recipe.data.rate or length != recipe.length:
            raise InputError(
                f"{name} windows have {length} samples at {windows.rate:g} Hz, but recipe "
                f"{recipe.name!r} says {recipe.length} at {recipe.data.rate:g} Hz (data.length_s, "
                "data.rate)"
            )
        for x in pieces(windows.signals):
            if not bool((~x.isinf() if recipe.takes_gaps else x.isfinite()).all()):
                raise InputError(
                    f"{name} windows hold NaN or infinite values; remove these windows, or train "
                    "on missing samples: data.options.missing: mask, or a transform gaps"
                )
    if validation is not None and validation.signals.shape[1] != train.signals.shape[1]:
        raise InputError(
            f"validation windows have {validation.signals.shape[1]} channels and train windows "
            f"{train.signals.shape[1]}; expected the same"
        )


def fingerprint(data: Sequence[Tensor]) -> str:
    """Shapes and checksums: a training is resumed on the same signals and labels only."""

    def checksum(x: Tensor) -> int:
        value = 0
        for each in pieces(x):
            value = zlib.crc32(each.contiguous().numpy().data, value)
        return value

    return ", ".join(f"{tuple(x.shape)} {checksum(x):08x}" for x in data)
