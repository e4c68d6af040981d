"""Two populations of each data set of the contrastive-analysis study, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych import InputError, datasets
from triptych.datasets import (
    Dataset,
    Windows,
    event_windows,
    mitdb,
    preprocess,
)
from triptych.networks import Standardize
from triptych.objectives.base import Kind
from triptych_studies.base import Budget, Options, Prepared
from triptych_studies.data import digits_on_textures, sprites
from triptych_studies.data.images import Images, Side

DATASETS = ("digits", "mitdb", "sprites")
IMAGES = {"smoke": (300, 300), "quick": (4000, 2000), "full": (6000, 4000)}  # train, test
BEATS = {"smoke": (10, 10), "quick": (150, 60), "full": (300, 100)}  # a class a record: N, others
GROUPS = 20  # of test images, in place of people
# Two seconds, so that a window shows how soon its beat comes after the one before.
RATE, LENGTH_S, CONTEXT_S, GAP_S = 200.0, 2.0, 0.1, 30.0
CLASSES = ("S", "V", "F")
SPRITES: dict[str, Kind] = {
    name: "discrete" if name == "shape" else "continuous" for name in sprites.ATTRIBUTES
}


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples ``x (n, channels, ...)`` of both populations.

    Attributes
    ----------
    labels
        ``(n, 1 + a)``: 1 for targets and 0 for background, then attributes (NaN: none).
    own
        Class of each target, "" for background ``(n,)``.
    shared
        Class of what both populations share: texture, digit of the grid, record ``(n,)``.
    group
        Test person, or one of `GROUPS` groups of test images ``(n,)``.
    """

    x: Tensor
    labels: Tensor
    own: NDArray[np.str_]
    shared: NDArray[np.str_]
    group: NDArray[np.str_]

    @property
    def target(self) -> NDArray[np.bool_]:
        """Which samples are targets, ``(n,)``."""
        return self.labels[:, 0].numpy() > 0

    def take(self, rows: NDArray[Any]) -> Samples:
        """These rows only: indices or a bool mask."""
        kept = np.arange(len(self.x))[rows]
        at = torch.as_tensor(kept)
        return Samples(
            self.x[at], self.labels[at], self.own[kept], self.shared[kept], self.group[kept]
        )


@dataclass(frozen=True, kw_only=True)
class Populations(Prepared):
    """Samples to train on and to test on.

    Attributes
    ----------
    train, test
        Of different people, or with different handwriting; the probe of the target's class is
        fitted on targets of the one and scored on targets of the other.
    shared_fit, shared_test
        The same for the probe of what is shared.
    names
        Words for (the target's class, what is shared), and of the supervised attributes.
    attributes
        Name → ``"discrete"`` or ``"continuous"``: columns of `Samples.labels` behind the first.
    rate
        Hz of signals, 0 for images.
    """

    train: Samples
    test: Samples
    shared_fit: Samples
    shared_test: Samples
    names: tuple[str, str]
    attributes: dict[str, Kind]
    rate: float = 0.0


def populations(data: Path | None, options: Options) -> Populations:
    """Read or generate the data set that `options` names (digits if none).

    Raises
    ------
    InputError
        If there is no such data set, or it cannot be read.
    """
    name = options.dataset or DATASETS[0]
    if name == "mitdb":
        return _beats(data, options)
    if name not in DATASETS:
        raise InputError(
            f"contrastive-analysis has no data set {name!r}; choose one of {', '.join(DATASETS)}"
        )
    module: Any = digits_on_textures if name == "digits" else sprites
    own, shared = ("digit", "texture") if name == "digits" else ("shape", "digit")
    counts = IMAGES[options.budget]
    sides: tuple[tuple[Side, int], ...] = (("train", counts[0]), ("test", counts[1]))
    images: list[Images] = [module.load(n, side, seed=1) for side, n in sides]
    train, test = (_of_images(each, own, shared, name == "sprites") for each in images)
    return Populations(
        data_name=name,
        fingerprint=" ".join(each.fingerprint for each in images),
        simulated=True,
        options=options,
        split="handwriting",
        train=train,
        test=test,
        shared_fit=train.take(train.target),
        shared_test=test.take(test.target),
        names=(own, shared if name == "digits" else "digit of the grid"),
        attributes=SPRITES if name == "sprites" else {},
    )


def _of_images(data: Images, own: str, shared: str, supervised: bool) -> Samples:
    labels = data.target.astype(np.float32)[:, None]
    if supervised:
        labels = np.concatenate([labels, sprites.scaled_attributes(data)], axis=1)
    rows = np.arange(len(data))

    def words(factor: str) -> NDArray[np.str_]:
        names = data.classes.get(factor)
        return np.array(names)[data.factors[factor]] if names else data.factors[factor].astype(str)

    return Samples(
        torch.as_tensor(data.images),
        torch.as_tensor(labels),
        np.where(data.target, words(own), ""),
        words(shared),
        # neighbours are a background and a target image, so that every group has both
        np.char.add("images ", (rows // 2 % GROUPS + 1).astype(str)),
    )


def _beats(data: Path | None, options: Options) -> Populations:
    """Background: windows whose beats are all N. Targets: S, V or F nearest the centre."""
    loaded = datasets.load("mitdb", data)
    clean = loaded.map(lambda recording: preprocess(recording, RATE, 0.5, 40.0))
    train, validation, test = mitdb.split(clean)
    if options.budget == "smoke":
        train, test = train.select(names=train.names[:8]), test.select(names=test.names[:8])
    del validation  # left for development
    seen, unseen = (_windows(side, options.budget, k) for k, side in enumerate((train, test)))
    samples = _of_windows(unseen)
    early, late = _halves(unseen, samples.target)
    return Populations(
        data_name="mitdb",
        fingerprint=loaded.fingerprint,
        notes=(*loaded.notes, f"windows are of {LENGTH_S:g} s at {RATE:g} Hz, standardised"),
        options=options,
        train=_of_windows(seen),
        test=samples,
        shared_fit=samples.take(early),
        shared_test=samples.take(late),
        names=("beat", "record"),
        attributes={},
        rate=RATE,
    )


def _windows(side: Dataset, budget: Budget, seed: int) -> Windows:
    normal, rare = BEATS[budget]
    cut = (CONTEXT_S, LENGTH_S, CONTEXT_S, seed)
    targets = event_windows(side, CLASSES, rare, *cut)
    background = event_windows(side, ("N",), normal, *cut)
    events = {each.name: each.events for each in side.recordings}
    pure = np.ones(len(background), dtype=bool)
    for row, (record, start) in enumerate(zip(background.record, background.start, strict=True)):
        beats = events[str(record)]
        if beats is not None:
            ends = np.array([start - CONTEXT_S, start + LENGTH_S + CONTEXT_S]) * RATE
            first, last = np.searchsorted(beats.sample, ends)
            pure[row] = bool((beats.label[first:last] == "N").all())
    return Windows.concat([targets, background.take(pure)])


def _of_windows(windows: Windows) -> Samples:
    target = windows.label != "N"
    return Samples(
        Standardize()(windows.signals),
        torch.as_tensor(target.astype(np.float32))[:, None],
        np.where(target, windows.label, ""),
        windows.record,
        windows.person,
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
