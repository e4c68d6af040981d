"""A model of another maker as a function of signals; `models` opens them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.audit.sources import Source
from triptych.errors import InputError
from triptych.metrics.inputs import as_array
from triptych.model import Preprocessing

Signals = NDArray[np.float32]


@dataclass(frozen=True)
class Outside:
    """A model of another maker.

    Attributes
    ----------
    name
        As it was asked for.
    run
        Signals (n, channels, time) → output name → values (n, ...).
    output
        Which of its outputs is looked at; None where there is one only.
    channels, length, rate
        What it says of its input; None where it says nothing.
    warning
        What a reader should know of how it was opened, if anything.
    """

    name: str
    run: Callable[[Signals], Mapping[str, Any]]
    output: str | None = None
    channels: int | None = None
    length: int | None = None
    rate: float | None = None
    warning: str = ""

    def embed(self, x: Tensor) -> NDArray[Any]:
        """Values (n, d) of signals (n, channels, time); whatever follows n is laid flat.

        Raises InputError if the model cannot run on them, its outputs are ambiguous, or rows lack.
        """
        try:
            with torch.no_grad():
                found = self.run(x.numpy())
        except Exception as error:  # another maker's code fails in its own ways
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise InputError(
                f"{self.name} cannot run on signals of shape {tuple(x.shape)} (windows, channels, "
                f"time): {type(error).__name__}: {reason[:200]}"
            ) from error
        if self.output not in found and (self.output is not None or len(found) != 1):
            raise InputError(
                f"{self.name} has the outputs {', '.join(found)}; name one of them: --output NAME"
            )
        value = found[self.output or next(iter(found))]
        array = np.asarray(value.cpu() if isinstance(value, Tensor) else value)
        if array.ndim < 2 or len(array) != len(x):
            raise InputError(
                f"{self.name} gave values of shape {array.shape} for {len(x)} windows, expected "
                f"({len(x)}, d): one row a window"
            )
        return as_array(array.reshape(len(x), -1), f"what {self.name} gave")

    def form(
        self, source: Source, rate: float | None = None, window_s: float | None = None
    ) -> Preprocessing:
        """What windows it needs: as it says, as it is told, else the recordings' own.

        Raises InputError where these contradict each other, or nobody says how long a window is.
        """
        first = source.dataset.recordings[0]
        if rate is not None and self.rate not in (None, rate):
            raise InputError(f"{self.name} was made for {self.rate:g} Hz, but {rate:g} is asked of")
        rate = rate or self.rate or first.rate
        length = self.length if window_s is None else round(window_s * rate)
        if length is None or length < 1 or self.length not in (None, length):
            takes = "of any length" if self.length is None else f"of {self.length} samples"
            raise InputError(
                f"{self.name} takes windows {takes}, at {rate:g} Hz; "
                + ("say how long: --window S" if window_s is None else f"not of {window_s:g} s")
            )
        names = first.channels
        if self.channels not in (None, len(names)):
            names = tuple(map(str, range(self.channels or 0)))
        return Preprocessing(rate, names, length)
