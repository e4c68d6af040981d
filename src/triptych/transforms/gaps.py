"""Gaps: samples that were never recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Generator, Tensor

from triptych.errors import InputError
from triptych.missing import bridge
from triptych.transforms.checks import exact_dtype, uniform, within
from triptych.transforms.seeded import Seeded, bits, uniforms

MOST = 0.9  # of a window, so that something is left to be seen


@dataclass(frozen=True)
class Gaps(Seeded):
    """Let a share of the window be missing, in one or several runs; θ = (share, seed).

    All channels are missing together, as when a sensor is silent, so that every window has
    ``round(share · time)`` missing samples. A missing sample is NaN: models of front-ends and
    encoders that know it leave it out of their statistics and of the pooling over time.

    Parameters
    ----------
    low, high
        `sample` is uniform in [low, high], shares of the window, at most 0.9.
    runs
        A window has 1 to so many runs, as its seed says; they may touch.
    fill
        ``"nan"``; or ``"interpolate"``: linearly between the neighbours, for models that know no
        missing samples.
    """

    low: float = 0.01
    high: float = 0.3
    runs: int = 3
    fill: Literal["nan", "interpolate"] = "nan"

    name = "gaps"
    unit = "of the window"
    limited_by = "high"

    def __post_init__(self) -> None:
        within(self.name, "high", self.high, 0, MOST)
        within(self.name, "low", self.low, 0, self.high)
        within(self.name, "runs", self.runs, 1, 1000, whole=True)
        if self.fill not in ("nan", "interpolate"):
            raise InputError(f"gaps got fill={self.fill!r}, expected 'nan' or 'interpolate'.")

    @property
    def leaves_gaps(self) -> bool:
        """Whether missing samples are left in the signals."""
        return self.fill == "nan"

    def filled(self) -> Gaps:
        """Return the same with missing samples interpolated."""
        return replace(self, fill="interpolate")

    @property
    def legend(self) -> str:
        """What becomes of missing samples."""
        if self.leaves_gaps:
            return "Missing samples are masked: the model leaves them out of what it averages."
        return "Missing samples are filled by linear interpolation, as the model knows no mask."

    def words(self, magnitude: float) -> str:
        """Return "10 % missing", or "10 % interpolated"."""
        return f"{100 * magnitude:.4g} % {'missing' if self.leaves_gaps else 'interpolated'}"

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Uniform in [low, high] and any seed, `(n, 2)`."""
        return self._with_seeds(uniform(n, self.low, self.high, generator), generator)

    def identity(self, n: int) -> Tensor:
        """Share 0 and seed 0, `(n, 2)`."""
        return torch.zeros(n, 2)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Let samples of each signal of `x` `(n, c, time)` be missing as its θ `(n, 2)` says."""
        share, seed = self._unpack(x, params, 0, MOST)
        time = x.shape[2]
        # a float32 share of 0.3 is a hair more, and 0.5 is rounded the same way everywhere
        count = (share.to(exact_dtype(share.device)) * time - 1e-4).round().long()
        missing = self._where(count.to(x.device), seed.to(x.device), time)
        made = x.masked_fill(missing[:, None], torch.nan)
        return made if self.leaves_gaps else bridge(made)

    def _where(self, count: Tensor, seed: Tensor, time: int) -> Tensor:
        """Which samples are missing, `(n, time)`: `count` `(n,)` of them."""
        runs = 1 + bits(seed, 1, stream=4) % self.runs  # (n, 1)
        place = torch.arange(self.runs, device=seed.device)
        cuts = (uniforms(seed, self.runs, stream=5) * count[:, None]).long()
        # run k goes from cut k − 1 to cut k of the missing samples; those beyond `runs` are empty
        cuts = torch.where(place < runs - 1, cuts, count[:, None]).sort(dim=1).values
        before = torch.nn.functional.pad(cuts[:, :-1], (1, 0))
        room = (time - count)[:, None]
        start = (uniforms(seed, self.runs, stream=6) * (room + 1)).long().clamp(max=room)
        start = torch.where(place < runs, start, room)
        start = start.sort(dim=1).values + before
        at = torch.arange(time, device=seed.device)[:, None]
        inside = (at >= start[:, None]) & (at < (start + cuts - before)[:, None])
        return inside.any(dim=2)
