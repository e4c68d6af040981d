"""Paired comparisons of two methods: what they show, of one run or of the methods themselves.

A claim is about a method, so it has to survive another seed and other subjects: both are random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from triptych.errors import InputError
from triptych.metrics.inputs import Floats
from triptych.metrics.result import Result
from triptych.metrics.statistics import (
    LEVEL,
    Variance,
    half_width,
    table_of,
    variance_of_sum,
    welch,
)

# With five pairs even five equal signs have a two-sided chance of 1/16 under no difference.
FEWEST_PAIRS = 6


@dataclass(frozen=True)
class Difference(Result):
    """Paired difference a − b, its 95 % interval over seeds and subjects, and what it shows.

    Attributes
    ----------
    mean, low, high
        The difference and its 95 % interval (of this comparison alone, whatever `comparisons` is).
    p
        Two-sided p value, corrected for the `comparisons` that `holm` judged together.
    subjects, seeds
        How many subjects were compared, and how many seeds either side has.
    """

    mean: float
    low: float
    high: float
    p: float
    subjects: int
    seeds: tuple[int, int]
    comparisons: int = 1
    names: tuple[str, str] = field(default=("A", "B"), repr=False)
    scale: float = field(default=100.0, repr=False)
    unit: str = field(default="points", repr=False)

    @property
    def enough(self) -> bool:
        """Whether so many subjects, six or more, can show a difference at all."""
        return self.subjects >= FEWEST_PAIRS

    @property
    def shown(self) -> bool:
        """Whether a difference is claimed: p at most 0.05, and six subjects or more."""
        return self.enough and self.p <= LEVEL

    @property
    def verdict(self) -> str:
        """The difference in words. With one seed on a side it is about this run, not the method."""
        a, b = self.names
        run = " in this run" if 1 in self.seeds else ""
        ends = [self.low, self.high]
        if self.shown:
            side = "above" if self.mean > 0 else "below"
            words = f"{a} is {side} {b} by {abs(self.mean) * self.scale:.1f} {self.unit}{run}"
            ends = sorted(map(abs, ends))
        else:
            words = f"no difference shown between {a} and {b}{run}"
            if self.comparisons > 1 and self.low * self.high > 0:
                words += f" when {self.comparisons} comparisons are judged together"
        few = f"; fewer than {FEWEST_PAIRS} cannot show one" * (not self.enough)
        interval = f"95 % interval {ends[0] * self.scale:.1f} to {ends[1] * self.scale:.1f}"
        return f"{words} ({interval}, {self.subjects} subjects{few}, {_seeds(self.seeds)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics and the verdict as plain data."""
        return {**super().to_dict(), "verdict": self.verdict}


def _seeds(seeds: tuple[int, int]) -> str:
    if seeds[0] != seeds[1]:
        return f"{seeds[0]} and {seeds[1]} seeds"
    return "one seed" if seeds[0] == 1 else f"{seeds[0]} seeds"


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    names: tuple[str, str] = ("A", "B"),
    scale: float = 100.0,
    unit: str = "points",
) -> Difference:
    """Compare two methods on the same subjects: mean of a − b, its 95 % interval and a verdict.

    Seeds and subjects are random; subjects are paired, seeds are not (the third seed of one method
    has nothing in common with the third of another). A t interval: the variance of the mean is the
    subjects' (of the difference, averaged over seeds) plus that of either side's seeds, with
    degrees of freedom by Welch and Satterthwaite (Biometrics Bulletin 2, 1946). Where one side has
    a single seed, the other side's variance of seeds serves for both, as if the methods varied
    alike; with one seed on both sides only subjects are random. Either verdict is about "this run".

    Parameters
    ----------
    a, b
        ``(seeds, subjects)``, or ``(subjects,)`` for one seed: figures of both methods, subjects
        in the same order; the numbers of seeds may differ.
    names
        What the verdict calls the two.
    scale, unit
        How the verdict words a difference of 1.0.

    Returns
    -------
    Difference
        Of one comparison; verdicts that stand in one table go through `holm` together.

    Raises
    ------
    InputError
        If the subjects differ in number or are fewer than two, or a figure is missing.

    Examples
    --------
    >>> ours, theirs = [0.91, 0.88, 0.93, 0.9, 0.89, 0.94], [0.85, 0.84, 0.86, 0.83, 0.85, 0.86]
    >>> paired_difference(ours, theirs, names=("A", "B")).verdict
    'A is above B by 6.0 points in this run (95 % interval 4.2 to 7.8, 6 subjects, one seed)'
    """
    left, right = table_of(a, "a"), table_of(b, "b")
    for table, name in ((left, "a"), (right, "b")):
        if not np.isfinite(table).all():
            raise InputError(
                f"{name} holds NaN or infinities: expected a figure of every subject for every "
                "seed; leave out subjects that lack one"
            )
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"a has {left.shape[1]} subjects and b has {right.shape[1]}: expected the same test "
            "subjects in the same order"
        )
    gap = left.mean(axis=0) - right.mean(axis=0)
    n = len(gap)
    if n < 2:
        raise InputError(f"{n} subject(s): a paired comparison needs at least two")
    mean = float(gap.mean())
    variances = [variance_of_sum(gap / n), *_variances_of_seeds(left, right)]
    half = half_width(variances)
    spread, freedom = welch(variances)
    p = 2 * special.stdtr(freedom, -abs(mean) / np.sqrt(spread)) if spread else float(mean == 0)
    seeds = (len(left), len(right))
    return Difference(
        mean, mean - half, mean + half, float(p), n, seeds, names=names, scale=scale, unit=unit
    )


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """Judge the comparisons of one table together: their p values corrected by Holm's method.

    The chance that any of them claims a difference where there is none is then at most 5 %.
    Intervals stay those of the single comparisons. Source: Holm, Scandinavian Journal of Statistics
    6 (1979).

    Examples
    --------
    >>> sure = paired_difference([5, 6, 5, 6, 5, 6], np.zeros(6))
    >>> unsure = paired_difference([1, -1, 2, 0, 1, -1], np.zeros(6))
    >>> [each.shown for each in holm([sure, unsure])]
    [True, False]
    """
    order = sorted(range(len(differences)), key=lambda k: differences[k].p)
    corrected, highest = list(differences), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * differences[k].p))
        corrected[k] = replace(differences[k], p=highest, comparisons=len(order))
    return corrected


def _variances_of_seeds(left: Floats, right: Floats) -> list[Variance]:
    """What the seeds of either side add to the variance of the difference of their means."""
    means = [side.mean(axis=1) for side in (left, right)]
    several = [each for each in means if len(each) > 1]
    if len(several) != 1:
        return [variance_of_sum(each / len(each)) for each in several]
    both = sum(1 / len(each) for each in means)
    return [(both * float(several[0].var(ddof=1)), len(several[0]) - 1)]
