"""What is learned from beside windows: classes, populations, attributes, subjects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.datasets import Windows
from triptych.datasets.gathered import pieces
from triptych.errors import InputError
from triptych.latent import Target
from triptych.latent.one_label import IGNORED
from triptych.objectives.base import Kind
from triptych.training.recipe import Recipe
from triptych.training.seeds import same_random_state


def labels_of(
    recipe: Recipe, sides: Sequence[Windows], *, whole: bool = True
) -> tuple[Target | None, list[Tensor]]:
    """What heads learn, and labels of every side as the recipe's objective learns from.

    As the target encodes them, class indices ``(n,)`` or others; of populations 1 for targets and
    0 for the background, with columns for the attributes and, if it is grouped, for the subject
    ``(n, 1 + a + 1)``.

    Parameters
    ----------
    sides
        Windows to train on, then others (validation).
    whole
        Whether every side has to have every class.

    Raises
    ------
    InputError
        If a class, a population or an attribute has no windows.
    """
    with same_random_state():
        objective = recipe.make_objective()
    if objective.learns_from != "populations":
        target = recipe.target
        if target is None:
            return None, [torch.tensor(IGNORED).expand(len(each)) for each in sides]
        found = [targets_of(each, target, whole=whole) for each in sides]
        return target.fitted(found[0]), found
    labels = [populations_of(each, recipe.objective.background) for each in sides]
    if objective.attributes:
        labels = labels_with_attributes(sides, labels, objective.attributes)
    if objective.grouped:
        labels = [with_groups(own, each.subject) for each, own in zip(sides, labels, strict=True)]
    return None, labels


def targets_of(windows: Windows, target: Target, *, whole: bool = True) -> Tensor:
    """Targets of the windows' labels, as the target encodes them.

    Raises
    ------
    InputError
        If a class has no window at all and `whole` asks for it.
    """
    column = target.column(windows.label, windows.attributes)
    # some thousand at a time, since numpy sorts words in copies
    parts = [target.encode(each) for each in pieces(column)]
    found = torch.cat(parts or [target.encode(column)])
    if whole and (absent := target.absent(found)):
        known = ", ".join(repr(str(each)) for each in np.unique(column)[:12])
        raise InputError(f"no window is labelled {absent[0]!r}; the labels there are {known}")
    return found


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
    """Add the number of each sample's group to its labels, as a grouped `Separation` takes them.

    Parameters
    ----------
    labels
        ``(n,)`` or ``(n, 1 + a)``: 1 for targets and 0 for the background, then attributes.
    groups
        Names of the groups ``(n,)``: subjects, records.

    Returns
    -------
    Tensor
        ``(n, 2 + a)``, float32.
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
