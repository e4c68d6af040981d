"""Whether latents mean one thing each: BayesNCL's set of figures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from triptych.audit.inputs import Floats, Labels, Rows, as_array, as_labels, unit_rows
from triptych.audit.result import Result
from triptych.errors import InputError

EPSILON = 1e-5
"""A dimension is open in a sample where |z| is above this, after scaling z to norm 1."""


@dataclass(frozen=True)
class Consistency(Result):
    """Figures of `consistency`, of K classes and d dimensions.

    Attributes
    ----------
    raw, corrected
        c: share of the commonest class among the samples that open a dimension, mean over active
        dimensions, 1/K to 1. c′ = (c − 1/K)/(1 − 1/K), with classes of equal weight in c: 0 chance.
    entropy
        Of the (equally weighted) classes that open a dimension, mean over active ones, in nats: 0
        to log K, which is chance; lower is better.
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
    """

    raw: float
    corrected: float
    entropy: float
    active: int
    coverage: float
    sparsity: float
    effective_rank: float
    epsilon: float
    classes: tuple[str, ...]
    shares: Floats = field(repr=False, compare=False)


def consistency(z: Rows, labels: Labels, epsilon: float = EPSILON) -> Consistency:
    """Measure how far single dimensions of `z` (n, d) stand for single classes.

    Without any active dimension, the consistencies are at chance (the commonest class's share,
    and 0) and the entropy is log K.

    Raises
    ------
    InputError
        Fewer than two classes, ε below 0, rows that do not match or are not finite.

    Source: Cui et al., "BayesNCL" (ICML 2026), semantic consistency and semantic entropy.
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
    if active.any():
        raw = (count[active].max(axis=1) / count[active].sum(axis=1)).mean()
        balanced = shares[active].max(axis=1).mean()
        entropy = entropy_of(shares[active]).mean()
    else:
        raw, balanced, entropy = size.max() / len(rows), 1 / k, np.log(k)
    return Consistency(
        raw=float(raw),
        corrected=float((balanced - 1 / k) / (1 - 1 / k)),
        entropy=float(entropy),
        active=int(active.sum()),
        coverage=float(opened.any(axis=1).mean()),
        sparsity=float(1 - opened.mean()),
        effective_rank=effective_rank(rows),
        epsilon=epsilon,
        classes=tuple(map(str, names)),
        shares=shares,
    )


def corrected_consistency(opened: Floats, label: NDArray[np.int64], k: int) -> float:
    """Compute c′ alone, of which entries are open (n, d) and classes 0 to k − 1 (n,).

    Quicker than `consistency` where it is wanted many times. Classes without a row do not count.
    """
    count = opened.T @ np.eye(k)[label]
    size = np.bincount(label, minlength=k)
    held = int((size > 0).sum())
    weighted = count / np.maximum(size, 1)
    total = weighted.sum(axis=1)
    if not (total > 0).any() or held < 2:
        return 0.0
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
