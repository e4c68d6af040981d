"""Permutation tests of what was read: which truths may change places, and how two halves count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05


def exchanged(
    groups: NDArray[Any], times: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield rows whose truths are as likely as their own if `truth` says nothing of z.

    Whole groups are exchanged, each turned by a random number of rows: windows of a subject
    resemble each other, and neighbours in time do most, so neither a truth that differs between
    subjects only nor one that drifts may be shuffled window by window. Exact for groups of one
    size; a smaller group's truths are repeated, a larger one's cut off.
    """
    _, code, size = np.unique(groups, return_inverse=True, return_counts=True)
    rows = np.argsort(code, kind="stable")  # group behind group
    own, start = code[rows], np.cumsum(size) - size
    place = np.arange(len(rows)) - start[own]
    for _ in range(times):
        source = rng.permutation(len(size))[own]
        turned = (place + rng.integers(size)[source]) % size[source]
        drawn = np.empty_like(rows)
        drawn[rows] = rows[start[source] + turned]
        yield drawn


class Permuted(NamedTuple):
    """A permutation test: its p, the scores under it, and how many permutations change nothing."""

    p: float
    shuffled: list[float]
    idle: int


def permuted(
    score: Callable[[Any, Any], float],
    guess: NDArray[Any],
    truth: NDArray[Any],
    groups: NDArray[Any],
    times: int,
    rng: np.random.Generator,
) -> Permuted:
    """Test whether `guess` meets its own truth better than it meets exchanged ones.

    p is the share of exchanged truths that are met as well, and the own one: uniform where nothing
    is known, if no `truth` of these rows helped to make a `guess` of them. A score that is not
    defined is no better than any.

    Source: Phipson and Smyth, "Permutation p-values should never be zero" (2010).
    """
    own, shuffled, idle = score(guess, truth) - 1e-12, list[float](), 0
    for order in exchanged(groups, times, rng):
        shuffled.append(score(guess, truth[order]))
        idle += bool((truth[order] == truth).all())
    return Permuted((1 + sum(not each < own for each in shuffled)) / (1 + times), shuffled, idle)


def least_shown(shuffled: Sequence[float], idle: int = 0, level: float = LEVEL) -> float:
    """Smallest score that would have p < `level`, from those of permuted truths.

    Infinite where `idle` of the permutations change nothing, and these alone are as many: even a
    perfect reader would not be told from chance.
    """
    above = int(np.ceil(level * (1 + len(shuffled)))) - 2  # so many may be as high
    if above < idle:
        return float("inf")
    return float(np.sort(np.asarray(shuffled, np.float64))[::-1][above]) if shuffled else np.inf


def smallest_p(values: Iterable[float]) -> float:
    """One p of several that may depend on each other: the smallest times their number, at most 1.

    Two halves that are read by each other's probes share all truths. A permutation of both under
    probes that stay as they are takes the halves for independent: it found p ≤ .05 in 8 to 10 % of
    cases where nothing was known. Within one half, with the truths of the other as they are, it is
    exact. Of two such p P(p ≤ α) is then at most α, and at least α/2, whatever the halves share.

    Source: Bonferroni's inequality.
    """
    held = list(values)
    return min(1.0, len(held) * min(held))
