"""Intervals over seeds and test people, and paired comparisons that say what they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from triptych.audit.inputs import Floats, Labels, Rows, as_array, as_labels
from triptych.audit.result import Result
from triptych.errors import InputError

# Of few figures the ends lie far out: at 0.24 % of the draws with six.
FEW, MANY = 10, 1_000
# With five pairs even five equal signs have a two-sided chance of 1/16 under no difference.
FEWEST_PAIRS = 6


@dataclass(frozen=True)
class Interval(Result):
    """Mean with its 95 % bootstrap interval; `low` and `high` are NaN where one figure is all.

    `seeds` and `subjects` are what was resampled.
    """

    mean: float
    low: float
    high: float
    seeds: int
    subjects: int


@dataclass(frozen=True)
class Difference(Result):
    """Paired difference a − b over subjects, its 95 % bootstrap interval, and the verdict."""

    mean: float
    low: float
    high: float
    subjects: int
    verdict: str


def per_subject(values: Rows, subjects: Labels) -> dict[str, tuple[float, int]]:
    """Mean and number of the `values` (n,) of every subject: what a row of results carries."""
    array = as_array(values, "values", 1)
    names, index = np.unique(as_labels(subjects, len(array), "subjects"), return_inverse=True)
    count = np.bincount(index)
    mean = np.bincount(index, array) / count
    return {str(name): (float(m), int(n)) for name, m, n in zip(names, mean, count, strict=True)}


def jackknife_per_subject(
    statistic: Callable[[NDArray[np.bool_]], float], subjects: Labels, n: int
) -> dict[str, tuple[float, int]]:
    """Each subject's part in a figure of all rows that is no mean of theirs (a macro F1, c′).

    Pseudo-values of the delete-a-group jackknife, (n/m) s − (n/m − 1) s₋, with s the figure of all
    n rows and s₋ the one without the subject's m, all moved by the estimate of the bias, so that
    their mean is the figure that is printed. Of a mean they are the subject's own means, as
    `per_subject` gives them, so that intervals and paired comparisons take either.

    Parameters
    ----------
    statistic
        Which rows are kept (n,) → the figure.
    subjects
        (n,) subject of every row; at least two.

    Source: Busing, Meijer and van der Leeden, "Delete-m jackknife for unequal m" (1999), eq. 7.
    """
    names, index, count = np.unique(
        as_labels(subjects, n, "subjects"), return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        raise InputError(
            "one subject has all rows: leaving it out leaves nothing; give two or more"
        )
    whole = statistic(np.ones(n, dtype=bool))
    without = np.array([statistic(index != k) for k in range(len(names))])
    pseudo = n / count * whole - (n / count - 1) * without
    pseudo += whole - (pseudo * count).sum() / n
    return {
        str(name): (float(value), int(m))
        for name, value, m in zip(names, pseudo, count, strict=True)
    }


def stack_subjects(rows: Sequence[Mapping[str, float]]) -> Floats:
    """Table (seeds, subjects) from one mapping subject → figure a seed or fold; else NaN."""
    names = sorted({name for row in rows for name in row})
    table = [[row.get(name, np.nan) for name in names] for row in rows]
    return np.array(table, np.float64).reshape(len(rows), len(names))


def bootstrap_interval(
    values: ArrayLike,
    counts: ArrayLike | None = None,
    *,
    resamples: int | None = None,
    seed: int = 0,
) -> Interval:
    """Mean and 95 % bootstrap interval over seeds × test subjects.

    Seeds (or folds) and subjects are drawn with replacement, independently of each other, and every
    drawn figure counts as often as its seed times its subject was drawn. With one seed only
    subjects are drawn, with one subject only seeds. Folds that tested different people belong into
    one row: they are not crossed with people. Percentiles are those of `tail_of`.

    Parameters
    ----------
    values
        (seeds, subjects), or (subjects,) for one seed; NaN where a seed did not test a subject.
    counts
        Windows behind every figure, same shape: the mean is then over windows, else over figures.

    Raises
    ------
    InputError
        If there is no figure, or the shapes differ.
    """
    table = _table(values, "values")
    held = np.isfinite(table)
    number = np.ones_like(table) if counts is None else _table(counts, "counts")
    weight = np.where(held, number, 0) if number.shape == table.shape else np.zeros(1)
    if not (weight.sum() > 0 and (weight >= 0).all()):
        raise InputError(
            f"values {table.shape} and counts {number.shape} give nothing to average: expected "
            "one (seeds, subjects) shape, counts >= 0 and at least one figure"
        )
    used = table[held.any(axis=1)][:, held.any(axis=0)]
    weight = weight[held.any(axis=1)][:, held.any(axis=0)]
    product = np.where(np.isfinite(used), used, 0) * weight
    mean = float(product.sum() / weight.sum())
    seeds, subjects = used.shape
    if seeds * subjects == 1:
        return Interval(mean, np.nan, np.nan, seeds, subjects)
    rng = np.random.default_rng(seed)
    resamples = resamples or draws_for(subjects)
    a, b = _draws(seeds, resamples, rng), _draws(subjects, resamples, rng)
    total = np.einsum("rs,sj,rj->r", a, weight, b, optimize=True)
    drawn = np.einsum("rs,sj,rj->r", a, product, b, optimize=True)[total > 0] / total[total > 0]
    tail = tail_of(subjects if subjects > 1 else seeds)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), seeds, subjects)


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    names: tuple[str, str] = ("A", "B"),
    scale: float = 100.0,
    unit: str = "points",
    resamples: int | None = None,
    seed: int = 0,
) -> Difference:
    """Compare two methods on the same subjects: mean of a − b, its interval and a verdict.

    Subjects are drawn with replacement. A difference is claimed if the 95 % interval leaves 0 out
    and at least six subjects were compared.

    Parameters
    ----------
    a, b
        (subjects,) figures of both, in the same order.
    scale, unit
        How the verdict words a difference of 1.0.

    Raises
    ------
    InputError
        If the subjects differ in number, or are fewer than two.
    """
    left, right = (as_array(np.asarray(v, np.float64), n, 1) for v, n in ((a, "a"), (b, "b")))
    if left.shape != right.shape:
        raise InputError(
            f"a has {len(left)} subjects and b has {len(right)}: expected the same test subjects "
            "in the same order"
        )
    gap = left - right
    n = len(gap)
    if n < 2:
        raise InputError(f"{n} subject(s): a paired comparison needs at least two")
    drawn = _draws(n, resamples or draws_for(n), np.random.default_rng(seed)) @ gap / n
    mean = float(gap.mean())
    tail = tail_of(n)
    low, high = (float(edge) for edge in np.quantile(drawn, [tail, 1 - tail]))
    shown = n >= FEWEST_PAIRS and (low > 0 or high < 0)
    if shown:
        ends = sorted((abs(low), abs(high)))
        verdict = f"{names[0]} is {'above' if mean > 0 else 'below'} {names[1]} by "
        verdict += f"{abs(mean) * scale:.1f} {unit}"
    else:
        ends = [low, high]
        verdict = f"no difference shown between {names[0]} and {names[1]}"
    interval = f"95 % interval {ends[0] * scale:.1f} to {ends[1] * scale:.1f}"
    few = f"; fewer than {FEWEST_PAIRS} cannot show one" if n < FEWEST_PAIRS else ""
    return Difference(mean, low, high, n, f"{verdict} ({interval}, {n} people{few})")


def _table(values: ArrayLike, name: str) -> Floats:
    table = np.atleast_2d(np.asarray(values, np.float64))
    if table.ndim != 2 or table.size == 0:
        raise InputError(
            f"{name} has the shape {table.shape}: expected (seeds, subjects) or (subjects,)"
        )
    return table


def draws_for(n: int) -> int:
    """How many draws of n figures are enough for the ends of an interval."""
    return 50_000 if n <= FEW else 5_000 if n <= MANY else 1_000


def tail_of(n: int) -> float:
    """Which percentile of the drawn means of n figures ends a 95 % interval.

    2.5 % would be too near: drawn means spread as if the figures were the population (by √(n − 1)
    / √n too little) and normally where the mean of few is spread like Student's t. The expanded
    percentile of Hesterberg, "What Teachers Should Know About the Bootstrap" (2015), section 3.1.
    """
    wide = np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, 0.975)
    return float(special.ndtr(-wide))


def _draws(n: int, resamples: int, rng: np.random.Generator) -> NDArray[Any]:
    """How often each of n is drawn in n draws with replacement, (resamples, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
