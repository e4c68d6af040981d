"""What separation knows of a batch: targets, their attributes, groups; told or read from labels."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.objectives.blending import clusters_of
from triptych.objectives.gather import gather
from triptych.objectives.views import Views


class Known(NamedTuple):
    """Of n samples: `target` ``(n,)``, 1 or 0 (not every backend gathers bool); others or None.

    `clusters` are the targets that share the background blended into them (`clusters_of`).
    """

    target: Tensor
    attributes: Tensor | None
    groups: Tensor | None
    clusters: Tensor | None = None

    def everywhere(self, sharing: int) -> Known:
        """Of the samples of every process; with clusters of `sharing` targets, if above 0."""
        target, attributes, groups = (
            None if each is None else gather(each)
            for each in (self.target, self.attributes, self.groups)
        )
        clusters = None
        if sharing:
            clusters = gather(clusters_of(self.target > 0, sharing, self.groups))
            # no cluster reaches over processes: each counts on from the one before
            n, rows = len(self.target), torch.arange(len(clusters), device=clusters.device)
            clusters = clusters + rows // n * n
        assert target is not None
        return Known(target, attributes, groups, clusters)


def known_of(
    views: Views,
    rows: int,
    told: tuple[Tensor | None, Tensor | None, Tensor | None],
    names: Collection[str],
    grouped: bool,
) -> Known:
    """Target, attributes and groups as told, or of ``views.labels`` if no target is told; checked.

    Parameters
    ----------
    rows
        Number of latents: one for each view.
    told
        As `Separation.forward` takes them.
    names
        Of the attributes.
    grouped
        Whether groups are needed.

    Raises
    ------
    InputError
        If something is missing or of another shape.
    """
    target, attributes, groups = told
    if target is None and views.labels is not None:
        labels = views.labels if views.labels.ndim == 2 else views.labels[:, None]
        end = labels.shape[1] - grouped
        target, attributes = labels[:, 0] > 0, labels[:, 1:end]
        groups = labels[:, -1] if grouped and end else None
    if rows != len(views.signals):
        raise InputError(
            f"{rows} latents for {len(views.signals)} views; encode views.signals as a whole"
        )
    if target is None:
        raise InputError(
            "separation has to know the targets from the background: pass target, or set "
            "views = dataclasses.replace(views, labels=target.long())"
        )
    if target.dtype != torch.bool or target.shape != (views.n,):
        raise InputError(
            f"target is {target.dtype} of shape {tuple(target.shape)}, expected bool "
            f"({views.n},): True for each sample of the target population"
        )
    expected = (views.n, len(names))
    if names and (attributes is None or attributes.shape != expected):
        raise InputError(
            f"attributes have shape {_shape(attributes)}, expected {expected}: one column each "
            f"for {', '.join(names)}"
        )
    if grouped and (groups is None or groups.shape != (views.n,)):
        raise InputError(
            f"groups have shape {_shape(groups)}, expected ({views.n},): the number of each "
            "sample's group, as the labels' last column or as groups; or leave grouped out"
        )
    return Known(target.float(), attributes, groups if grouped else None)


def _shape(given: Tensor | None) -> tuple[int, ...] | None:
    return None if given is None else tuple(given.shape)
