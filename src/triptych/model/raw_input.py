"""The causal filter as a layer, so that an exported graph takes samples as they were recorded."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from triptych.errors import InputError
from triptych.signals.preprocessing import Preprocessing

TAIL = 1e-5
LONGEST_S = 120.0


class CausalFilter(nn.Module):
    """Raw samples ``(n, channels, time)`` → the last filtered window ``(n, channels, length)``.

    It convolves with the impulse response, cut off where what follows sums to less than `TAIL`
    in absolute value: a sample of the window differs from the recursive filter's by at most
    `TAIL` times the largest distance of the samples from the first one. Like the recursive filter
    it starts as if the first sample had always been there, so the start of a recording is exact.

    Parameters
    ----------
    how
        Its filters (`Preprocessing.filters`), channels and length.

    Attributes
    ----------
    lead_in
        Samples before the window that the latents depend on; fewer are right at the start of a
        recording only, where there are none.

    Raises
    ------
    InputError
        For zero-phase filters, and those that remember more than two minutes.
    """

    response: Tensor
    level: Tensor

    def __init__(self, how: Preprocessing) -> None:
        super().__init__()
        filters = how.filters()
        if filters is None:
            raise InputError(
                "this model filters whole recordings forwards and backwards (phase: zero), which "
                "no graph of a window can do; train one with data.phase=causal, or leave raw out"
            )
        channels, self.length = how.shape
        h, level = _responses(filters, channels, round(LONGEST_S * how.rate))
        rest = np.cumsum(np.abs(h[:, ::-1]), axis=1)[:, ::-1].max(axis=0)
        taps = max(1, int((rest > TAIL).sum()))
        if taps > 0.9 * h.shape[1]:  # of what is beyond nothing is known
            raise InputError(
                f"this model's filter remembers more than {LONGEST_S:g} s; export without raw"
            )
        self.lead_in = taps - 1
        backwards = h[:, None, :taps][..., ::-1].copy()
        self.register_buffer("response", torch.as_tensor(backwards).float())
        self.register_buffer("level", torch.as_tensor(level)[:, None].float())

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c length"]:
        """Filter, and give the last window; ``t`` is `length` or more."""
        first = x[..., :1]
        moved = functional.pad(x - first, (self.lead_in, 0))[..., -(self.length + self.lead_in) :]
        filtered = functional.conv1d(moved, self.response, groups=len(self.response))
        return filtered + self.level * first


def _responses(
    filters: list[tuple[int, NDArray[np.floating[Any]]]], channels: int, longest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Impulse response ``(channels, longest)`` of all filters in turn, and gain of a constant."""
    sosfilt = importlib.import_module("scipy.signal").sosfilt
    h, level = np.zeros((channels, longest)), np.ones(channels)
    h[:, 0] = 1.0
    for n, sections in filters:
        some = slice(n or None)
        h[some] = sosfilt(sections, h[some], axis=-1)
        level[some] *= np.prod(sections[:, :3].sum(axis=1) / sections[:, 3:].sum(axis=1))
    return h, level
