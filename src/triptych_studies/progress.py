"""What a running study says: one line a finished cell, and on a terminal where it is now."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from triptych_studies.base import Cell

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status


class Listener(Protocol):
    """Whoever wants to know how a study goes."""

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


@dataclass
class Terminal:
    """Listener that writes to stderr; a status line with the time left on a real terminal.

    Attributes
    ----------
    total
        Cells of the study.
    jobs
        How many are computed at a time.
    """

    total: int
    jobs: int = 1
    _times: list[float] = field(default_factory=list[float], init=False)
    _left: int | None = field(default=None, init=False)
    _console: Console = field(init=False)
    _status: Status = field(init=False)

    def __post_init__(self) -> None:
        from rich.console import Console

        self._console = Console(file=sys.stderr, highlight=False, markup=False, soft_wrap=True)
        self._status = self._console.status("reading the data")

    def __enter__(self) -> Terminal:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._status.stop()

    def note(self, text: str) -> None:
        """Print `text` as a line of its own."""
        self._console.print(f"note: {text}")

    def step(self, cell: Cell, text: str) -> None:
        """Renew the status line."""
        self._status.update(f"{cell}: {text}{self._time_left()}")

    def done(self, cell: Cell, seconds: float, left: int) -> None:
        """Print a line with the time it took, the count and the time left."""
        self._times.append(seconds)
        self._left = left
        count = f"{self.total - left}/{self.total}"
        self._console.print(f"{count} {cell}: {duration(seconds)}{self._time_left()}")

    def _time_left(self) -> str:
        if not self._times or not self._left:
            return ""
        mean = sum(self._times) / len(self._times)
        return f", about {duration(mean * self._left / self.jobs)} left"
