"""What is audited, embedded or searched: recordings in a model's form, and windows of them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych import datasets
from triptych.datasets import Dataset, Recording, Windows
from triptych.datasets.readers.alike import OTHER_UNIT
from triptych.datasets.sources import open_data
from triptych.datasets.windows import long_enough
from triptych.errors import InputError
from triptych.latent import LinearHead, OneLabel
from triptych.model import Latents, Model, Preprocessing
from triptych.transforms import Transform, context_of

Progress = Callable[[int, int], None]
"""Told how many of how many pieces of work are done."""


def data_for(
    model: Model,
    data: str,
    options: Mapping[str, Any] | None = None,
    transforms: Sequence[Transform] = (),
) -> Dataset:
    """`open_data` in the form that a model needs, with a note if it looks like another unit.

    Recordings too short for a window, with what the `transforms` need around it, are left out. For
    a model of single channels (``info["each_channel"]``) every channel is a recording of its own.

    Raises
    ------
    InputError
        As `open_data` and `fit_to` say.
    """
    asked = {**_implied(model, data), **(options or {})}
    opened = open_data(data, asked)
    if model.info.get("each_channel"):
        opened = each_channel(opened)
    dataset = fit_to(opened, model.preprocessing, transforms)
    return replace(dataset, notes=(*dataset.notes, *_another_unit(model, dataset)))


def each_channel(dataset: Dataset) -> Dataset:
    """Make a recording of every channel, "NAME CHANNEL", where there are several."""

    def apart(one: Recording) -> list[Recording]:
        parts = ((name, slice(k, k + 1)) for k, name in enumerate(one.channels))
        return [
            replace(
                one,
                name=f"{one.name} {name}",
                signal=one.signal[own],
                channels=one.channels[own],
                units=one.units[own],
            )
            for name, own in parts
        ]

    recordings = tuple(
        part
        for one in dataset.recordings
        for part in (apart(one) if len(one.channels) > 1 else [one])
    )
    return replace(dataset, recordings=recordings)


def _implied(model: Model, data: str) -> dict[str, Any]:
    """Columns of own recordings in which the model's recipe found sets of labels or numbers."""
    recipe: Any = model.info.get("recipe") or {}
    said: Any = recipe.get("data", {})
    if said.get("name") != "folder" or datasets.named(data)[0] is not None:
        return {}
    options: Any = said.get("options", {})
    found = {"target_column": said.get("target") or options.get("target_column")}
    found["label_separator"] = options.get("label_separator")
    if isinstance(options.get("label_column"), list) or said.get("label_separator"):
        found["label_column"] = options.get("label_column")
    return found


def _another_unit(model: Model, dataset: Dataset) -> tuple[str, ...]:
    """Note on recordings far stronger or weaker than what the model was trained on.

    Subjects differ by less than this; m/s² and g by 9.8, V and mV by 1,000.
    """
    known: Any = model.info.get("level")
    if not isinstance(known, float) or not known > 0:
        return ()
    times = float(np.median([each.level for each in dataset.recordings])) / known
    if OTHER_UNIT > times > 1 / OTHER_UNIT:
        return ()
    return (
        f"the recordings are {times:.2g} times as strong as the windows that the model was trained "
        f"on (RMS {times * known:.3g}, there {known:.3g}): if they are in another unit, convert "
        "them first",
    )


def fit_to(
    dataset: Dataset, preprocessing: Preprocessing, transforms: Sequence[Transform] = ()
) -> Dataset:
    """Bring recordings into the form that a model needs: channels, rate and band.

    Those that are too short for a window, with the context of the `transforms`, are left out,
    which a note says.

    Raises
    ------
    InputError
        If the channels do not fit, the recordings' rate cannot carry the model's band, or every
        recording is too short.
    """
    needed, notes = preprocessing.channels, list(dataset.notes)
    recordings: list[Recording] = []
    by_place: list[Recording] = []
    for each in dataset.recordings:
        rows = [each.channels.index(name) for name in needed if name in each.channels]
        if len(rows) != len(needed) or not _named(needed):
            if len(each.channels) != len(needed):
                raise InputError(
                    f"recording {each.name} has {len(each.channels)} channels "
                    f"({', '.join(each.channels)}), but the model needs {len(needed)} "
                    f"({', '.join(needed)}); {_chosen(each.channels, len(needed))}"
                )
            rows = list(range(len(needed)))
            by_place += [each] * (each.channels != needed)
        limit = preprocessing.high or 0.0
        if each.rate / 2 < limit:
            raise InputError(
                f"recording {each.name} has {each.rate:g} Hz, which holds nothing above "
                f"{each.rate / 2:g} Hz, but the model was made for a band up to {limit:g} Hz; "
                "use recordings of a higher rate, or correct the rate"
            )
        recordings.append(replace(each, signal=each.signal[rows], channels=needed))
    if by_place:
        notes.append(
            f"{len(by_place)} recordings have channels of other names "
            f"({', '.join(by_place[0].channels)}) than the model's ({', '.join(needed)}): they are "
            "taken in their order"
        )
    fitted = replace(dataset, recordings=tuple(recordings), notes=tuple(notes))
    fitted = fitted.map(lambda each: datasets.preprocess(each, preprocessing))
    context = max(map(context_of, transforms), default=0)
    rate = preprocessing.rate
    return long_enough(fitted, preprocessing.length / rate, context / rate)


