"""An index of a model's latents, with what is known of every window."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from triptych.audit.parts import WindowParts, embed_parts
from triptych.audit.sources import Progress
from triptych.datasets import Dataset, Windows
from triptych.errors import InputError
from triptych.index import Index
from triptych.model import Latents, Model, fingerprint_of

COLUMNS = ("record", "subject", "start", "label")


def index_of(
    model: Model,
    dataset: Dataset,
    *,
    file: str = "",
    folder: str | Path | None = None,
    step_s: float | None = None,
    approximate: bool | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cluster: str | None = None,
) -> Index:
    """Embed the windows of `dataset` (as `fit_to` gives it) into an index, in memory or a folder.

    Its columns are ``file`` (as given here), ``record``, ``subject``, ``start``, ``label`` and the
    recordings' attributes; its default blocks those that are invariant to a transform, else all.

    Raises
    ------
    InputError
        As `Index.build` says.
    """
    settings: dict[str, Any] = {
        "blocks": {block.name: block.size for block in model.schema.blocks},
        "default": tuple(b.name for b in model.schema.blocks if b.invariant_to) or None,
        "approximate": approximate,
        "about": {**(about or {}), "model": fingerprint_of(model)},
    }
    attributes = sorted({name for each in dataset.recordings for name in each.attributes})
    names = tuple(each for each in attributes if each not in (*COLUMNS, "file"))
    embedded = embed_parts(
        model, WindowParts(dataset, model.preprocessing, step_s), progress, cluster
    )
    rows = _rows(embedded, file, names)
    if folder is not None:
        return Index.build(folder, rows, **settings)
    held = list(rows)
    meta = {name: np.concatenate([each[name] for _, each in held]) for name in held[0][1]}
    return Index(np.concatenate([z for z, _ in held]), meta, **settings)


def add_to(
    index: Index,
    model: Model,
    dataset: Dataset,
    *,
    file: str = "",
    step_s: float | None = None,
    progress: Progress | None = None,
    cluster: str | None = None,
) -> tuple[str, ...]:
    """Embed the windows of `dataset` and append them to an index of `index_of`; return notes.

    Attributes that the index has no column for are left out, which a note says.

    Raises
    ------
    InputError
        If a recording is in the index already, or as `Index.append` says.
    """
    files = index.meta["file"].words or () if "file" in index.meta else ()
    same = [each for each in files if os.path.abspath(each) == os.path.abspath(file)]
    known = index.meta.column("file").equals(same, "file") if same else slice(0)
    there = np.unique(index.meta.column("record")[known])
    twice = [name for name in dataset.names if name in there]
    if twice:
        raise InputError(
            f"{len(twice)} recordings of {file} are in the index already ({', '.join(twice[:5])}); "
            "leave them out, or build the index anew"
        )
    names = tuple(each for each in index.meta if each not in (*COLUMNS, "file"))
    attributes = sorted({name for each in dataset.recordings for name in each.attributes})
    lost = [name for name in attributes if name not in index.meta]
    parts = WindowParts(dataset, model.preprocessing, step_s)
    index.append(_rows(embed_parts(model, parts, progress, cluster), file, names))
    left = f"the index has no column for {', '.join(lost)}, so these are left out"
    return (left,) if lost else ()


def _rows(
    embedded: Iterator[tuple[Latents, Windows]], file: str, attributes: tuple[str, ...]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    for z, windows in embedded:
        n = len(windows)
        meta: dict[str, Any] = {"file": np.full(n, file)}
        meta |= {name: getattr(windows, name) for name in COLUMNS}
        meta |= {name: windows.attributes.get(name, np.full(n, "")) for name in attributes}
        yield z.all.numpy(), meta
