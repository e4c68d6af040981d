"""What a running study says: one line per finished cell, and on a terminal where it is now."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from triptych_studies.base import Cell


class Listener(Protocol):
    """What is called as a study proceeds."""

    def note(self, text: str) -> None:
        """Something a reader should know: a damaged file, cells of other settings."""
        ...

    def step(self, cell: Cell, text: str) -> None:
        """Where a cell is now."""
        ...

    def done(self, cell: Cell, seconds: float, left: int) -> None:
        """A cell was computed in `seconds`; `left` are still missing."""
        ...


def duration(seconds: float) -> str:
    """``"48 s"``, ``"12 min"`` or ``"3.5 h"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def terminal(total: int, jobs: int) -> Generator[Listener]:
    """Listener that writes to stderr, of `total` cells of which `jobs` are computed at a time."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    with console.status("reading the data") as status:
        yield _Terminal(total, jobs, console, status)


@dataclass
class _Terminal:
    total: int
    jobs: int
    console: Any
    status: Any
    times: list[float] = field(default_factory=list[float])
    left: int = 0

    def note(self, text: str) -> None:
        self.console.print(f"note: {text}")

    def step(self, cell: Cell, text: str) -> None:
        self.status.update(f"{cell}: {text}{self._time_left()}")

    def done(self, cell: Cell, seconds: float, left: int) -> None:
        self.times.append(seconds)
        self.left = left
        count = f"{self.total - left}/{self.total}"
        self.console.print(f"{count} {cell}: {duration(seconds)}{self._time_left()}")

    def _time_left(self) -> str:
        if not self.left:
            return ""
        mean = sum(self.times) / len(self.times)
        return f", about {duration(mean * self.left / self.jobs)} left"