def _chosen(channels: tuple[str, ...], count: int) -> str:
    """How to choose so many channels, as the command line spells it."""
    if len(channels) < count:
        return "use recordings that have them"
    titles = [f'"{each}"' if "," in each else each for each in channels[:count]]
    return f"choose them by name, e.g. --channels {shlex.quote(','.join(titles))}"


def _named(channels: tuple[str, ...]) -> bool:
    """Whether channels have names of their own; a bare number says nothing about what it is."""
    return not any(name.removeprefix("channel ").isdecimal() for name in channels)


def seen_before(model: Model, dataset: Dataset) -> tuple[str, ...]:
    """Note for an audit on the very recordings, or virtual subjects, that the model was trained on.

    Virtual subject i is the same in every simulated cohort of a kind, whatever its size and length.
    """
    origin: Any = model.info.get("data")
    if not isinstance(origin, Mapping):
        return ()
    said = cast("Mapping[str, Any]", origin)
    if said.get("fingerprint") == dataset.fingerprint:
        seen = "these very recordings"
    elif dataset.name.startswith("simulated") and (
        str(said.get("title")).partition(" of ")[0] == dataset.title.partition(" of ")[0]
    ):
        seen = "simulated subjects, and these may be among them"
    else:
        return ()
    return (f"the model was trained on {seen}, so its figures here are flattering",)


def windows_of(
    dataset: Dataset,
    preprocessing: Preprocessing,
    step_s: float | None = None,
    transforms: Sequence[Transform] = (),
) -> Windows:
    """Cut every recording of `fit_to` into the model's windows, one every `step_s` (None: its end).

    With the context that the `transforms` need. Raises InputError if the step is not above 0.
    """
    require_step(preprocessing, step_s)
    require_step(preprocessing, step_s)
    context = max(map(context_of, transforms), default=0)
    length_s = preprocessing.length / preprocessing.rate
    return datasets.cut(dataset, length_s, context / preprocessing.rate, step_s)


def require_step(preprocessing: Preprocessing, step_s: float | None) -> None:
    """Raise InputError unless windows can start every `step_s` seconds (None: end to end)."""
    if step_s is not None and not 1 <= step_s * preprocessing.rate < math.inf:
        raise InputError(
            f"a step of {step_s:g} s was asked for: expected a number of at least "
            f"{1 / preprocessing.rate:g} s, a sample at {preprocessing.rate:g} Hz"
        )


def random_windows_of(
    dataset: Dataset,
    preprocessing: Preprocessing,
    transform: Transform | None,
    per_record: int,
    seed: int = 0,
) -> Windows:
    """Cut windows at random places of every recording, with the context that a crop needs.

    Raises InputError if a recording is too short.
    """
    if per_record < 1:
        raise InputError(f"{per_record} windows of a recording were asked for, expected 1 or more")
    rate = preprocessing.rate
    context_s = 0 if transform is None else context_of(transform) / rate
    length_s = preprocessing.length / rate
    return datasets.random_windows(dataset, per_record, length_s, context_s, seed)


def classes_of(model: Model, head: str) -> tuple[str, ...]:
    """Classes that a head tells apart, one per window.

    Raises
    ------
    InputError
        If the model has no such head, or the head says sets of labels or a number.
    """
    if head not in model.heads:
        raise InputError(
            f"the model has no head {head!r}; it has {', '.join(model.heads) or 'none'}"
        )
    target = cast(LinearHead, model.heads[head]).target
    if not isinstance(target, OneLabel):
        raise InputError(
            f"head {head!r} says {target.said}, but predictions are audited of one class per "
            "window; use triptych evaluate, or audit the blocks"
        )
    return target.names


def both_sides(
    model: Model, windows: Windows, transform: Transform, seed: int = 0
) -> tuple[Latents, Latents, Tensor]:
    """Latents of windows as they are and under one random θ each, and these θ (n, p).

    The windows have the transform's context, else InputError.
    """
    x, n = windows.with_context(context_of(transform)).signals, len(windows)
    theta = transform.sample(n, torch.Generator().manual_seed(seed))
    still, moved = (transform.apply(x, each) for each in (transform.identity(n), theta))
    return model.embed(still), model.embed(moved), theta


def subjects_or_records(windows: Windows) -> tuple[NDArray[np.str_], str]:
    """Between whom similarity is compared: subjects, or records of a single one; and the word."""
    several = len(np.unique(windows.subject)) > 1
    return (windows.subject, "subjects") if several else (windows.record, "records")
