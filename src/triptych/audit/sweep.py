"""The sweep behind an audit: which θ are applied, and the response curves of several blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych import transforms as registry
from triptych.audit.brittleness import ResponseCurve
from triptych.audit.inputs import Floats, Labels, Rows, as_array, as_labels
from triptych.audit.similarity import cosine, different_pairs, separation
from triptych.errors import InputError
from triptych.model import Model
from triptych.transforms import Gain, NoiseSNR, PhaseShift, Rotation, TimeScale, Transform

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def transform_for(
    model: Model | None, name: str | None = None, settings: Mapping[str, Any] | None = None
) -> Transform:
    """Make the transform that an audit sweeps, at the model's rate.

    Parameters
    ----------
    model
        Its schema says which transform if there is one only, its recipe with which settings.
    name, settings
        Override the model's.

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
    for entry in _trained_with(model):
        if entry.get("name") == name:
            settings = {key: entry[key] for key in entry if key != "name"} | dict(settings or {})
    given = dict(settings or {})
    made = registry.transform(name, **given)
    if model is None or "rate" in given or not hasattr(made, "rate"):
        return made
    return registry.transform(name, **given, rate=model.preprocessing.rate)


def _trained_with(model: Model | None) -> list[Mapping[str, Any]]:
    """Transforms in the recipe that is saved with a model, if it is one of ours."""
    recipe: Any = model.info.get("recipe") if model is not None else None
    held = cast("dict[str, Any]", recipe) if isinstance(recipe, dict) else {}
    entries: Any = held.get("transforms")
    known = cast("list[Any]", entries) if isinstance(entries, list) else []
    return [cast("dict[str, Any]", entry) for entry in known if isinstance(entry, dict)]


def grid_of(transform: Transform, steps: int = 20, seed: int = 0) -> Tensor:
    """Make the θ that an audit sweeps: `steps` sizes up to the transform's limit, both signs.

    A rotation is swept about each axis of the sensor (about the vertical for yaw). A transform
    without a natural order gives `steps` random draws.

    Returns
    -------
    (m, p) parameters, the identity left out.

    Raises
    ------
    InputError
        If `steps` is below 1.
    """
    if steps < 1:
        raise InputError(f"a sweep of {steps} steps was asked for: expected 1 or more")
    size = torch.arange(1, steps + 1, dtype=torch.float64)[:, None] / steps
    match transform:
        case PhaseShift(max_shift=most):
            grid = transform.snap(_both(size * most))
        case Gain(max_gain=most):
            grid = _both(size * most)
        case TimeScale(max_scale=most):
            grid = _both(size * math.log(most)).exp()
        case NoiseSNR(low=low, high=high):
            grid = torch.cat([high - size * (high - low), torch.zeros_like(size)], dim=1)
        case Rotation(kind="yaw"):
            grid = _both(size * transform.limit)
        case Rotation(kind="so3" | "tilt"):
            half = torch.deg2rad(size * transform.limit) / 2
            axes = AXES if transform.kind == "so3" else AXES[:2]
            grid = torch.cat(
                [torch.cat([half.sin() * torch.tensor(axis), half.cos()], dim=1) for axis in axes]
            )
        case _:
            generator = torch.Generator().manual_seed(seed)
            grid = transform.sample(steps, generator)
    grid = torch.as_tensor(np.unique(grid.numpy(), axis=0)).float()
    return grid[distances(transform, grid) > 0]


def _both(size: Tensor) -> Tensor:
    return torch.cat([-size.flip(0), size])


def distances(transform: Transform, grid: Tensor) -> Tensor:
    """Distance (m,) of every θ from the identity, in the transform's unit."""
    return transform.distance(grid, transform.identity(1).to(grid).expand(len(grid), -1))


def curves(
    reference: Mapping[str, Rows],
    views: Iterable[Mapping[str, Rows]],
    grid: Tensor,
    transform: Transform,
    groups: Labels,
    *,
    pairs: int = 20_000,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, ResponseCurve]:
    """Response curve of every block over one sweep, embedding each view once.

    Parameters
    ----------
    reference
        Block → latents (n, d) of the windows as they are.
    views
        The same for T_θ x, one item for each θ of `grid`, in order; only one is held at a time.
    grid
        (m, p) parameters θ.
    groups
        (n,) record or person of every window; at least two.

    Raises
    ------
    InputError
        Fewer than two groups, rows or steps that do not match, latents that are not finite.
    """
    n = len(next(iter(reference.values())))
    names, group = np.unique(as_labels(groups, n, "groups"), return_inverse=True)
    drawn = different_pairs(group, pairs, seed)
    tallies = {name: _Tally(as_array(z, name), group, drawn) for name, z in reference.items()}
    for view in views:
        for name, tally in tallies.items():
            tally.add(as_array(view[name], f"transformed {name}"))
    distance = distances(transform, grid).cpu().numpy().astype(np.float64)
    theta = grid[:, 0].cpu().numpy().astype(np.float64) if grid.shape[1] == 1 else distance
    rng = np.random.default_rng(seed)
    sizes = np.bincount(group).astype(np.int64)
    g = len(sizes)
    weights = rng.multinomial(g, np.full(g, 1 / g), size=resamples) * sizes
    weights = weights / weights.sum(axis=1, keepdims=True)
    return {
        name: tally.curve(theta, distance, tuple(map(str, names)), weights)
        for name, tally in tallies.items()
    }


class _Tally:
    """What is kept of one block while the sweep goes on: one number a window and θ's means."""

    def __init__(
        self,
        reference: NDArray[Any],
        group: NDArray[np.int64],
        pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    ) -> None:
        self.reference, self.group = reference, group
        self.sizes = np.bincount(group).astype(np.int64)
        i, j = pairs
        self.pair_cosines = cosine(reference[i], reference[j])
        touched = np.concatenate([group[i], group[j]])
        g = len(self.sizes)
        total = np.bincount(touched, np.tile(self.pair_cosines, 2), g)
        self.group_between = total / np.maximum(np.bincount(touched, minlength=g), 1)
        self.means: list[Floats] = []
        self.auroc: list[float] = []
        self.window_sum = np.zeros(len(reference))

    def add(self, view: NDArray[Any]) -> None:
        similarity = cosine(self.reference, view)
        self.window_sum += similarity
        self.means.append(np.bincount(self.group, similarity, len(self.sizes)) / self.sizes)
        self.auroc.append(separation(similarity, self.pair_cosines))

    def curve(
        self, theta: Floats, distance: Floats, groups: tuple[str, ...], weights: Floats
    ) -> ResponseCurve:
        if len(self.means) != len(theta):
            raise InputError(f"{len(self.means)} transformed views came for {len(theta)} θ")
        means = np.stack(self.means, axis=1)
        low, high = np.quantile(weights @ means, [0.025, 0.975], axis=0)
        return ResponseCurve(
            theta=theta,
            distance=distance,
            mean=self.sizes @ means / self.sizes.sum(),
            low=low,
            high=high,
            auroc=np.array(self.auroc),
            between=float(self.pair_cosines.mean()),
            group_between=self.group_between,
            groups=groups,
            sizes=self.sizes,
            group_means=means,
            window_mean=self.window_sum / len(theta),
        )
