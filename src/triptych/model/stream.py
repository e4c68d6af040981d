"""Latents while samples come in: the same as of whole recordings, window by window."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.model.companion import Cutting
from triptych.model.model import Model
from triptych.model.outputs import Latents


@dataclass(frozen=True, eq=False)
class Streamed:
    """What one push gave: `start_s` ``(w,)`` of the windows that became whole, and `latents`.

    Block by block ``(w, size)``; of several streams the rows are ``(w, streams)``, flattened
    window by window.
    """

    start_s: NDArray[np.float64]
    latents: Latents


class Stream:
    """Embed a stream, or many at once, with a model whose filters are causal.

    Parameters
    ----------
    model
        Its `preprocessing` says rate, channels and band.
    step_s
        Seconds from one window to the next, in each stretch without gaps.
    rate
        Hz of the samples that will be pushed, to be checked: a stream is not resampled.

    Raises
    ------
    InputError
        For a step below one sample, another rate than the model's, and a model that filters
        forwards and backwards.

    Notes
    -----
    Equal to ``model.embed(model.prepare(stretch, rate, step_s))`` of each stretch between gaps.
    """

    def __init__(self, model: Model, step_s: float, rate: float | None = None) -> None:
        how = model.preprocessing
        if rate not in (None, how.rate):
            raise InputError(
                f"the stream has {rate:g} Hz, but this model takes {how.rate:g} Hz, and streams "
                "are not resampled; set the device to that rate, or push what a low-pass filter "
                "with state and a decimation make of its samples"
            )
        if not step_s * how.rate >= 1:
            raise InputError(
                f"step_s is {step_s!r} s, expected at least one sample at {how.rate:g} Hz"
            )
        filters = how.filters()
        if filters is None:
            raise InputError(
                "this model filters whole recordings forwards and backwards (phase: zero), which "
                "no stream can do; train one with data.phase=causal"
            )
        self.model = model
        self._windows = _Fast(how.length, round(step_s * how.rate), filters)
        self._lead: tuple[int, ...] | None = None

    def push(self, samples: ArrayLike, at: int | None = None) -> Streamed:
        """Take the next samples; give the latents of every window that they complete.

        Parameters
        ----------
        samples
            ``(channels, time)``, or of several streams ``(streams, channels, time)``, at the
            model's rate and in its units.
        at
            Place of the first of them, counted from the first sample ever; None: the next. Beyond
            the next one, samples were lost: filters start anew, and no window spans the gap.
            Before it, samples come again: they are passed over.

        Raises
        ------
        InputError
            For other shapes than before, and for samples that are not finite.
        """
        x = np.asarray(samples, dtype=np.float32)
        channels = self.model.preprocessing.channels
        lead = x.shape[:-2]
        if x.ndim not in (2, 3) or x.shape[-2] != len(channels) or self._lead not in (None, lead):
            raise InputError(
                f"samples have shape {x.shape}, expected ({len(channels)}, time) of "
                f"{', '.join(channels)}, or several streams of that, as many in every push"
            )
        if not np.isfinite(x).all():
            raise InputError(
                "samples hold NaN or infinity; push what was received, and say by at=... where "
                "it goes on"
            )
        self._lead = lead
        starts, windows = self._windows.push(x, at)
        flat = windows.reshape(-1, *windows.shape[-2:])
        return Streamed(
            starts / self.model.preprocessing.rate,
            self.model.embed(flat) if len(flat) else _none(self.model.schema),
        )


class _Fast(Cutting):
    """The same by SciPy, which filters whole arrays."""

    def run(self, sections: Any, state: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
        filtered, state[...] = importlib.import_module("scipy.signal").sosfilt(
            sections, x, axis=-1, zi=state
        )
        return filtered


def _none(schema: LatentSchema) -> Latents:
    import torch

    return Latents(schema, torch.empty(0, schema.size))
