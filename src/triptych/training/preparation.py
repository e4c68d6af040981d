"""From a recipe to windows, and what is learned from beside them: classes, populations, people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych import datasets
from triptych.datasets import Dataset, Windows
from triptych.errors import InputError
from triptych.objectives.base import Kind
from triptych.training.heads import IGNORED
from triptych.training.recipe import Recipe
from triptych.training.seeds import PEOPLE, same_random_state


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


def labels_of(recipe: Recipe, sides: Sequence[Windows]) -> list[Tensor]:
    """Labels of every side (to train on, to validate on) as the recipe's objective learns from.

    Class indices ``(n,)``; of populations 1 for targets and 0 for the background, with columns for
    the attributes and, if it is grouped, for the person ``(n, 1 + a + 1)``.

    Raises
    ------
    InputError
        If a class, a population or an attribute has no windows.
    """
    with same_random_state():
        objective = recipe.make_objective()
    if objective.learns_from != "populations":
        return [targets_of(each, recipe.classes) for each in sides]
    labels = [populations_of(each, recipe.objective.background) for each in sides]
    if objective.attributes:
        labels = labels_with_attributes(sides, labels, objective.attributes)
    if objective.grouped:
        labels = [with_groups(own, each.person) for each, own in zip(sides, labels, strict=True)]
    return labels


def targets_of(windows: Windows, classes: Sequence[str] | None) -> Tensor:
    """Class indices ``(n,)`` of the windows' labels; `IGNORED` where a label is no class.

    Raises
    ------
    InputError
        If a class has no window at all.
    """
    targets = np.full(len(windows), IGNORED)
    for index, label in enumerate(classes or ()):
        rows = windows.label == label
        if not rows.any():
            known = ", ".join(repr(str(each)) for each in np.unique(windows.label)[:12])
            raise InputError(f"no window is labelled {label!r}; the labels there are {known}")
        targets[rows] = index
    return torch.as_tensor(targets)


def populations_of(windows: Windows, background: Sequence[str]) -> Tensor:
    """1 for targets and 0 for windows with a label of the background, ``(n,)``.

    Raises
    ------
    InputError
        If there are no windows of one of both.
    """
    target = ~np.isin(windows.label, np.array(background))
    if target.all() or not target.any():
        known = ", ".join(repr(str(each)) for each in np.unique(windows.label)[:12])
        raise InputError(
            f"{int(target.sum())} of {len(target)} windows are targets with background "
            f"{', '.join(background)}; the labels there are {known}, so name some of them in "
            "objective.background"
        )
    return torch.as_tensor(target.astype(np.int64))


def labels_with_attributes(
    sides: Sequence[Windows], targets: Sequence[Tensor], kinds: Mapping[str, Kind]
) -> list[Tensor]:
    """Labels ``(n, 1 + a)`` as `Separation` takes them, for every side.

    The first column is 1 for targets. Then the attributes: a discrete one as the index of its word
    among the training targets', a continuous one from 0 to 1 over their range; NaN where a window
    has none, or a word that no training target has.

    Parameters
    ----------
    sides
        Windows to train on, then others (validation).
    targets
        Of every side, 1 for targets and 0 for the background ``(n,)``.
    kinds
        Name of the attribute (and of its block) → its kind.

    Raises
    ------
    InputError
        If the training targets have fewer than two values of an attribute, or a continuous one is
        no number.
    """
    columns: list[list[Tensor]] = [[target.float()] for target in targets]
    for name, kind in kinds.items():
        words = [_words(each, name) for each in sides]
        seen = np.unique(words[0][(targets[0] > 0).numpy() & (words[0] != "")])
        continuous = kind == "continuous"
        values = np.unique(_numbers(seen, name)) if continuous else seen
        if len(values) < 2:
            known = ", ".join(sorted(sides[0].attributes)) or "none"
            raise InputError(
                f"the training targets have {len(values)} value(s) of attribute {name!r}, expected "
                f"2 or more; attributes of the windows: {known} (further columns of "
                "recordings.csv)"
            )
        if continuous:
            low, high = values[0], values[-1]
            numbers = [(_numbers(each, name) - low) / (high - low) for each in words]
        else:
            index = {str(value): float(k) for k, value in enumerate(values)}
            numbers = [np.array([index.get(str(w), np.nan) for w in each]) for each in words]
        for column, number in zip(columns, numbers, strict=True):
            column.append(torch.as_tensor(number.astype(np.float32)))
    return [torch.stack(each, dim=1) for each in columns]


def with_groups(labels: Tensor, groups: NDArray[np.str_]) -> Tensor:
    """Labels ``(n,)`` or ``(n, 1 + a)`` with one more column: the number of each sample's group.

    `groups` has the groups' names ``(n,)``; `Separation` takes such labels if it is grouped.
    """
    _, number = np.unique(groups, return_inverse=True)
    held = labels.float().reshape(len(labels), -1)
    return torch.cat([held, torch.as_tensor(number).float()[:, None]], dim=1)


def _words(windows: Windows, name: str) -> NDArray[np.str_]:
    return np.asarray(windows.attributes.get(name, np.full(len(windows), "")))


def _numbers(words: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Words as numbers, NaN where there is none."""

    def number(word: str) -> float:
        try:
            value = float(word) if word else math.nan
        except ValueError:
            value = math.inf
        if word and not math.isfinite(value):
            raise InputError(
                f"attribute {name!r} is {word!r} in a recording, expected a number; correct "
                "recordings.csv (an empty cell: not known), or call the attribute discrete"
            )
        return value

    distinct, place = np.unique(words, return_inverse=True)
    return np.array([number(str(word)) for word in distinct])[place]
