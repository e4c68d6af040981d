"""The windows that every row of the ECG phase study is measured on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.datasets import Dataset, Windows, event_windows, random_windows
from triptych.metrics import near_in_time, shape_based_distance, top_k_of
from triptych.networks import Standardize
from triptych.transforms import PhaseShift
from triptych_studies.base import Budget

MAX_SHIFT_S = 0.25
RATE = 400.0
BEATS = ("N", "S", "V")
# Windows per test record: (sweep, gallery, pairs of the phase probe), and shape-distance queries.
TEST = {
    "smoke": (10, 40, 60, 100),
    "quick": (50, 200, 2000, 1000),
    "full": (100, 200, 2000, 1000),
}


@dataclass(frozen=True)
class MeasuredWindows:
    """The windows of test subjects (and beats of training subjects) that every row is measured on.

    `gallery_shift`, `probe_shift`: one fixed θ per window, in s. `shape_neighbours`: the ten
    nearest by shape-based distance of each of `shape_queries`. `heart_rate`: beats per minute at
    each gallery window, NaN where fewer than three beats are annotated around it.
    """

    sweep: Windows
    gallery: Windows
    gallery_shift: Tensor
    probe: Windows
    probe_shift: Tensor
    shape_queries: NDArray[np.int64]
    shape_neighbours: NDArray[np.int64]
    beats_train: Windows
    beats_test: Windows
    shift: PhaseShift
    heart_rate: NDArray[np.float64]
    showcase: dict[str, Any] = field(default_factory=dict[str, Any])


def measured_windows(
    train: Dataset, validation: Dataset, test: Dataset, budget: Budget
) -> MeasuredWindows:
    """Cut them, and find the neighbours by shape, once for all rows."""
    sweep, gallery_size, pairs, queries = TEST[budget]
    cut = (1.0, MAX_SHIFT_S)
    shift = PhaseShift(MAX_SHIFT_S, RATE)
    rare = event_windows(test, ("S", "V", "F"), 50, MAX_SHIFT_S, *cut, seed=4)
    gallery = Windows.concat([random_windows(test, gallery_size, *cut, seed=3), rare])
    probe = random_windows(test, pairs, *cut, seed=5)
    generator = torch.Generator().manual_seed(6)
    gallery_shift = shift.sample(len(gallery), generator)
    rng = np.random.default_rng(7)
    asked = np.sort(rng.permutation(len(gallery))[:queries])
    seen = replace(train, recordings=train.recordings + validation.recordings)
    classes = (*BEATS, "F")
    return MeasuredWindows(
        sweep=random_windows(test, sweep, *cut, seed=8),
        gallery=gallery,
        gallery_shift=gallery_shift,
        probe=probe,
        probe_shift=shift.sample(len(probe), generator),
        shape_queries=asked,
        shape_neighbours=_shape_neighbours(gallery, asked, shift),
        beats_train=event_windows(seen, classes, 100, MAX_SHIFT_S, *cut, seed=9),
        beats_test=event_windows(test, classes, 100, MAX_SHIFT_S, *cut, seed=10),
        shift=shift,
        heart_rate=_heart_rate(test, gallery),
        showcase=_showcase(gallery, gallery_shift, shift),
    )


def _heart_rate(test: Dataset, windows: Windows) -> NDArray[np.float64]:
    """60 over the mean interval of the annotated beats within 5 s of each window's centre."""
    found = np.full(len(windows), np.nan)
    centre = windows.start + windows.centred.shape[-1] / windows.rate / 2
    for recording in test.recordings:
        if recording.events is None:
            continue
        beats = recording.events.sample / recording.rate
        own = np.flatnonzero(windows.record == recording.name)
        first, end = np.searchsorted(beats, [centre[own] - 5, centre[own] + 5])
        known = end - first > 2
        first, last = first[known], end[known] - 1
        found[own[known]] = 60 * (last - first) / (beats[last] - beats[first])
    return found


def _shape_neighbours(
    gallery: Windows, asked: NDArray[np.int64], shift: PhaseShift
) -> NDArray[np.int64]:
    x = _standardized(gallery.centred)[:, 0]
    distance = shape_based_distance(x[torch.as_tensor(asked)], x, shift.context)
    near = near_in_time(gallery.record[asked], gallery.start[asked], gallery.record, gallery.start)
    return top_k_of(-distance, 10, near)[0]


def _showcase(gallery: Windows, shifts: Tensor, shift: PhaseShift) -> dict[str, Any]:
    """The drawn query: of the V beats of records with 20 of them, the largest shift < 200 ms."""
    theta = shifts[:, 0].abs().numpy()
    ventricular = gallery.label == "V"
    names, count = np.unique(gallery.record[ventricular], return_counts=True)
    fit = ventricular & np.isin(gallery.record, names[count >= min(20, count.max(initial=0))])
    wanted = np.where(fit & (theta < 0.2), theta, -1.0)
    row = int(wanted.argmax())
    view = shift.apply(gallery.signals[row : row + 1], shifts[row : row + 1])
    return {
        "query": row,
        "signal": np.round(_standardized(view)[0, 0, ::2].numpy(), 3).tolist(),
        "record": str(gallery.record[row]),
        "label": str(gallery.label[row]),
        "shown": f"shifted by {1000 * float(shifts[row, 0]):+.0f} ms",
    }


def _standardized(x: Tensor) -> Tensor:
    """Windows as they are drawn: zero mean, unit deviation."""
    return Standardize()(x)
