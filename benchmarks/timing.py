"""How everything here is timed: both sides in turns, round by round; the median round counts."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

Sides = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds, seconds that each takes, or only that everything runs."""

    rounds: int = 9
    seconds: float = 0.25
    smallest: bool = False


SMALLEST = Effort(rounds=1, seconds=0.0, smallest=True)


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
        The figure: a ratio (×), a share (%) or a time (ms).
    bound, sense
        What it is held to; None: shown for information.
    seconds
        Median time of a call of each side.
    """

    name: str
    case: str
    value: Spread
    unit: Literal["×", "%", "ms"]
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
    """Seconds of a call of each side, one value (the median of the round's calls) a round.

    Calls alternate, and so does who begins; a first call of each warms up and decides how many
    calls fill a round.
    """
    once = {name: min(_seconds(side) for _ in range(2)) for name, side in sides.items()}
    calls = max(1, round(effort.seconds / sum(once.values())))
    found: dict[str, list[float]] = {name: [] for name in sides}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(effort.rounds):
            taken: dict[str, list[float]] = {name: [] for name in sides}
            for call in range(calls):
                for name in list(sides)[:: 1 if call % 2 else -1]:
                    taken[name].append(_seconds(sides[name]))
            for name, seconds in taken.items():
                found[name].append(median(seconds))
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
    found = in_turns(sides, effort)
    ours, theirs = found.values()
    over, under = (theirs, ours) if at_least is not None else (ours, theirs)
    return Row(
        name,
        case,
        Spread.of(a / b for a, b in zip(over, under, strict=True)),
        "×",
        at_most if at_least is None else at_least,
        "at most" if at_least is None else "at least",
        {side: median(seconds) for side, seconds in found.items()},
    )


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
