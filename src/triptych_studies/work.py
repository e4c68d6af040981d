"""Computing the cells that are missing, one at a time or several in parallel by joblib."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

from triptych import InputError
from triptych_studies.base import Cell, StudyData
from triptych_studies.cache import Cache
from triptych_studies.grid import Study
from triptych_studies.kept_models import keep
from triptych_studies.progress import Listener

PAUSE = 0.5  # s between looks at cells that another run has claimed


def environment() -> dict[str, Any]:
    """Versions, threads and machine that the metrics of this process come from."""
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
    study: Study,
    prepared: StudyData,
    cells: Sequence[Cell],
    cache: Cache,
    listener: Listener,
    jobs: int = 1,
) -> None:
    """Compute every cell that is missing, and wait for those that other runs are computing.

    Several `jobs` are processes of one thread each; what stands within their cells is not heard.

    Raises
    ------
    InputError
        The first cell that cannot be computed; the others are stopped, what is finished stays.
    """
    import joblib

    make: Any = joblib
    missing = [cell for cell in cells if not cache.recall(cell, listener.note)]
    heard = listener.step if jobs == 1 else _unheard  # a listener cannot go to another process
    said: set[Cell] = set()

    def orders(free: Sequence[Cell]) -> Iterator[Any]:
        for cell in free:  # drawn one by one, as processes become free
            listener.step(cell, "starts")
            yield make.delayed(compute)(study, prepared, cell, cache, heard)

    settings = {"inner_max_num_threads": 1, "initializer": _ignore_interrupts}
    try:
        with make.parallel_config("loky", **settings):
            pool = make.Parallel(
                n_jobs=jobs,
                return_as="generator_unordered",
                pre_dispatch="n_jobs",
                batch_size=1,
                max_nbytes=None,  # arrays that are mapped from a file cannot be written to
            )
            while missing:
                free = [cell for cell in missing if cache.is_free(cell)]
                for cell, seconds in pool(orders(free)):
                    if seconds is not None:
                        listener.done(cell, seconds, cache.missing())
                missing = [cell for cell in missing if not cache.recall(cell)]
                if missing and not free:
                    for cell in set(missing) - said:
                        listener.note(f"another process is computing {cell}; waiting for it")
                    said |= set(missing)
                    time.sleep(PAUSE)
    except BrokenExecutor as error:
        raise InputError(
            "a process of the study was killed from outside (too little memory?); what is "
            "finished is kept, so run the same command again, with fewer jobs"
        ) from error
    finally:
        cache.sweep()


def compute(
    study: Study,
    prepared: StudyData,
    cell: Cell,
    cache: Cache,
    heard: Callable[[Cell, str], None],
) -> tuple[Cell, float | None]:
    """Compute and store one cell; its seconds, or None if another run has it."""
    with cache.claim(cell) as mine:
        if not mine or cache.recall(cell):  # it may be finished since it was found missing
            return cell, None
        start = time.perf_counter()
        try:
            result = study.compute(prepared, cell, lambda text: heard(cell, text))
        except InputError as error:
            raise InputError(f"{cell} cannot be computed: {error}") from error
        seconds = time.perf_counter() - start
        keep(cache, cell, result.model)
        cache.store(cell, result, seconds, environment())
        return cell, seconds


def _unheard(cell: Cell, text: str) -> None:
    pass


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal: the first one says so, and stops the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
