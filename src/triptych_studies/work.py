"""Computing cells that are missing: by this process, or by several that share one folder."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from triptych import InputError
from triptych_studies.base import Cell, Prepared, Study
from triptych_studies.cache import Cache
from triptych_studies.progress import Listener

PAUSE = 0.5  # s between looks at cells that another process has claimed


def environment() -> dict[str, Any]:
    """Versions, threads and machine that the figures of this process come from."""
    import platform
    from importlib.metadata import version

    import torch

    from triptych import __version__

    names = ("torch", "lightning", "numpy", "scipy", "scikit-learn")
    return {
        "triptych": __version__,
        **{name: version(name) for name in names},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
    }


def work(
    study: Study[Any],
    prepared: Prepared,
    cells: Iterable[Cell],
    cache: Cache,
    listener: Listener,
) -> None:
    """Compute every cell that is missing and not claimed by another process, then wait for those.

    Raises
    ------
    InputError
        If a cell cannot be computed; what is finished stays.
    """
    missing = list(cells)
    said: set[Cell] = set()
    while missing:
        before = len(missing)
        for cell in tuple(missing):
            if cache.recall(cell):
                missing.remove(cell)
                continue
            with cache.claim(cell) as mine:
                if not mine:
                    continue
                # another process may have finished it since
                if not cache.recall(cell, listener.note):
                    seconds = _compute(study, prepared, cell, cache, listener)
                    listener.done(cell, seconds, cache.missing())
                missing.remove(cell)
        if len(missing) == before:
            for cell in set(missing) - said:
                listener.note(f"another process is computing {cell}; waiting for it")
            said |= set(missing)
            time.sleep(PAUSE)


def _compute(
    study: Study[Any], prepared: Prepared, cell: Cell, cache: Cache, listener: Listener
) -> float:
    listener.step(cell, "starts")
    start = time.perf_counter()
    try:
        result = study.compute(prepared, cell, lambda text: listener.step(cell, text))
    except InputError as error:
        raise InputError(f"{cell} cannot be computed: {error}") from error
    seconds = time.perf_counter() - start
    cache.store(cell, result, seconds, environment())
    return seconds


@dataclass(frozen=True)
class _Wire:
    """Listener of a child process: hands everything to its parent."""

    connection: Connection

    def note(self, text: str) -> None:
        self.connection.send(("note", text))

    def step(self, cell: Cell, text: str) -> None:
        self.connection.send(("step", cell, text))

    def done(self, cell: Cell, seconds: float, left: int) -> None:
        self.connection.send(("done", cell, seconds, left))


def _child(
    connection: Connection,
    study: Study[Any],
    prepared: Prepared,
    cells: Sequence[Cell],
    cache: Cache,
) -> None:
    import torch

    torch.set_num_threads(1)
    wire = _Wire(connection)
    try:
        work(study, prepared, cells, cache, wire)
        connection.send(("end",))
    except InputError as error:
        connection.send(("input", str(error)))
    except BaseException:
        connection.send(("fault", traceback.format_exc()))


def work_in_parallel(
    study: Study[Any],
    prepared: Prepared,
    cells: Sequence[Cell],
    cache: Cache,
    listener: Listener,
    jobs: int,
) -> None:
    """`work` in `jobs` new processes of one thread each.

    Raises
    ------
    InputError
        The first one of any process; the others are stopped, what is finished stays.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit torch's locked threads
    wires: list[Connection] = []
    processes: list[Any] = []
    try:
        for _ in range(jobs):
            ours, theirs = context.Pipe(duplex=False)
            work_order = (theirs, study, prepared, cells, cache)
            processes.append(context.Process(target=_child, args=work_order))
            with _for_children():
                processes[-1].start()
            theirs.close()
            wires.append(ours)
        _listen(wires, listener)
    finally:
        for process in processes:
            process.terminate()
            process.join()
        cache.sweep()


@contextmanager
def _for_children() -> Generator[None]:
    """One thread each, and deaf to Ctrl-C: the parent hears it, says so, and stops them."""
    threads = os.environ.get("OMP_NUM_THREADS")
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("OMP_NUM_THREADS")
        if threads is not None:
            os.environ["OMP_NUM_THREADS"] = threads
        signal.signal(signal.SIGINT, handler)


def _listen(wires: list[Connection], listener: Listener) -> None:
    """Pass on what the children say until all have ended."""
    while wires:
        for wire in cast("list[Connection]", wait(wires)):
            try:
                kind, *content = wire.recv()
            except EOFError as error:
                raise InputError(
                    "a process of the study was killed from outside (too little memory?); what is "
                    "finished is kept, so run the same command again, with fewer jobs"
                ) from error
            if kind == "end":
                wires.remove(wire)
            elif kind == "input":
                raise InputError(content[0])
            elif kind == "fault":
                raise RuntimeError(f"a process of the study failed:\n{content[0]}")
            else:
                getattr(listener, kind)(*content)
