"""What an audit sweeps: the transform at the model's rate, and the θ that are applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.metrics.inputs import Floats, Rows
from triptych.metrics.result import Result
from triptych.metrics.sweeps import distances, equal_distances, steps_of
from triptych.model import Model
from triptych.transforms import Chain, Transform, at_rate, to_dict
from triptych.transforms.base import method_of, parts_of


@dataclass(frozen=True)
class Steps(Result):
    """The θ of a sweep as they are listed and drawn.

    Attributes
    ----------
    labels
        Every θ in words, e.g. ``"30 degrees about x"``.
    places
        (m,) their distances, with a sign where θ is one number.
    signed
        Whether they have one.
    legend
        What the words mean; empty if they need none.
    """

    labels: tuple[str, ...]
    places: Floats
    signed: bool
    legend: str = ""

    @classmethod
    def of(cls, transform: Transform, theta: Tensor) -> Steps:
        """Say θ (m, p) as the transform does."""
        places, signed = distances(transform, theta).numpy().astype(np.float64), False
        if theta.shape[1] == 1:
            signed = True
            places = places * np.sign((theta - transform.identity(1))[:, 0].numpy())
        words = method_of(transform, "label")(theta)
        return cls(tuple(words), places, signed, getattr(transform, "legend", ""))

    @property
    def order(self) -> list[int]:
        """Places of the θ in a table: rising, those of one distance as they were swept."""
        rank = self.places if self.signed else equal_distances(self.places)[1].argmax(axis=1)
        return np.argsort(rank, kind="stable").tolist()


def swept(transform: Transform, grid: Rows | None = None) -> tuple[Transform, Tensor]:
    """Return the transform with one distance, and its θ (m, p); left out, `grid_of` makes them.

    The distance of a chain is that of the first part whose θ differ.
    """
    steps = steps_of(transform, grid_of(transform) if grid is None else grid)
    return method_of(transform, "swept")(steps), steps


def transform_for(
    model: Model | None,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    rate: float | None = None,
) -> Transform:
    """Make the transform that an audit sweeps, at the model's rate.

    Gaps are filled by interpolation for a model that does not mask them.

    Parameters
    ----------
    model
        Its schema says which transform if there is one only, its recipe with which settings.
    name, settings
        Override the model's. ``"phase_shift,gain"`` is a chain; its settings are called
        ``gain.max_gain``.
    rate
        Hz, of a model that is not ours.

    Raises
    ------
    InputError
        If it is not said which transform, or it has no such settings.
    """
    declared = model.schema.transforms if model is not None else ()
    if name is None:
        if len(declared) != 1:
            said = f"the blocks name {', '.join(declared)}" if declared else "nothing names one"
            raise InputError(f"which transform is to be swept? {said}; say --transform NAME")
        name = declared[0]
    given = dict(settings or {})
    if "," in name:
        parts = [each.strip() for each in name.split(",")]
        strange = [key for key in given if key.partition(".")[0] not in parts or "." not in key]
        if strange:
            raise InputError(
                f"the setting {strange[0]} belongs to no part of the chain; write PART.SETTING, "
                f"e.g. {parts[0]}.{strange[0]}"
            )
        if len(set(parts)) < len(parts):
            raise InputError(
                f"the chain {name!r} names a transform twice, so its settings could not be told "
                "apart; name each once"
            )
        return Chain(
            *(
                transform_for(
                    model,
                    part,
                    {k.partition(".")[2]: v for k, v in given.items() if k.startswith(part + ".")},
                    rate,
                )
                for part in parts
            )
        )
    for entry in _trained_with(model):
        if entry.get("name") == name:
            given = {key: entry[key] for key in entry if key != "name"} | given
    made = at_rate(name, rate if model is None else model.preprocessing.rate, given)
    return made if model is not None and model.takes_gaps else method_of(made, "filled")()


def _trained_with(model: Model | None) -> list[Mapping[str, Any]]:
    """Transforms in the recipe that is saved with a model, if it is one of ours."""
    recipe: Any = model.info.get("recipe") if model is not None else None
    held = cast("dict[str, Any]", recipe) if isinstance(recipe, dict) else {}
    entries: Any = held.get("transforms")
    known = cast("list[Any]", entries) if isinstance(entries, list) else []
    return [cast("dict[str, Any]", entry) for entry in known if isinstance(entry, dict)]


def grid_of(transform: Transform, steps: int = 20) -> Tensor:
    """Return the θ (m, p) of the transform's own sweep, `steps` distances, without the identity.

    Raises
    ------
    InputError
        If `steps` is below 1, or nothing within the transform's limits changes a signal.
    """
    if steps < 1:
        raise InputError(f"a sweep of {steps} steps was asked for: expected 1 or more")
    grid = method_of(transform, "grid")(steps)[1:]
    if not len(grid):
        raise InputError(
            f"{transform.name} does nothing within its limits ({to_dict(transform)}), so there is "
            "nothing to sweep; widen them (a crop moves by whole samples)"
        )
    return grid


def grid_from(transform: Transform, values: Sequence[Sequence[float]]) -> Tensor:
    """Make θ (m, p) from numbers in the transform's unit, as the command line gives them.

    Parameters
    ----------
    values
        One list; of a chain one list a part, equally long, or a single number that stays. Angles
        turn a rotation about each axis of the sensor (in a chain about the last); strengths of a
        random transform share one seed.

    Raises
    ------
    InputError
        If lists lack or do not match, or no θ of the transform has such a number.
    """
    parts = parts_of(transform)
    longest = max(map(len, values))
    if len(values) != len(parts) or any(len(each) not in (1, longest) for each in values):
        raise InputError(
            f"{transform.name} has {len(parts)} parts ({', '.join(each.name for each in parts)}), "
            f"but the grids have {', '.join(str(len(each)) for each in values)} values: give one "
            "--grid a part, equally long or a single number"
        )
    theta = [
        [method_of(p, "theta")(v) for v in each] for p, each in zip(parts, values, strict=True)
    ]
    if len(parts) == 1:
        return torch.cat(theta[0])
    columns = [torch.cat([each[-1:] for each in own]).expand(longest, -1) for own in theta]
    return torch.cat(columns, dim=1)
