"""What labels say of two populations in a batch."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from torch import Tensor

from triptych.errors import InputError
from triptych.objectives.gather import gather
from triptych.objectives.views import Views


class Membership(NamedTuple):
    """Of the n samples of all processes: who is a target ``(n,)``; others or None.

    `attributes` has a column each, `groups` the number of each sample's group.
    """

    target: Tensor
    attributes: Tensor | None
    groups: Tensor | None


def known_of(views: Views, attributes: Collection[str], grouped: bool) -> Membership:
    """What ``views.labels`` say: target, one column for each attribute, and if `grouped` the group.

    Raises
    ------
    InputError
        Without labels, or with others.
    """
    if views.labels is None:
        raise InputError(
            "separation has to know the targets from the background: pass labels, above 0 for "
            "targets, objective.views(x, labels=target)"
        )
    labels = views.labels if views.labels.ndim == 2 else views.labels[:, None]
    columns = ("population", *attributes, *["group"] * grouped)
    if labels.shape != (views.n, len(columns)):
        raise InputError(
            f"labels have shape {tuple(views.labels.shape)}, expected ({views.n}, {len(columns)}): "
            f"one column each for {', '.join(columns)}"
        )
    return Membership(
        gather((labels[:, 0] > 0).float()) > 0,  # not every backend gathers bool
        gather(labels[:, 1 : 1 + len(attributes)]) if attributes else None,
        gather(labels[:, -1]) if grouped else None,
    )
