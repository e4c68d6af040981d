"""Seeds of single steps, so that a repeated epoch repeats its views, noise and dropout."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch

ORDER, STEP, VALIDATION, PEOPLE, WINDOWS = range(5)
"""Streams of one seed, apart from each other."""


def seed_of(seed: int, *place: int) -> int:
    """Return a seed of 63 bits for a place such as (stream, epoch, step)."""
    return int(np.random.SeedSequence([seed, *place]).generate_state(1, np.uint64)[0] >> 1)


def generator_of(seed: int, *place: int) -> torch.Generator:
    """Return a generator on the CPU for a place."""
    return torch.Generator().manual_seed(seed_of(seed, *place))


def seed_all(device: torch.device, seed: int, *place: int) -> None:
    """Seed the global generators that dropout and the autoencoder's noise draw from.

    `torch.manual_seed` would do, but formats a stack trace for every kind of GPU that is not in
    use: more than all else that a training step adds to the arithmetic.
    """
    number = seed_of(seed, *place)
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)
    elif device.type == "mps":
        torch.mps.manual_seed(number)


@contextmanager
def same_random_state() -> Generator[None]:
    """Leave torch's global random state as it was before."""
    devices = range(torch.cuda.device_count())
    with cast(Any, torch.random).fork_rng(devices=devices):
        yield
