"""How far every block is from itself under a transform: whether it is what it declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from triptych.audit.sources import people_or_records
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.metrics.inputs import as_array
from triptych.metrics.likeness import Likeness
from triptych.metrics.result import Result
from triptych.metrics.similarity import different_pairs
from triptych.metrics.statistics import Interval, bootstrap_interval, per_subject
from triptych.model import Model
from triptych.transforms import Transform, context_of


@dataclass(frozen=True)
class Move(Result):
    """Similarity of a block of z(x) and z(T_θ x), θ random, beside that of strangers.

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
        ``"people"`` or ``"records"``.
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
    whose, groups = people_or_records(windows)
    try:
        pairs = different_pairs(whose, 20_000, seed)
    except InputError as error:
        return [], [f"how far blocks move is not measured: {error}"]
    found: list[Move] = []
    for transform in transforms:
        x = windows.with_context(context_of(transform)).signals
        theta = transform.sample(len(x), torch.Generator().manual_seed(seed))
        still = model.embed(transform.apply(x, transform.identity(len(x))))
        moved = model.embed(transform.apply(x, theta))
        for block in model.schema.blocks:
            like = Likeness(as_array(still[block.name], block.name), pairs)
            own = like(as_array(moved[block.name], block.name))
            held, strangers = np.isfinite(own), like.strangers[np.isfinite(like.strangers)]
            nan = float("nan")
            mean = Interval(nan, nan, nan, 1, 0)
            if held.any():
                each = per_subject(own[held], np.asarray(whose)[held]).values()
                mean = bootstrap_interval(*map(list, zip(*each, strict=True)))
            relation = block.relations.get(transform.name, "")
            between = float(strangers.mean()) if len(strangers) else nan
            zeros = float(1 - held.mean())
            found.append(
                Move(
                    block.name, transform.name, relation, like.measure, mean, between, zeros, groups
                )
            )
    return found, []
