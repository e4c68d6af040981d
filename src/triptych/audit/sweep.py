"""What an audit sweeps: the transform at the model's rate, and the θ that are applied."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from triptych import transforms as registry
from triptych.errors import InputError
from triptych.metrics.inputs import Rows
from triptych.metrics.sweeps import distances, steps_of
from triptych.model import Model
from triptych.transforms import (
    BaselineWander,
    Chain,
    Gain,
    NoiseSNR,
    PhaseShift,
    Rotation,
    TimeScale,
    Transform,
    to_dict,
)
from triptych.transforms.seeded import Seeded

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class Swept(Chain):
    """A chain that is swept as one: distances are those of its part at place `part`."""

    name: str = "chain"
    part: int

    def __init__(self, chain: Chain, part: int) -> None:
        super().__init__(*chain.parts)
        object.__setattr__(self, "part", part)
        object.__setattr__(self, "name", " and ".join(each.name for each in chain.parts))

    @property
    def unit(self) -> str:
        """Unit of that part."""
        return self.parts[self.part].unit

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return that part's distance, `(n,)`."""
        return super().distance(a, b)[:, self.part]


def swept(transform: Transform, grid: Rows | None = None) -> tuple[Transform, Tensor]:
    """Return the transform with one distance, and its θ (m, p); left out, `grid_of` makes them.

    The distance of a chain is that of the first part whose θ differ.
    """
    steps = steps_of(transform, grid_of(transform) if grid is None else grid)
    if isinstance(transform, Chain):
        away = transform.distance(steps, transform.identity(1).expand(len(steps), -1))
        moves = (away != away[0]).any(0) if len(away) > 1 else away[0] > 0
        transform = Swept(transform, int(moves.float().argmax()))
    return transform, steps


def transform_for(
    model: Model | None,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    rate: float | None = None,
) -> Transform:
    """Make the transform that an audit sweeps, at the model's rate.

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
    rate = rate if model is None else model.preprocessing.rate
    made = registry.transform(name, **given)
    if rate is None or "rate" in given or not hasattr(made, "rate"):
        return made
    return registry.transform(name, **given, rate=rate)


def _trained_with(model: Model | None) -> list[Mapping[str, Any]]:
    """Transforms in the recipe that is saved with a model, if it is one of ours."""
    recipe: Any = model.info.get("recipe") if model is not None else None
    held = cast("dict[str, Any]", recipe) if isinstance(recipe, dict) else {}
    entries: Any = held.get("transforms")
    known = cast("list[Any]", entries) if isinstance(entries, list) else []
    return [cast("dict[str, Any]", entry) for entry in known if isinstance(entry, dict)]


def grid_of(transform: Transform, steps: int = 20, seed: int = 0) -> Tensor:
    """Make the θ that an audit sweeps: `steps` sizes up to the transform's limit, both signs.

    A rotation is swept about each axis of the sensor (about the vertical for yaw); the parts of a
    chain grow together. A transform without a natural order gives `steps` random draws.

    Returns
    -------
    (m, p) parameters, the identity left out.

    Raises
    ------
    InputError
        If `steps` is below 1, or nothing within the transform's limits changes a signal.
    """
    if steps < 1:
        raise InputError(f"a sweep of {steps} steps was asked for: expected 1 or more")
    share = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    if isinstance(transform, Chain):
        return torch.cat([_grown(part, share, seed)[-steps:] for part in transform.parts], dim=1)
    if isinstance(transform, PhaseShift | Gain | TimeScale) or transform.identity(1).shape[1] == 1:
        share = torch.cat([-share.flip(0), share])
    grid = torch.as_tensor(np.unique(_grown(transform, share, seed).numpy(), axis=0))
    grid = grid[distances(transform, grid) > 0]
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
        If lists lack or do not match, or the transform's θ is no single number.
    """
    parts = transform.parts if isinstance(transform, Chain) else (transform,)
    longest = max(map(len, values))
    if len(values) != len(parts) or any(len(each) not in (1, longest) for each in values):
        raise InputError(
            f"{transform.name} has {len(parts)} parts ({', '.join(each.name for each in parts)}), "
            f"but the grids have {', '.join(str(len(each)) for each in values)} values: give one "
            "--grid a part, equally long or a single number"
        )
    if len(parts) == 1:
        return _theta(transform, torch.tensor(values[0], dtype=torch.float64))
    columns = [
        _theta(part, torch.tensor(each, dtype=torch.float64))[-len(each) :].expand(longest, -1)
        for part, each in zip(parts, values, strict=True)
    ]
    return torch.cat(columns, dim=1)


def _grown(transform: Transform, share: Tensor, seed: int) -> Tensor:
    """θ at shares (m,) of the transform's limit, from −1 to 1; random draws where it has none."""
    match transform:
        case PhaseShift(max_shift=most) | Gain(max_gain=most) | BaselineWander(max_amplitude=most):
            values = share * most
        case TimeScale(max_scale=most):
            values = (share * math.log(most)).exp()
        case NoiseSNR(low=low, high=high):
            values = high - share * (high - low)
        case Rotation(kind="so3" | "tilt" | "yaw"):
            values = share * transform.limit
        case _:
            return transform.sample(len(share), torch.Generator().manual_seed(seed))
    return _theta(transform, values)


def _theta(transform: Transform, values: Tensor) -> Tensor:
    """θ (m, p) of values (m,) in physical units; of a rotation (3 m, 4), for tilt (2 m, 4)."""
    column = values[:, None]
    width = transform.identity(1).shape[1]
    if isinstance(transform, Rotation) and transform.kind in ("so3", "tilt"):
        half = torch.deg2rad(column) / 2
        axes = AXES if transform.kind == "so3" else AXES[:2]
        turns = [torch.cat([half.sin() * torch.tensor(a), half.cos()], dim=1) for a in axes]
        return torch.cat(turns).float()
    if isinstance(transform, PhaseShift) and transform.mode == "crop":
        return transform.snap(column).float()
    if width == 1:
        return column.float()
    if isinstance(transform, Seeded):  # (magnitude, seed)
        return torch.cat([column, torch.zeros_like(column)], dim=1).float()
    raise InputError(f"θ of {transform.name} is no single number, so no grid of them can be given")
