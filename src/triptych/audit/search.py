"""Search by example: the windows of a data set that are most like one window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from triptych.audit.gallery import COLUMNS, index_of
from triptych.audit.sources import Progress, data_for, windows_of
from triptych.datasets import Dataset
from triptych.errors import InputError
from triptych.files import readable
from triptych.index import Index
from triptych.metrics.collapse import collapsed
from triptych.metrics.result import Result
from triptych.model import Model

APART_S = 5.0
"""Windows of the query's record that start nearer than this are no answers."""

SAMPLE = 10_000  # rows that are looked at to tell whether the latents have collapsed

Apart = Literal["time", "record", "subject"]


@dataclass(frozen=True)
class Neighbour(Result):
    """One window that was found: `rank` from 1, `start` in s, `similarity` in [-1, 1].

    With far blocks the similarity is that in the near blocks minus that in the far ones.
    """

    rank: int
    similarity: float
    record: str
    subject: str
    start: float
    label: str
    file: str = ""


@dataclass(frozen=True)
class Search(Result):
    """A query, the blocks that were compared, and what was found among how many windows."""

    query: Neighbour
    blocks: tuple[str, ...]
    among: int
    found: tuple[Neighbour, ...]
    far: tuple[str, ...] = ()


def search(
    model: Model | None,
    gallery: Dataset | Index,
    query: str,
    k: int = 10,
    *,
    near: str | Sequence[str] | None = None,
    far: str | Sequence[str] | None = None,
    where: Mapping[str, Any] | None = None,
    unique: str | None = None,
    apart: Apart = "time",
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Search:
    """Find the `k` windows of `gallery` that are most like the query.

    Parameters
    ----------
    model
        Not needed where the gallery is an index that holds the query.
    gallery
        Recordings as `fit_to` gives them, which are embedded, or what `index_of` gives.
    query
        ``FILE:INDEX``: window INDEX (from 0, end to end) of a file of own recordings, or of the
        gallery's recording of that name.
    near, far
        Blocks to be similar in, and to differ in; left out, the blocks that are invariant to a
        transform, else all, and none.
    where, unique
        As `Index.search` takes them.
    apart
        What of the query's own is no answer: windows of its record that start within 5 s of it, its
        ``record``, or its ``subject``.
    options
        For the query's file, as `open_data` takes them.

    Raises
    ------
    InputError
        If there is no such file, recording, window or block, fewer than `k` windows remain, or the
        blocks have collapsed.
    """
    if isinstance(gallery, Dataset):
        if model is None:
            raise InputError("recordings need a model that embeds them; an index does not")
        gallery = index_of(model, gallery, progress=progress)
    asked, one = _query(model, gallery, query, options)
    chosen = gallery.default if near is None else gallery.named(near)
    other = () if far is None else gallery.named(far)
    _require_spread(gallery, asked, chosen)
    meta = gallery.meta
    hidden = meta.column("record").same(one.record)
    if "file" in meta and one.file:
        hidden &= meta.column("file").same(one.file)
    if apart == "time":
        starts: Any = meta.column("start").values
        hidden &= np.abs(starts - one.start) <= APART_S
    own = {"subject": [one.subject]} if apart == "subject" else None
    found = gallery.search(
        asked, k, hidden, where=where, own=own, unique=unique, near=chosen, far=other or None
    )
    neighbours = [
        _described(gallery, int(found.rows[0, i]), i + 1, float(found.similarity[0, i]))
        for i in range(k)
    ]
    return Search(one, chosen, len(gallery), tuple(neighbours), other)


def _described(index: Index, row: int, rank: int, similarity: float) -> Neighbour:
    known = {name: index.meta[name][row] for name in ("file", *COLUMNS) if name in index.meta}
    words = {name: str(value) for name, value in known.items() if name != "start"}
    return Neighbour(rank, similarity, start=float(known["start"]), **words)


def _require_spread(index: Index, asked: NDArray[Any], blocks: tuple[str, ...]) -> None:
    """Raise InputError if the blocks are the same for every window."""
    some = index.latents[:: -(-len(index) // SAMPLE)]
    places = index.places(blocks)
    if collapsed(some[:, places], asked[:, places]):
        raise InputError(
            f"the model gives the same {' + '.join(blocks)} for every window (collapsed), so none "
            "is nearer than another: search by another block, or train the model anew"
        )


def _query(
    model: Model | None, index: Index, query: str, options: Mapping[str, Any] | None
) -> tuple[NDArray[Any], Neighbour]:
    """Latents ``(1, d)`` of the window that is asked for, and what is known of it."""
    name, _, place = query.rpartition(":")
    if not name or not place.isdecimal():
        raise InputError(
            f"the query {query!r} is not FILE:INDEX, e.g. mine.csv:3 for the fourth window of "
            "mine.csv"
        )
    rows = np.flatnonzero(index.meta.column("record").same(readable(name)))
    if len(rows):
        files = list(map(str, np.unique(index.meta["file"][rows]))) if "file" in index.meta else []
        if len(files) > 1:
            raise InputError(
                f"{name} is a recording of {len(files)} sources ({', '.join(files[:5])}); name its "
                "file instead"
            )
        row = int(rows[_within(name, place, len(rows))])
        return index.latents[row : row + 1], _described(index, row, 0, 1.0)
    if not Path(name).expanduser().exists():
        known = index.meta.column("record").words or ()
        shown = ", ".join(known[:8])
        raise InputError(
            f"there is no file {name}, and the data have no recording of that name (they have "
            f"{shown}{', ...' if len(known) > 8 else ''})"
        )
    if model is None:
        raise InputError(f"{name} is not in the index, so a model has to embed it; name the model")
    windows = windows_of(data_for(model, name, options), model.preprocessing)
    one = windows.take([_within(name, place, len(windows))])
    record, subject, label = (str(each[0]) for each in (one.record, one.subject, one.label))
    asked = Neighbour(0, 1.0, record, subject, float(one.start[0]), label)
    return model.embed(one.centred).all.numpy(), asked


def _within(name: str, place: str, n: int) -> int:
    if int(place) >= n:
        raise InputError(f"{name} has {n} windows, counted from 0, so there is no {place}")
    return int(place)
