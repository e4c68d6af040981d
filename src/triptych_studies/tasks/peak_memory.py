"""The largest memory of this process during some work, where the system tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class PeakMemory:
    """``with PeakMemory() as peak: ...``; then `megabytes` is the peak above the start.

    Linux keeps a high-water mark of resident memory, which a process may set back for itself; on
    other systems the figure is NaN.
    """

    def __init__(self) -> None:
        self.megabytes = float("nan")
        self._start = float("nan")

    def __enter__(self) -> Self:
        try:
            _RESET.write_text("5")  # sets the mark back to what is resident now
            self._start = _megabytes("VmRSS")
        except OSError:
            self._start = float("nan")
        return self

    def __exit__(self, *_: object) -> None:
        self.megabytes = _megabytes("VmHWM") - self._start


def _megabytes(name: str) -> float:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return float("nan")
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return float(found[0]) / 1024 if found else float("nan")
