"""Models of a study's cells: each is kept beside its cell, and the best of each method is named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from triptych.model import Model
from triptych_studies import collapse
from triptych_studies.base import Cell, Finished
from triptych_studies.cache import Cache
from triptych_studies.grid import Study


def place(cache: Cache, cell: Cell) -> Path:
    """Where a cell's model stands until the best is known."""
    return cache.folder / "models" / cache.path(cell).stem


def keep(cache: Cache, cell: Cell, model: Any) -> None:
    """Save a computed cell's model, if that was asked for and it is one that can be saved."""
    if cache.models and isinstance(model, Model):
        model.save(place(cache, cell))


def keep_best(
    study: Study, cache: Cache, finished: Sequence[Finished], folder: Path
) -> Iterator[str]:
    """Copy the model of each method's best cell to `folder`; of several data sets, of each.

    The best is that of the first headline metric that its cells have. Models of other cells are
    removed.

    Yields
    ------
    str
        What was not kept, and why.
    """
    several = len({done.cell.dataset for done in finished}) > 1
    of_one: dict[tuple[str, ...], list[Finished]] = {}
    for done in finished:
        names = ((done.cell.dataset,) if several else ()) + (done.cell.method,)
        of_one.setdefault(names, []).append(done)
    lost: list[str] = []
    for names, cells in of_one.items():
        best = _best(study, cells)
        if best is None:
            yield f"no model of {' on '.join(reversed(names))} is kept: it has no headline metric"
            continue
        staged, target = place(cache, best.cell), folder.joinpath(*map(_slug, names))
        if staged.is_dir():
            whole = target.with_name(f".{target.name}.part")  # before an earlier one is given up
            shutil.rmtree(whole, ignore_errors=True)
            shutil.copytree(staged, whole)
            shutil.rmtree(target, ignore_errors=True)
            whole.replace(target)
        else:
            lost.append(" on ".join(reversed(names)))
        for done in cells:
            if done is not best:
                shutil.rmtree(place(cache, done.cell), ignore_errors=True)
    if lost:
        yield (
            f"no model is kept of {', '.join(lost)}: their best cells were computed before "
            f"--keep-models was said; delete them from {cache.folder} to compute them anew"
        )


def _best(study: Study, cells: Sequence[Finished]) -> Finished | None:
    for metric in study.headline:
        having = [done for done in cells if metric in done.row["metrics"]]
        sound = [done for done in having if not collapse.blocks(done.row)] or having
        if sound:
            sign = -1 if study.directions.get(metric) == "lower" else 1
            return max(sound, key=lambda done: sign * done.row["metrics"][metric])
    return None


def _slug(name: str) -> str:
    """A folder's name: ``own (side=left)`` → ``own_side_left``."""
    return re.sub(r"[^\w.+@-]+", "_", name).strip("_")
