"""From a recipe to windows: load, resample, filter, split by person, cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from triptych import datasets
from triptych.datasets import Dataset, Windows
from triptych.errors import InputError
from triptych.training.recipe import Recipe
from triptych.training.seeds import PEOPLE


@dataclass(frozen=True)
class Prepared:
    """Windows of the people that train and of those that validate, and where they come from."""

    train: Windows
    validation: Windows
    channels: tuple[str, ...]
    title: str
    fingerprint: str
    notes: tuple[str, ...]


def prepare(recipe: Recipe, data: str | Path | None = None) -> Prepared:
    """Load the recipe's data set and cut its windows.

    Parameters
    ----------
    data
        The data set's folder or a root that holds it; left out, the recipe's `data.path`.

    Raises
    ------
    InputError
        If the data cannot be read, has fewer than two people, or recordings differ in channels.
    """
    settings = recipe.data
    dataset = datasets.load(settings.name, data or settings.path, **settings.options)
    kinds = {recording.channels for recording in dataset.recordings}
    counts = {len(kind) for kind in kinds}
    if len(counts) != 1:
        raise InputError(
            f"{dataset.name} has recordings of {' and '.join(map(str, sorted(counts)))} channels; "
            "choose recordings or channels of one kind in data.options"
        )
    dataset = dataset.map(
        lambda each: datasets.preprocess(each, settings.rate, settings.low, settings.high)
    )
    held_back = validation_people(dataset, settings.validation_fraction, settings.seed)
    sides = [
        dataset.select(people=[who for who in dataset.people if (who in held_back) == chosen])
        for chosen in (False, True)
    ]
    train, validation = [
        datasets.random_windows(
            side, settings.per_recording, settings.length_s, recipe.context_s, settings.seed
        )
        for side in sides
    ]
    # leads may differ in name from record to record (mitdb's 114): then they are only counted
    names = next(iter(kinds)) if len(kinds) == 1 else ()
    channels = names or tuple(f"channel {i}" for i in range(counts.pop()))
    return Prepared(
        train, validation, channels, dataset.title, dataset.fingerprint, tuple(dataset.notes)
    )


def validation_people(dataset: Dataset, fraction: float, seed: int) -> frozenset[str]:
    """Draw the people who validate: about this fraction, at least one, never all.

    Raises InputError if there are fewer than two people.
    """
    people = sorted(dataset.people)
    if len(people) < 2:
        raise InputError(
            f"{dataset.name} has recordings of {len(people)} person; validation needs people of "
            "its own, so at least 2 (the person column of your recordings says who is who)"
        )
    count = min(max(1, round(fraction * len(people))), len(people) - 1)
    drawn = np.random.default_rng([seed, PEOPLE]).permutation(people)[:count]
    return frozenset(str(who) for who in drawn)
