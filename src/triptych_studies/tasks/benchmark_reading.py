"""What the columns of the benchmark are measured on: a trained model's latents of one cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from triptych.datasets import Windows
from triptych_studies.tasks.base import Sides, Trained


@dataclass(frozen=True)
class Timed(Trained):
    """A trained model, and what its training took: s of CPU, and MB at the peak above the start."""

    seconds: float = 0.0
    megabytes: float = float("nan")


@dataclass(frozen=True)
class LatentReading:
    """Latents of a model on the windows of one cell; `inside` are the blocks that count."""

    task: Any
    model: Any
    sides: Sides

    @cached_property
    def inside(self) -> tuple[str, ...]:
        """Blocks invariant to the main nuisance; all blocks where there is none."""
        schema = self.model.schema
        return tuple(b.name for b in schema.invariant(self.task.main)) or schema.names

    def pair(self, windows: Windows, seed: int, tested: bool) -> tuple[Tensor, Tensor]:
        """All latents of windows as they are, and under one draw of the nuisance each."""
        chain = self.task.chain(tested)
        theta = chain.sample(len(windows), torch.Generator().manual_seed(seed))
        return self.moved(windows, chain, theta)

    def moved(self, windows: Windows, transform: Any, theta: Tensor) -> tuple[Tensor, Tensor]:
        """All latents of windows as they are, and under these θ."""
        seen = windows.with_context(transform.context).signals
        still = self.model.embed(windows.centred).all
        return still, self.model.embed(transform.apply(seen, theta)).all

    def chosen(self, z: Tensor) -> Tensor:
        """The latents that count, of all."""
        return self.model.schema.select(z, self.inside)

    @cached_property
    def test(self) -> tuple[Tensor, Tensor]:
        """Of the test windows."""
        return self.pair(self.sides.test, 0, tested=True)

    @cached_property
    def fitted(self) -> Windows:
        """Windows that probes are fitted on: of those who train and of those who validate."""
        return Windows.concat([self.sides.train, self.sides.validation])

    @cached_property
    def train(self) -> tuple[Tensor, Tensor]:
        """Of these windows; the nuisance as it was trained with."""
        return self.pair(self.fitted, 1, tested=False)
