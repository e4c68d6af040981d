"""Search by example: the windows of a data set that are most like one window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.sources import Progress, embed_all, fit_to, windows_of
from triptych.datasets import Dataset, Windows
from triptych.datasets.sources import open_data
from triptych.errors import InputError
from triptych.index import Index
from triptych.metrics.collapse import collapsed
from triptych.metrics.result import Result
from triptych.model import Model

APART_S = 5.0
"""Windows of the query's record that start nearer than this are no answers."""


@dataclass(frozen=True)
class Neighbour(Result):
    """One window that was found: `rank` from 1, `similarity` in [-1, 1], `start` in s."""

    rank: int
    similarity: float
    record: str
    subject: str
    start: float
    label: str


@dataclass(frozen=True)
class Search(Result):
    """A query, the blocks that were compared, and what was found among how many windows."""

    query: Neighbour
    blocks: tuple[str, ...]
    among: int
    found: tuple[Neighbour, ...]


def search(
    model: Model,
    gallery: Dataset,
    query: str,
    k: int = 10,
    *,
    block: str | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Search:
    """Find the `k` windows of `gallery` (as `fit_to` gives it) that are most like the query.

    Parameters
    ----------
    query
        ``FILE:INDEX``: window INDEX (from 0, end to end) of a file of own recordings, or of the
        gallery's recording of that name.
    block
        Block to compare; left out, the blocks that are invariant to a transform, else all.
    options
        For the query's file, as `open_data` takes them.

    Raises
    ------
    InputError
        If there is no such file, recording, window or block, fewer than `k` windows remain, or the
        blocks have collapsed.
    """
    windows = windows_of(gallery, model.preprocessing)
    one = _query(model, gallery, windows, query, options)
    blocks = _blocks(model, block)
    z = model.schema.select(embed_all(model, windows.centred, progress).all, blocks)
    asked = model.schema.select(model.embed(one.centred).all, blocks)
    if collapsed(z, asked):
        raise InputError(
            f"the model gives the same {' + '.join(blocks)} for every window (collapsed), so none "
            "is nearer than another: search by another block, or train the model anew"
        )
    near = (windows.record == one.record[0]) & (np.abs(windows.start - one.start[0]) <= APART_S)
    found = Index(z).search(asked, k, exclude=near)
    return Search(
        _described(one, 0, 0, 1.0),
        blocks,
        len(windows),
        tuple(
            _described(windows, int(found.rows[0, i]), i + 1, float(found.similarity[0, i]))
            for i in range(k)
        ),
    )


def _described(windows: Windows, row: int, rank: int, similarity: float) -> Neighbour:
    names = [str(getattr(windows, name)[row]) for name in ("record", "subject", "label")]
    return Neighbour(rank, similarity, names[0], names[1], float(windows.start[row]), names[2])


def _blocks(model: Model, block: str | None) -> tuple[str, ...]:
    if block is not None:
        return (model.schema[block].name,)
    invariant = [each.name for each in model.schema.blocks if each.invariant_to]
    return tuple(invariant) or model.schema.names


def _query(
    model: Model,
    gallery: Dataset,
    windows: Windows,
    query: str,
    options: Mapping[str, Any] | None,
) -> Windows:
    name, _, index = query.rpartition(":")
    if not name or not index.isdecimal():
        raise InputError(
            f"the query {query!r} is not FILE:INDEX, e.g. mine.csv:3 for the fourth window of "
            "mine.csv"
        )
    if name in gallery.names:
        held = windows.take(windows.record == name)
    elif Path(name).expanduser().exists():
        own = fit_to(open_data(name, options), model.preprocessing)
        held = windows_of(own, model.preprocessing)
    else:
        shown = ", ".join(gallery.names[:8])
        raise InputError(
            f"there is no file {name}, and the data have no recording of that name (they have "
            f"{shown}{', ...' if len(gallery.names) > 8 else ''})"
        )
    if int(index) >= len(held):
        raise InputError(f"{name} has {len(held)} windows, counted from 0, so there is no {index}")
    return held.take([int(index)])
