"""From a recipe to windows: recordings at one rate, split by subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from triptych import datasets
from triptych.datasets import Dataset, Windows
from triptych.datasets.windows import long_enough
from triptych.errors import InputError
from triptych.training.labels import targets_of
from triptych.training.recipe import Recipe
from triptych.training.seeds import PEOPLE, WINDOWS, seed_of
from triptych.training.settings import Data

ATTEMPTS = 20
"""Splits of subjects that are tried until both sides have windows of every class."""


@dataclass(frozen=True)
class Prepared:
    """Windows of the subjects that train and of those that validate, and where they come from.

    `redraw` gives other windows to train on for an epoch, if the recipe says `data.redraw`.
    """

    train: Windows
    validation: Windows
    channels: tuple[str, ...]
    title: str
    fingerprint: str
    notes: tuple[str, ...]
    redraw: Callable[[int], Windows] | None = None


def prepare(recipe: Recipe, data: str | Path | None = None) -> Prepared:
    """Load the recipe's data set and cut its windows.

    Parameters
    ----------
    data
        The data set's folder or a root that holds it; left out, the recipe's `data.path`.

    Raises
    ------
    InputError
        If the data cannot be read, has fewer than two subjects, or recordings differ in channels.
    """
    settings = recipe.data
    options = dict(settings.options)
    if settings.name == "folder" and settings.target:
        options["target_column"] = settings.target
    dataset = datasets.load(settings.name, data or settings.path, **options)
    kinds = {recording.channels for recording in dataset.recordings}
    counts = {len(kind) for kind in kinds}
    if len(counts) != 1:
        raise InputError(
            f"{dataset.name} has recordings of {' and '.join(map(str, sorted(counts)))} channels; "
            "choose those of one kind, e.g. --channels "
            f"{','.join(min(kinds, key=len))} (in a recipe data.options.channels)"
        )
    dataset = _resampled(dataset, settings)
    dataset = long_enough(dataset, settings.length_s, recipe.context_s)
    # of all recordings at once: where they lie does not depend on who validates
    windows = _drawn(recipe, dataset, settings.seed)
    drawn = settings.per_recording * len(dataset)
    mixed = (
        f"{drawn - len(windows)} of {drawn} windows are left out: no label covers enough of them"
    )
    notes = (*dataset.notes, *([mixed] if len(windows) < drawn else []))
    train, validation, note = _split(recipe, dataset, windows)
    trained = dataset.select(subjects=set(train.subject.tolist()))

    def redraw(epoch: int) -> Windows:
        return _drawn(recipe, trained, seed_of(settings.seed, WINDOWS, epoch))

    # leads may differ in name from record to record (mitdb's 114): then they are only counted
    names = next(iter(kinds)) if len(kinds) == 1 else ()
    channels = names or tuple(f"channel {i}" for i in range(counts.pop()))
    origin = dataset.title, dataset.fingerprint
    again = redraw if settings.redraw else None
    return Prepared(train, validation, channels, *origin, (*notes, *note), again)


def _drawn(recipe: Recipe, dataset: Dataset, seed: int) -> Windows:
    data = recipe.data
    return datasets.random_windows(
        dataset, data.per_recording, data.length_s, recipe.context_s, seed
    )


def _resampled(dataset: Dataset, settings: Data) -> Dataset:
    """Recordings at the recipe's rate and band, with a note where they had other rates."""
    rates = Counter(each.rate for each in dataset.recordings)
    lowest = min(rates)
    if settings.high and lowest / 2 < settings.high:
        raise InputError(
            f"{dataset.title} has recordings of {lowest:g} Hz, which hold nothing above "
            f"{lowest / 2:g} Hz, but data.high is {settings.high:g} Hz; set data.high to "
            f"{lowest / 2:g} or less, or leave those recordings out"
        )
    notes = list(dataset.notes)
    if set(rates) != {settings.rate} and settings.name == "folder":
        told = ", ".join(
            f"{rate:g} Hz ({n})" for rate, n in rates.most_common() if rate != settings.rate
        )
        notes.append(f"recordings are resampled to {settings.rate:g} Hz: those of {told}")
    made = dataset.map(lambda each: datasets.preprocess(each, settings.preprocessing()))
    return replace(made, notes=tuple(notes))


def _split(
    recipe: Recipe, dataset: Dataset, windows: Windows
) -> tuple[Windows, Windows, tuple[str, ...]]:
    """Windows to train on and to validate on, of different subjects, and what is to be known of it.

    Raises
    ------
    InputError
        If `ATTEMPTS` splits all leave a class, or a population, without windows on one side.
    """
    settings, first = recipe.data, ""
    for attempt in range(ATTEMPTS):
        held_back = validation_people(dataset, settings.validation_fraction, settings.seed, attempt)
        held = np.isin(windows.subject, sorted(held_back))
        sides = {"training": windows.take(~held), "validation": windows.take(held)}
        faults = [
            f"no {side} subject has a window of {what}"
            for side, each in sides.items()
            for what in _lacking(recipe, windows, each)
        ]
        first = first or "; ".join(faults)
        if not faults:
            note = f"another split of subjects was drawn, as in the first {first}" if first else ""
            return sides["training"], sides["validation"], (note,) if note else ()
    raise InputError(
        f"{ATTEMPTS} splits of subjects were tried, in the first {first}: a class needs windows of "
        "2 subjects or more, so leave it out of the recipe, add recordings, or raise "
        "data.validation_fraction or data.per_recording"
    )


def _lacking(recipe: Recipe, windows: Windows, side: Windows) -> list[str]:
    """What the recipe learns and some of the windows have, but none of this side."""
    target, found = recipe.target, list[str]()
    if target is not None:
        nowhere, absent = (
            target.absent(targets_of(each, target, whole=False)) for each in (windows, side)
        )
        found = [f"class {name!r}" for name in absent if name not in nowhere]
    known, inside = (np.isin(each.label, recipe.objective.background) for each in (windows, side))
    if known.any() and not known.all():
        found += ["the background"] * (not inside.any()) + ["a target"] * bool(inside.all())
    return found


def validation_people(
    dataset: Dataset, fraction: float, seed: int, attempt: int = 0
) -> frozenset[str]:
    """Draw the subjects who validate: about this fraction, at least one, never all.

    Further attempts draw others, every fifth one more. Raises InputError if there are fewer than
    two subjects.
    """
    people = sorted(dataset.subjects)
    if len(people) < 2:
        raise InputError(
            f"{dataset.name} has recordings of {len(people)} subject; validation needs subjects of "
            "its own, so at least 2 (the subject column of your recordings says who is who)"
        )
    count = max(1, round(fraction * len(people))) + attempt // 5
    count = min(count, len(people) - 1)
    stream = [seed, PEOPLE, attempt] if attempt else [seed, PEOPLE]
    drawn = np.random.default_rng(stream).permutation(people)[:count]
    return frozenset(str(who) for who in drawn)
