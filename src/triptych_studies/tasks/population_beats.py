"""Heartbeats of two populations: windows whose beats are all N, and those around S, V or F."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych import datasets
from triptych.datasets import Dataset, Windows, event_windows, mitdb, preprocess
from triptych.networks import Standardize
from triptych_studies.base import Budget, Options
from triptych_studies.tasks.population_samples import Populations, Samples

# Windows per class and record: N, others.
COUNTS = {"smoke": (10, 10), "quick": (150, 60), "full": (300, 100)}
# Two seconds, so that a window shows how soon its beat comes after the one before.
RATE, LENGTH_S, CONTEXT_S, GAP_S = 200.0, 2.0, 0.1, 30.0
CLASSES = ("S", "V", "F")


def beats(data: Path | None, options: Options) -> Populations:
    """Read MIT-BIH, DS1 against DS2; InputError if that cannot be."""
    loaded = datasets.load("mitdb", data)
    clean = loaded.map(lambda recording: preprocess(recording, RATE, 0.5, 40.0))
    train, validation, test = mitdb.split(clean)
    if options.budget == "smoke":
        train, test = train.select(names=train.names[:8]), test.select(names=test.names[:8])
    del validation  # left for development
    seen, unseen = (_windows(side, options.budget, k) for k, side in enumerate((train, test)))
    samples = _samples(unseen)
    early, late = _halves(unseen, samples.target)
    return Populations(
        data_name="mitdb",
        fingerprint=loaded.fingerprint,
        notes=(*loaded.notes, f"windows are of {LENGTH_S:g} s at {RATE:g} Hz, standardised"),
        options=options,
        train=_samples(seen),
        test=samples,
        shared_fit=samples.take(early),
        shared_test=samples.take(late),
        names=("beat", "record"),
        attributes={},
        rate=RATE,
    )


def _windows(side: Dataset, budget: Budget, seed: int) -> Windows:
    normal, rare = COUNTS[budget]
    cut = (CONTEXT_S, LENGTH_S, CONTEXT_S, seed)
    targets = event_windows(side, CLASSES, rare, *cut)
    background = event_windows(side, ("N",), normal, *cut)
    events = {each.name: each.events for each in side.recordings}
    pure = np.ones(len(background), dtype=bool)
    for row, (record, start) in enumerate(zip(background.record, background.start, strict=True)):
        annotated = events[str(record)]
        if annotated is not None:
            ends = np.array([start - CONTEXT_S, start + LENGTH_S + CONTEXT_S]) * RATE
            first, last = np.searchsorted(annotated.sample, ends)
            pure[row] = bool((annotated.label[first:last] == "N").all())
    return Windows.concat([targets, background.take(pure)])


def _samples(windows: Windows) -> Samples:
    target = windows.label != "N"
    return Samples(
        Standardize()(windows.signals),
        torch.as_tensor(target.astype(np.float32))[:, None],
        np.where(target, windows.label, ""),
        windows.record,
        windows.subject,
    )


def _halves(windows: Windows, target: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Background windows of the first and the second half in time of each record, 30 s apart."""
    early, late = np.zeros(len(windows), dtype=bool), np.zeros(len(windows), dtype=bool)
    for record in np.unique(windows.record):
        own = (windows.record == record) & ~target
        middle = float(np.median(windows.start[own])) if own.any() else 0.0
        early |= own & (windows.start < middle - GAP_S / 2)
        late |= own & (windows.start > middle + GAP_S / 2)
    return early, late
