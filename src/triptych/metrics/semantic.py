"""Whether latents mean one thing each: BayesNCL's set of figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.metrics.collapse import collapsed
from triptych.metrics.inputs import Floats, Labels, Rows, as_array, as_labels, unit_rows
from triptych.metrics.result import Result

EPSILON = 1e-5
"""A dimension is open in a sample where |z| is above this, after scaling z to norm 1."""

SHUFFLES = 2_000  # draws of labels from which the level of chance is taken


@dataclass(frozen=True)
class SemanticConsistency(Result):
    """Figures of `semantic_consistency`, of K classes and d dimensions.

    Those of single dimensions are NaN where none is open or the latents have collapsed.

    Attributes
    ----------
    raw
        c: share of the commonest class among the samples that open a dimension, mean over active
        dimensions, 1/K to 1.
    corrected
        (c − e)/(1 − e), with classes of equal weight in c, and e the c that as many samples would
        have with shuffled labels; both are means over the active dimensions: 0 is chance, 1 is one
        class in each. What one sample opens has c = e = 1 and counts for nothing.
    rescaled, chance
        (c − 1/K)/(1 − 1/K), which is 0 by chance only where many samples open a dimension (with ten
        classes 0.5 where three do), and the same of e. `corrected` is (rescaled − chance)/(1 −
        chance).
    entropy, entropy_chance
        Of the (equally weighted) classes that open a dimension, mean over active ones, in nats, 0
        to log K, lower is better; and what shuffled labels give.
    active, coverage
        Dimensions that any sample opens; share of samples that open any.
    sparsity
        Share of entries (n, d) that are closed.
    effective_rank
        exp of the entropy of the singular values, normalised to sum 1; not centred.
    epsilon, classes
        ε and the names of the K classes.
    shares
        (d, K) share of each class in what opens a dimension, classes of equal weight; zeros where
        it is never open; not in `to_dict`.
    opened
        (n, d) which entries are open; not in `to_dict`.
    levels
        (d,) the largest of them that shuffled labels give, in the mean; 1 where it is never open;
        not in `to_dict`.
    """

    raw: float
    corrected: float
    rescaled: float
    chance: float
    entropy: float
    entropy_chance: float
    active: int
    coverage: float
    sparsity: float
    effective_rank: float
    epsilon: float
    classes: tuple[str, ...]
    opened: NDArray[np.bool_] = field(repr=False, compare=False)
    shares: Floats = field(repr=False, compare=False)
    levels: Floats = field(repr=False, compare=False)


def semantic_consistency(
    z: Rows, labels: Labels, *, epsilon: float = EPSILON
) -> SemanticConsistency:
    """Measure how far single dimensions of `z` (n, d) stand for single classes.

    Raises
    ------
    InputError
        Fewer than two classes, ε below 0, rows that do not match or are not finite.

    Source: Cui et al., "BayesNCL" (ICML 2026), semantic consistency and semantic entropy; they
    correct neither for chance nor for the size of classes.

    Examples
    --------
    Two dimensions that each open for one class only.

    >>> label = np.repeat([0, 1], 50)
    >>> semantic_consistency(np.eye(2)[label], label).corrected
    1.0
    """
    rows = as_array(z, "z").astype(np.float64)
    names, label = np.unique(as_labels(labels, len(rows), "labels"), return_inverse=True)
    k = len(names)
    if k < 2 or not epsilon >= 0:
        raise InputError(f"got {k} class(es) and ε = {epsilon}: expected at least two, and ε >= 0")
    opened = (np.abs(unit_rows(rows)) > epsilon).astype(np.float64)
    count = opened.T @ np.eye(k)[label]  # (d, K) samples of each class that open each dimension
    size = np.bincount(label)
    active = count.sum(axis=1) > 0
    weighted = count / size
    shares = weighted / np.maximum(weighted.sum(axis=1, keepdims=True), 1e-300)
    by_chance = [_by_chance(int(m), tuple(size.tolist())) for m in count.sum(axis=1)]
    levels, disorder = np.array(by_chance).T
    figures = dict.fromkeys(("raw", "corrected", "rescaled", "chance"), np.nan)
    figures |= dict.fromkeys(("entropy", "entropy_chance"), np.nan)
    if active.any() and not collapsed(rows):
        c, e = shares[active].max(axis=1).mean(), levels[active].mean()
        figures = {
            "raw": (count[active].max(axis=1) / count[active].sum(axis=1)).mean(),
            "corrected": (c - e) / (1 - e) if e < 1 else np.nan,
            "rescaled": (c - 1 / k) / (1 - 1 / k),
            "chance": (e - 1 / k) / (1 - 1 / k),
            "entropy": entropy_of(shares[active]).mean(),
            "entropy_chance": disorder[active].mean(),
        }
    return SemanticConsistency(
        **{name: float(value) for name, value in figures.items()},
        active=int(active.sum()),
        coverage=float(opened.any(axis=1).mean()),
        sparsity=float(1 - opened.mean()),
        effective_rank=effective_rank(rows),
        epsilon=epsilon,
        classes=tuple(map(str, names)),
        opened=opened > 0,
        shares=shares,
        levels=levels,
    )


@lru_cache(maxsize=65_536)
def _by_chance(m: int, size: tuple[int, ...]) -> tuple[float, float]:
    """Largest share of a class, and entropy of the shares, among m samples with shuffled labels.

    Of classes of equal weight, that have `size` samples in all: means of the multivariate
    hypergeometric distribution over `SHUFFLES` draws, the same draws for the same arguments.
    """
    if m == 0:
        return 1.0, 0.0
    rng = np.random.default_rng([m, *size])
    drawn = rng.multivariate_hypergeometric(size, m, SHUFFLES, method="marginals") / np.array(size)
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    return float(shares.max(axis=1).mean()), float(entropy_of(shares).mean())


def rescaled_consistency(opened: Floats, label: NDArray[np.int64], k: int) -> float:
    """Compute `rescaled` alone, of which entries are open (n, d) and classes 0 to k − 1 (n,).

    1: every dimension opens for one class; 0: for all alike. Quicker than `semantic_consistency`
    where it is wanted many times. Classes without a row do not count; NaN where nothing is open or
    fewer than two classes have rows.

    Examples
    --------
    >>> label = np.repeat([0, 1], 50)
    >>> rescaled_consistency(np.eye(2)[label], label, 2)
    1.0
    >>> rescaled_consistency(np.ones((100, 2)), label, 2)
    0.0
    """
    count = opened.T @ np.eye(k)[label]
    size = np.bincount(label, minlength=k)
    held = int((size > 0).sum())
    weighted = count / np.maximum(size, 1)
    total = weighted.sum(axis=1)
    if not (total > 0).any() or held < 2:
        return float("nan")
    share = (weighted.max(axis=1)[total > 0] / total[total > 0]).mean()
    return float((share - 1 / held) / (1 - 1 / held))


def effective_rank(z: Rows) -> float:
    """exp(H(σ / Σσ)) of the singular values σ of `z` (n, d): 1 to min(n, d); 0 if all are zero.

    Source: Roy and Vetterli, "The effective rank" (EUSIPCO 2007), definition 1.
    """
    strength = np.linalg.svd(as_array(z, "z").astype(np.float64), compute_uv=False)
    total = strength.sum()
    return float(np.exp(entropy_of(strength / total))) if total > 0 else 0.0


def entropy_of(p: Floats) -> Floats:
    """Entropy in nats along the last axis, with 0 log 0 = 0."""
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)
