"""The data of a demo: real recordings if they are here or can be had at once, else simulated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from triptych import InputError, datasets
from triptych.datasets import mitdb

METHODS = ("plain", "augmentation", "scl")
NO_ANSWER_S = 10.0


def data_for(
    data: Path | None, say: Callable[[str], None], progress: Callable[[int, int], None]
) -> str:
    """Name the data set of a demo: ``"mitdb"``, downloaded if need be, or ``"simulated"``.

    Parameters
    ----------
    data
        Where mitdb is said to lie; None looks in the usual places and downloads.
    say
        Told what is done and why.
    progress
        Told how many of how many files have come.

    Raises
    ------
    InputError
        If `data` is given and no folder.
    """
    if data is not None:
        datasets.locate("mitdb", data)
        return "mitdb"
    if _complete():
        return "mitdb"
    say("The MIT-BIH recordings are not on this machine: asking PhysioNet for them (100 MB).")
    refusal = fetch("mitdb", progress)
    if not refusal:
        return "mitdb"
    say(f"They cannot be had now: {refusal}.")
    say("So this demo runs on a simulated cohort, and its metrics say nothing about real hearts.")
    return "simulated"


def _complete() -> bool:
    """Whether every record is here; a download that broke off is not."""
    try:
        folder = datasets.locate("mitdb")
    except InputError:
        return False
    names = [
        f"{name}.{kind}" for name in (*mitdb.DS1, *mitdb.DS2) for kind in ("hea", "dat", "atr")
    ]
    return all((folder / name).is_file() for name in names)


def fetch(name: str, progress: Callable[[int, int], None]) -> str:
    """Download a data set; why not, if the first file is not there after `NO_ANSWER_S` s.

    The time limit of a connection does not cover a name server that is silent: hence the thread.
    """
    first, finished, given_up = threading.Event(), threading.Event(), threading.Event()
    failure: list[str] = []

    def count(_: str, done: int, of: int) -> None:
        if given_up.is_set():  # ends the thread that nobody waits for any more
            raise InputError("given up")
        if done:
            first.set()
        progress(done, of)

    def work() -> None:
        try:
            datasets.fetch(name, progress=count)
        except InputError as error:
            failure.append(str(error))
        except Exception as error:  # a thread's traceback would be nobody's: it becomes the reason
            failure.append(f"{type(error).__name__}: {error}")
        finally:
            finished.set()
            first.set()

    threading.Thread(target=work, daemon=True).start()
    if not first.wait(NO_ANSWER_S):
        given_up.set()
        return f"no answer within {NO_ANSWER_S:g} s"
    finished.wait()
    return failure[0] if failure else ""
