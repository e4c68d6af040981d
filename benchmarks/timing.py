"""How everything here is timed: both sides in turns, round by round; the median round counts."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

Sides = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds, seconds and least calls a round, or only that it runs."""

    rounds: int = 5
    seconds: float = 0.5
    least: int = 5
    smallest: bool = False


SMALLEST = Effort(rounds=1, seconds=0.0, least=1, smallest=True)


@dataclass(frozen=True)
class Spread:
    """Median, least and largest of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of one value a round."""
        found = [float(value) for value in values]
        return cls(median(found), min(found), max(found))


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name, case
        The benchmark, and what was measured in it.
    value, unit
        The figure: a ratio (×), a share (%), a time (ms) or memory (MB).
    bound, sense
        What it is held to; None: shown for information.
    seconds
        Median time of a call of each side.
    """

    name: str
    case: str
    value: Spread
    unit: Literal["×", "%", "ms", "MB"]
    bound: float | None
    sense: Literal["at most", "at least"]
    seconds: dict[str, float]

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the bound."""
        if self.bound is None:
            return None
        if self.sense == "at most":
            return self.value.median <= self.bound
        return self.value.median >= self.bound


def in_turns(sides: Sides, effort: Effort) -> dict[str, list[float]]:
    """Seconds of a call of each side, one value a round: the shortest of the round's calls.

    Calls alternate, and so does who begins. The shortest counts, as in `timeit`, since what else
    the machine does only ever adds. A first call of each side warms up and decides how many calls
    make a round.
    """
    once = sum(seconds_of(side) for side in sides.values())
    slow = once > 4.0  # then one call makes a round, and three are enough
    calls = 1 if slow else min(max(round(effort.seconds / once), effort.least), 50)
    rounds = min(effort.rounds, 3) if slow else effort.rounds
    found: dict[str, list[float]] = {name: [] for name in sides}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for place in range(rounds):
            taken: dict[str, list[float]] = {name: [] for name in sides}
            for call in range(place, place + calls):
                for name in list(sides)[:: -1 if call % 2 else 1]:
                    taken[name].append(seconds_of(sides[name]))
            for name, seconds in taken.items():
                found[name].append(min(seconds))
    finally:
        if collecting:
            gc.enable()
    return found


def ratio(
    name: str,
    case: str,
    sides: Sides,
    effort: Effort,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """Time of the first side in units of the second's; round by round, so that drifts cancel.

    With `at_least` it is the other way round: how many times faster the first side is.
    """
    ours, theirs = sides
    return compared(name, case, ours, theirs, in_turns(sides, effort), at_most, at_least)


def compared(
    name: str,
    case: str,
    ours: str,
    theirs: str,
    found: Mapping[str, list[float]],
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """`ratio` of two sides among those that `in_turns` has timed."""
    over, under = (ours, theirs) if at_least is None else (theirs, ours)
    return Row(
        name,
        case,
        Spread.of(a / b for a, b in zip(found[over], found[under], strict=True)),
        "×",
        at_most if at_least is None else at_least,
        "at most" if at_least is None else "at least",
        {side: median(found[side]) for side in (ours, theirs)},
    )


def seconds_of(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MB.

    Linux tells it in /proc; what getrusage tells there begins with the peak of the process that
    started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # bytes on macOS
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
