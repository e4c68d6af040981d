"""The θ of a sweep in words and in the order of a table: "30 degrees about x", "−75 ms"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from triptych import transforms as registry
from triptych.audit.result import AuditResult
from triptych.audit.verdicts import shown
from triptych.errors import InputError
from triptych.metrics.sweeps import equal_distances
from triptych.transforms import Rotation, TimeScale, Transform
from triptych.transforms.seeded import Seeded

_NAMES = ("x", "y", "z", "−x", "−y", "−z")
_FEW = 4  # numbers of a θ that are written out to tell it from others of its distance


@dataclass(frozen=True)
class Theta:
    """One θ: its size with the sign that it has, and where it leads ("about x", or nothing)."""

    size: str
    direction: str = ""
    rank: int = 0

    def __str__(self) -> str:
        return f"{self.size} {self.direction}".strip()


def thetas(result: AuditResult) -> list[Theta]:
    """Every θ of an audit's grid in words; of a chain what each of its parts does."""
    grid, settings = np.asarray(result.grid, np.float64), result.settings
    chained = "parts" in settings
    made = None if chained else _made(settings)
    found = _of_chain(grid, settings["parts"]) if chained else _of_one(grid, made)
    if found is None:  # a transform of one's own: its distances, with their sign where they have it
        at = result.curve.theta if grid.shape[1] == 1 else result.curve.distance
        found = [Theta(_signed(value, result.unit)) for value in at.tolist()]
    return _told_apart(found, grid, drawn=isinstance(made, Seeded))


def in_order(result: AuditResult, words: Sequence[Theta]) -> list[int]:
    """Places of the θ in a table: from small to large, those of one distance by direction."""
    if result.grid.shape[1] == 1:
        return np.argsort(result.curve.theta, kind="stable").tolist()
    place = equal_distances(result.curve.distance)[1].argmax(axis=1)
    return sorted(range(len(place)), key=lambda k: (int(place[k]), words[k].rank))


def axes_note(transform: Mapping[str, Any]) -> str:
    """What x, y and z of a rotation's axes are; nothing for other transforms."""
    for part in transform.get("parts", [transform]):
        kind = part.get("kind") if part.get("name") == Rotation.name else ""
        if kind in ("so3", "cube24"):
            return "x, y and z: the sensor's axes."
        if kind == "tilt":
            return "x and y: two horizontal axes of each window, z up as its mean says."
    return ""


def _made(settings: Mapping[str, Any]) -> Transform | None:
    """The transform of these settings, unless it is one of somebody's own."""
    try:
        return registry.from_dict(settings)
    except InputError:
        return None


def _of_chain(grid: NDArray[np.float64], parts: Sequence[Mapping[str, Any]]) -> list[Theta] | None:
    made = [part for part in map(_made, parts) if part is not None]
    ends = np.cumsum([part.identity(1).shape[1] for part in made])
    if len(made) < len(parts) or ends[-1] != grid.shape[1]:
        return None
    columns = np.split(grid, ends[:-1], axis=1)
    found = [_of_one(own, part) or [] for own, part in zip(columns, made, strict=True)]
    return [
        Theta(
            ", ".join(
                f"{part.name.replace('_', ' ')} {each}"
                for part, each in zip(made, row, strict=True)
            ),
            rank=row[0].rank,
        )
        for row in zip(*found, strict=True)
    ]


def _of_one(grid: NDArray[np.float64], transform: Transform | None) -> list[Theta] | None:
    if transform is None or transform.identity(1).shape[1] != grid.shape[1]:
        return None
    if isinstance(transform, Rotation) and grid.shape[1] == 4:
        return [_turn(row) for row in grid]
    if isinstance(transform, TimeScale):
        return [Theta(f"× {value:.4g}") for value in grid[:, 0].tolist()]
    if grid.shape[1] == 1:
        return [Theta(_signed(value, transform.unit)) for value in grid[:, 0].tolist()]
    theta = torch.as_tensor(grid).to(transform.identity(1))
    away = transform.distance(theta, transform.identity(1).expand(len(theta), -1))
    return [Theta(shown(value, transform.unit)) for value in map(float, away)]


def _turn(quaternion: NDArray[np.float64]) -> Theta:
    """A rotation by its angle and axis; half a turn about −x is one about x."""
    axis, real = quaternion[:3], quaternion[3]
    length = float(np.linalg.norm(axis))
    angle = float(np.degrees(2 * np.arctan2(length, abs(real))))
    if angle < 1e-4:
        return Theta(shown(0.0, Rotation.unit))
    axis = axis / length * (-1 if real < 0 else 1)
    if angle > 180 - 1e-3:
        axis = axis * np.sign(axis[np.flatnonzero(np.abs(axis) > 1e-3)[0]])
    near = np.flatnonzero(np.concatenate([axis, -axis]) > 1 - 1e-5)
    if len(near):
        rank = int(near[0])
        name = _NAMES[rank]
    else:
        rank, name = len(_NAMES), ", ".join(_signed(round(v, 2) + 0.0, "") for v in axis.tolist())
        name = f"({name})"
    return Theta(shown(angle, Rotation.unit), f"about {name}", rank)


def _told_apart(found: list[Theta], grid: NDArray[np.float64], *, drawn: bool) -> list[Theta]:
    """The same, those of the same words with their numbers behind, or counted if these are many."""
    count, met = Counter(map(str, found)), Counter[str]()
    apart: list[Theta] = []
    for theta, row in zip(found, grid.tolist(), strict=True):
        words = str(theta)
        met[words] += 1
        if count[words] > 1 and not theta.direction:
            numbers = ", ".join(_signed(value, "") for value in row)
            which = f"({numbers})" if len(row) <= _FEW and not drawn else f"(draw {met[words]})"
            theta = Theta(theta.size, which, len(_NAMES) + met[words])
        apart.append(theta)
    return apart


def _signed(value: float, unit: str) -> str:
    return shown(value, unit).strip().replace("-", "−")
