"""Tables made anew from finished cells: nothing is trained, and no data are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triptych import InputError
from triptych.files import read_json
from triptych_studies import names, study
from triptych_studies.base import Cell, Finished, Options, StudyData
from triptych_studies.cache import read_cell
from triptych_studies.outputs import write_results

EVERY = "all"  # in place of a study's name


def rebuild(name: str, folder: str | Path) -> Iterator[Path]:
    """Write results.json and table.md anew, of every folder of this study in `folder` or below.

    The rows are the cells that stand under ``cells/``, in the order of the present results.json
    (new ones behind); what was asked for (budget, command, data) is taken from that file.

    Parameters
    ----------
    name
        A study, or ``"all"``.
    folder
        A study's own folder, or any folder above several.

    Yields
    ------
    Path
        Every folder that was written.

    Raises
    ------
    InputError
        If there is no such study, no results of it, or a cell cannot be read.
    """
    if name != EVERY and name not in names():
        study(name)  # says which there are
    found = [path.parent for path in sorted(Path(folder).rglob("results.json"))]
    contents = {each: read_json(each / "results.json") for each in found}
    chosen = {p: c for p, c in contents.items() if name in (EVERY, c.get("study"))}
    if not chosen:
        what = "a study" if name == EVERY else name
        raise InputError(f"there is no results.json of {what} in {folder} or below")
    for path, content in chosen.items():
        finished = _cells(path, content)
        prepared = StudyData(
            data_name=content["data"]["name"],
            fingerprint=content["data"]["fingerprint"],
            simulated=content["data"]["simulated"],
            options=Options(budget=content["budget"], asked=content.get("asked", {})),
        )
        write_results(study(content["study"]), prepared, finished, path, content["command"])
        yield path


def _cells(folder: Path, content: dict[str, Any]) -> list[Finished]:
    files = sorted((folder / "cells").glob("*.json"))
    if not files:
        raise InputError(f"{folder} has no finished cells: expected files in {folder / 'cells'}")
    found = {done.cell: done for done, _ in map(read_cell, files)}
    order = [Cell.of(row) for row in content["rows"]]
    return [found[cell] for cell in dict.fromkeys([*order, *found]) if cell in found]
