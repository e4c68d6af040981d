"""Embed a stream with a model that triptych exported: NumPy and onnxruntime, nothing else.

This file stands beside the ONNX file that it was exported with; all it has to know is in there.

    stream = Stream("model.onnx", step_s=0.5)
    starts, latents = stream.push(samples)  # (channels, time) at the model's rate, in its units

`starts` are the first samples of the windows that became whole, `latents` their blocks. Samples
that were lost are skipped by `at`, the place of the first sample that is pushed: filters start
anew behind such a gap, and no window spans it. Samples that were pushed before are passed over.
"""

import json
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Cutting:
    """From samples to filtered windows `step` samples apart; any axes may precede time."""

    def __init__(self, length: int, step: int, filters: Any, lead: int = 0) -> None:
        self.length, self.step = length, step
        self.filters = filters  # (n, sections): of the first n channels; 0: of all
        self.lead = lead  # samples before each window, for a graph that filters by itself
        self.begin(0)

    def begin(self, at: int) -> None:
        """Start a stretch at sample `at`."""
        self.seen: int = at
        self.next: int = at
        self.kept: Any = None
        self.states: dict[int, Array] = {}

    def push(self, samples: Any, at: int | None = None) -> tuple[Array, Array]:
        """Starts ``(w,)`` and windows ``(w, ..., channels, length)`` that `samples` complete."""
        x = np.asarray(samples, dtype=np.float32)
        here: int = self.seen if at is None else at
        x = x[..., max(0, self.seen - here) :]
        if here > self.seen:
            self.begin(here)
        whole = self.lead + self.length
        if not x.shape[-1]:
            return np.empty(0, dtype=int), np.empty((0, *x.shape[:-1], whole), x.dtype)
        fresh = self.kept is None
        for place, (n, sections) in enumerate(self.filters):
            part = x[..., : n or None, :].astype(np.float64)
            if fresh:
                self.states[place] = steady_state(sections, part[..., :1])
            y = self.run(sections, self.states[place], part)
            x = np.concatenate([y, x[..., y.shape[-2] :, :]], axis=-2).astype(np.float32)
        before = np.repeat(x[..., :1], self.lead, axis=-1) if fresh else self.kept
        self.kept = np.concatenate([before, x], axis=-1)
        self.seen += x.shape[-1]
        first: int = self.seen - self.kept.shape[-1]
        starts: Array = np.arange(self.next, self.seen - self.length + 1, self.step)
        at_first: Array = starts - self.lead - first
        windows = [self.kept[..., s : s + whole] for s in at_first]
        self.next += len(starts) * self.step
        self.kept = self.kept[..., max(0, self.next - self.lead - first) :]
        empty = np.empty((0, *x.shape[:-1], whole), dtype=np.float32)
        return starts, np.stack(windows) if windows else empty

    def run(self, sections: Any, state: Array, x: Array) -> Array:
        """Filter ``x (..., time)`` forwards by second-order sections; `state` goes on."""
        y = np.empty_like(x)
        for t in range(x.shape[-1]):
            value = x[..., t]
            for (b0, b1, b2, _, a1, a2), z in zip(sections, state, strict=True):
                out = b0 * value + z[..., 0]
                z[..., 0] = b1 * value - a1 * out + z[..., 1]
                z[..., 1] = b2 * value - a2 * out
                value = out
            y[..., t] = value
        return y


def steady_state(sections: Any, first: Any) -> Array:
    """State ``(section, ..., 2)`` after the value ``first (..., 1)`` has always been there."""
    states: list[Array] = []
    level = np.asarray(first, dtype=np.float64)
    for b0, b1, b2, _, a1, a2 in sections:
        out = level * (b0 + b1 + b2) / (1 + a1 + a2)
        states.append(np.concatenate([out - b0 * level, b2 * level - a2 * out], axis=-1))
        level = out
    return np.stack(states)


class Stream:
    """Latents of a stream by the ONNX file `path`, a window every `step_s` s.

    `rate`, the Hz of the samples, is compared with the model's: nothing is resampled here.
    """

    def __init__(self, path: Any, step_s: float, rate: float | None = None) -> None:
        import onnxruntime

        self.session: Any = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )
        told = self.session.get_modelmeta().custom_metadata_map
        self.rate, length = float(told["rate"]), int(told["length"])
        if rate not in (None, self.rate):
            raise ValueError(f"{path} takes {self.rate:g} Hz, not {rate:g}; resample before")
        filters = json.loads(told["filters"])
        if filters is None:
            raise ValueError(f"{path} is filtered forwards and backwards, which no stream can be")
        step, lead = max(1, round(step_s * self.rate)), int(told.get("lead_in", 0))
        self.windows = Cutting(length, step, filters, lead)
        self.sizes = {each.name: each.shape[-1] for each in self.session.get_outputs()}

    def push(self, samples: Any, at: int | None = None) -> tuple[Array, dict[str, Array]]:
        """Starts ``(w,)`` and block name → ``(w, ..., size)`` for ``samples (..., c, time)``."""
        starts, x = self.windows.push(samples, at)
        found = [np.empty((0, size), dtype=np.float32) for size in self.sizes.values()]
        if x.size:
            found = self.session.run(list(self.sizes), {"signals": x.reshape(-1, *x.shape[-2:])})
        blocks = zip(self.sizes.items(), found, strict=True)
        return starts, {name: z.reshape(*x.shape[:-2], size) for (name, size), z in blocks}
