"""How far every block is from itself under a transform: whether it is what it declares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triptych.audit.sources import both_sides, subjects_or_records
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.metrics.inputs import as_array
from triptych.metrics.result import Result
from triptych.metrics.similarity import Likeness, different_pairs
from triptych.metrics.statistics import Interval, bootstrap_interval, per_subject
from triptych.model import Model
from triptych.transforms import Transform


@dataclass(frozen=True)
class Move(Result):
    """Similarity of a block of z(x) and z(T_θ x), θ random, beside that of different subjects.

    Attributes
    ----------
    block, transform, relation
        What was measured, and what the block declares to the transform (empty: nothing).
    measure
        ``"cosine"``, or ``"agreement"`` of a single number (see `Likeness`).
    similarity
        Mean over windows with its 95 % interval over `groups`; NaN where no window points anywhere.
    between
        Mean between windows of different groups.
    zeros
        Share of windows whose latents are all zeros, before or after: they are in neither mean.
    groups
        ``"subjects"`` or ``"records"``.
    """

    block: str
    transform: str
    relation: str
    measure: str
    similarity: Interval
    between: float
    zeros: float
    groups: str


def moves_of(
    model: Model, windows: Windows, transforms: Sequence[Transform], *, seed: int = 0
) -> tuple[list[Move], list[str]]:
    """Measure every block under every transform.

    Parameters
    ----------
    windows
        Prepared for the model, with the context of every transform.

    Returns
    -------
    What was measured, and why nothing was.
    """
    if not transforms:
        return [], []
    whose, groups = subjects_or_records(windows)
    try:
        pairs = different_pairs(whose, 20_000, seed=seed)
    except InputError as error:
        return [], [f"how far blocks move is not measured: {error}"]
    found: list[Move] = []
    for transform in transforms:
        still, moved, _ = both_sides(model, windows, transform, seed)
        for block in model.schema.blocks:
            like = Likeness(as_array(still[block.name], block.name), pairs)
            own = like(as_array(moved[block.name], block.name))
            held, mean = np.isfinite(own), Interval(math.nan, math.nan, math.nan, 1, 0)
            if held.any():
                each = per_subject(own[held], np.asarray(whose)[held]).values()
                mean = bootstrap_interval(*map(list, zip(*each, strict=True)))
            relation = block.relations.get(transform.name, "")
            zeros, what = float(1 - held.mean()), (block.name, transform.name, relation)
            found.append(Move(*what, like.measure, mean, like.between, zeros, groups))
    return found, []
