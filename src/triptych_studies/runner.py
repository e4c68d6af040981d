"""Runs any study: computes what is missing, keeps what is finished, writes table and report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from triptych import InputError
from triptych.metrics.result import plain
from triptych_studies.base import Cell, Finished, Options, StudyData
from triptych_studies.cache import Cache, code_version
from triptych_studies.grid import Study
from triptych_studies.kept_models import keep_best
from triptych_studies.outputs import write_figures_and_report, write_results
from triptych_studies.progress import Listener, terminal
from triptych_studies.work import work


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a study; the message says what is done and how to continue (exit code 130)."""


@dataclass(frozen=True)
class Outcome:
    """What a study left behind: its results (as in results.json), its report and its table."""

    results: dict[str, Any]
    report: Path
    table: Path


def run(
    study: Study,
    out: str | Path,
    *,
    data: Path | None = None,
    options: Options | None = None,
    jobs: int = 1,
    command: str = "",
    listener: Listener | None = None,
    keep_models: bool = False,
) -> Outcome:
    """Run `study` into the folder `out`; what stands there from an earlier run is kept and used.

    Parameters
    ----------
    out
        Gets ``results.json``, ``table.md``, ``report.html``, ``figures/`` and ``cells/``. Several
        processes may work on one folder at a time.
    data
        The dataset's own folder, or a root that holds it; None looks in the usual places.
    jobs
        Processes that compute cells; each has one thread if there are several.
    command
        Printed in table and report, so that a reader can repeat it.
    listener
        Told of every step; None writes to stderr.
    keep_models
        Whether the best cell of each method leaves its model in ``models/METHOD``.

    Raises
    ------
    InputError
        Unknown methods, data that cannot be read, a cell that cannot be computed, a full disk.
        Finished cells stay.
    Interrupted
        After Ctrl-C, with what is finished written down.
    """
    options = checked(study, options or Options(), jobs)
    folder = Path(out)
    try:
        prepared: StudyData = study.prepare(data, options)
    except KeyboardInterrupt as stop:
        raise Interrupted(
            f"interrupted while the data were read; finished cells in {folder} are kept, so run "
            "the same command again to continue"
        ) from stop
    cells: list[Cell] = list(study.cells(prepared))
    code = code_version()  # of what is loaded: files may be edited later
    cache = Cache(folder / "cells", keys_of(study, prepared, cells), code, keep_models)
    with nullcontext(listener) if listener else terminal(len(cells), jobs) as told:
        return _run(study, prepared, cache, folder, jobs, command, told)


def checked(study: Study, options: Options, jobs: int) -> Options:
    """Options with every method filled in (InputError for what does not exist)."""
    unknown = [name for name in options.methods if name not in study.rows]
    if unknown:
        raise InputError(
            f"the study {study.name} has no method {', '.join(unknown)}: choose from "
            f"{', '.join(study.methods)}"
        )
    if options.seeds is not None and options.seeds < 1:
        raise InputError(f"{options.seeds} seeds were asked for: expected 1 or more")
    if jobs < 1:
        raise InputError(f"{jobs} jobs were asked for: expected 1 or more")
    chosen = [name for name in study.rows if name in (options.methods or study.methods)]
    return replace(options, methods=tuple(chosen))


def keys_of(study: Study, prepared: StudyData, cells: Sequence[Cell]) -> dict[Cell, dict[str, Any]]:
    """For every cell, the plain JSON that decides its metrics."""
    return {
        cell: {
            "study": study.name,
            "protocol": study.protocol,
            "revision": study.revision,
            "data": prepared.fingerprint,
            "budget": prepared.options.budget,
            **asdict(cell),
            "recipe": plain(study.key(prepared, cell)),
        }
        for cell in cells
    }


def _run(
    study: Study,
    prepared: StudyData,
    cache: Cache,
    folder: Path,
    jobs: int,
    command: str,
    listener: Listener,
) -> Outcome:
    if lost := _lost(study, cache):
        names = ", ".join(dict.fromkeys(cell.method for cell in lost))
        text = f"retired, so only finished cells are used, and there are none: {names}"
        if len(lost) == len(cache.keys):
            raise InputError(text)
        listener.note(text)
        cache = replace(cache, keys={c: key for c, key in cache.keys.items() if c not in lost})
    cells = list(cache.keys)
    for text in prepared.notes:
        listener.note(text)
    cache.sweep()
    if others := cache.others():
        listener.note(
            f"{others} finished cell(s) in {cache.folder} belong to other settings, data or "
            "revisions and are left alone"
        )
    if old := sum(done.environment["code"] != cache.code for done in _finished(cache)):
        listener.note(
            f"{old} finished cell(s) were computed by other code of the same revision and are "
            f"used; delete them from {cache.folder} to compute them anew"
        )
    try:
        work(study, prepared, cells, cache, listener, jobs)
        results = write_results(study, prepared, _finished(cache), folder, command)
        study.leave(prepared, folder)
        if cache.models:
            for text in keep_best(study, cache, _finished(cache), folder / "models"):
                listener.note(text)
        report = write_figures_and_report(study, prepared, _finished(cache), results, folder)
    except KeyboardInterrupt as stop:
        done = _finished(cache)
        if done:
            write_results(study, prepared, done, folder, command)
        raise Interrupted(
            f"interrupted with {len(done)} of {len(cells)} cells finished and kept in "
            f"{cache.folder}; run the same command again to continue"
        ) from stop
    return Outcome(results, report, folder / "table.md")


def _lost(study: Study, cache: Cache) -> list[Cell]:
    """Unfinished cells of retired ablations."""
    retired = {f"{study.focus}/{name}" for name in study.retired}
    return [cell for cell in cache.keys if cell.method in retired and not cache.path(cell).exists()]


def _finished(cache: Cache) -> list[Finished]:
    return [done for cell in cache.keys if (done := cache.recall(cell))]
