"""Probes: what can be read from frozen latents, by readers that are the same for every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

from triptych.errors import InputError
from triptych.metrics.collapse import collapsed
from triptych.metrics.inputs import (
    Floats,
    Labels,
    Rows,
    as_array,
    as_labels,
    centre_and_spread,
    same_shape,
)
from triptych.metrics.logistic import logistic
from triptych.metrics.regressors import Pairs, best_regressor, folds, r2
from triptych.metrics.result import Result
from triptych.metrics.similarity import separation

WITHIN = 0.020  # in the unit of θ: of a shift 20 ms


@dataclass(frozen=True)
class ParameterProbe(Result):
    """How well θ is read from pairs of latents, each scored by the probe of the other half.

    Attributes
    ----------
    r2
        1 − squared error / variance of θ over all pairs: at most 1, negative if worse than a
        constant; not clipped. This and all below are NaN where the latents have collapsed: nothing
        was read.
    within
        Share of pairs whose error is at most `WITHIN` (in the unit of θ).
    per_record
        Record → ``n``, ``r2`` (NaN where θ is constant), ``within``.
    predicted
        (n,) θ as read; not in `to_dict`.
    """

    r2: float
    within: float
    per_record: dict[str, dict[str, float]]
    predicted: Floats = field(repr=False, compare=False)


def read_parameter(
    z1: Rows,
    z2: Rows | None,
    theta: Rows,
    records: Labels,
    *,
    seed: int = 0,
) -> ParameterProbe:
    """Read θ from z(x) and z(T_θ x) with the fixed probes of the protocol.

    The records are split into two halves. On each half the best of ridge, gradient boosting and
    MLP (see `regressors`) is chosen by two-fold cross-validation grouped by record, fitted anew on
    all of that half, and scored on the other half. The split depends on the records and the seed
    only, so it is the same for every method. An R² of 1 is perfect, 0 is a constant guess.

    Parameters
    ----------
    z1, z2
        Latents (n, d) of both views; without `z2` the target is read from `z1`.
    theta
        (n,) or (n, 1): θ, or any other target, such as its size |θ|.
    records
        (n,) record of every pair; at least four different ones.

    Raises
    ------
    InputError
        Rows that do not match, fewer than four records, a constant θ.

    Examples
    --------
    The second view differs from the first by θ in one dimension.

    >>> rng = np.random.default_rng(0)
    >>> z, theta = rng.standard_normal((120, 3)), rng.uniform(-0.1, 0.1, 120)
    >>> moved = z + theta[:, None] * [1.0, 0.0, 0.0]
    >>> found = read_parameter(z, moved, theta, np.arange(120) % 8)
    >>> round(found.r2, 2)
    1.0
    """
    a, b = as_array(z1, "z1"), None if z2 is None else as_array(z2, "z2")
    if b is not None:
        same_shape(a, b, "z1 and z2")
    target = as_array(theta, "theta", theta.ndim).astype(np.float64).reshape(-1)
    names, record = np.unique(as_labels(records, len(a), "records"), return_inverse=True)
    if len(target) != len(a) or np.ptp(target) == 0:
        raise InputError(
            f"theta holds {len(np.unique(target))} different value(s) for {len(target)} of {len(a)}"
            " pairs: expected one number a pair, not all equal"
        )
    if len(names) < 4:
        raise InputError(
            f"{len(names)} record(s): the probe is fitted on half of the records and chosen by "
            "folds of them, so give pairs of at least four"
        )
    if collapsed(*((a,) if b is None else (a, b))):
        none = {"r2": np.nan, "within": np.nan}
        sizes = {str(n): int(m) for n, m in zip(names, np.bincount(record), strict=True)}
        per_record = {name: {"n": size, **none} for name, size in sizes.items()}
        return ParameterProbe(np.nan, np.nan, per_record, np.full(len(a), np.nan))
    predicted = np.empty(len(a))
    for scored in folds(record, 2, seed):
        fitted = ~scored
        pairs = Pairs.standardised(a, b, fitted)
        best = best_regressor(pairs.take(fitted), target[fitted], record[fitted], seed)
        predicted[scored] = best(pairs.take(scored))
    near = np.abs(predicted - target) <= WITHIN
    per_record = {
        str(name): {
            "n": int((own := record == index).sum()),
            "r2": r2(predicted[own], target[own]),
            "within": float(near[own].mean()),
        }
        for index, name in enumerate(names)
    }
    return ParameterProbe(
        r2=r2(predicted, target),
        within=float(near.mean()),
        per_record=per_record,
        predicted=predicted,
    )


@dataclass(frozen=True)
class LinearProbe(Result):
    """Scores of a linear classifier on frozen latents.

    Attributes
    ----------
    macro_auroc, balanced_accuracy
        Means over those of `classes` that occur in the test rows; AUROC is one against the rest.
        These, and all of `f1` and `auroc`, are NaN where the latents have collapsed: nothing was
        read, and `predicted` is one class.
    f1, auroc
        Class → score, of every class of the training or test rows; NaN where the test rows hold
        none of it (or, for AUROC, nothing else).
    predicted
        (n,) class of every test row; not in `to_dict`.
    """

    macro_auroc: float
    balanced_accuracy: float
    f1: dict[str, float]
    auroc: dict[str, float]
    predicted: NDArray[Any] = field(repr=False, compare=False)


def linear_probe(
    z_train: Rows,
    y_train: Labels,
    z_test: Rows,
    y_test: Labels,
    *,
    classes: Sequence[Any] | None = None,
) -> LinearProbe:
    """Fit multinomial logistic regression (L2, C = 1; `logistic`) on standardised frozen latents.

    Classes weigh the same in the fit, however many rows they have. 1 is perfect; an AUROC of 0.5
    and a balanced accuracy of one over the number of classes are chance.

    Parameters
    ----------
    z_train, z_test
        Latents (n, d) and (m, d); standardised by the training rows.
    y_train, y_test
        Their labels.
    classes
        Classes of the macro means; all of them by default.

    Raises
    ------
    InputError
        Rows that do not match, fewer than two training classes, or no test row of `classes`.

    Examples
    --------
    >>> z = np.random.default_rng(0).standard_normal((200, 2))
    >>> label = np.where(z[:, 0] > 0, "up", "down")
    >>> found = linear_probe(z[:100], label[:100], z[100:], label[100:])
    >>> round(found.macro_auroc, 2)
    1.0
    """
    fitted, unseen = (
        as_array(z, name).astype(np.float64)
        for z, name in ((z_train, "z_train"), (z_test, "z_test"))
    )
    y = as_labels(y_train, len(fitted), "y_train").astype(str)
    truth = as_labels(y_test, len(unseen), "y_test").astype(str)
    known, code = np.unique(y, return_inverse=True)
    labels = np.unique(np.concatenate([y, truth]))
    if len(known) < 2 or fitted.shape[1] != unseen.shape[1]:
        raise InputError(
            f"the training rows hold {len(known)} class(es) in {fitted.shape[1]} columns and the "
            f"test rows {unseen.shape[1]} columns: expected two classes and equal columns"
        )
    wanted = list(map(str, labels if classes is None else classes))
    counted = [label for label in wanted if (truth == label).any()]
    if not counted:
        raise InputError(f"no test row is of the classes {wanted}: they are {set(truth)}")
    if collapsed(fitted, unseen):
        none = dict.fromkeys(map(str, labels), np.nan)
        return LinearProbe(np.nan, np.nan, none, none, np.full(len(truth), known[0]))
    centre, spread = centre_and_spread(fitted)
    weights, offset = logistic((fitted - centre) / spread, code)
    chance = np.zeros((len(unseen), len(labels)))
    logits = (unseen - centre) / spread @ weights + offset
    chance[:, np.isin(labels, known)] = cast(Any, special).softmax(logits, axis=1)
    guess = chance.argmax(axis=1)
    actual = np.searchsorted(labels, truth)
    own = np.bincount(actual, minlength=len(labels))
    recall = np.bincount(actual[guess == actual], minlength=len(labels)) / np.maximum(own, 1)
    areas = [
        separation(chance[actual == k, k], chance[actual != k, k])
        if 0 < own[k] < len(truth)
        else np.nan
        for k in range(len(labels))
    ]
    f1 = f1_scores(labels[guess], truth, labels.tolist())
    auroc = {str(label): float(area) for label, area in zip(labels, areas, strict=True)}
    at = np.searchsorted(labels, counted)
    return LinearProbe(
        macro_auroc=float(np.mean([auroc[label] for label in counted])),
        balanced_accuracy=float(recall[at].mean()),
        f1=f1,
        auroc=auroc,
        predicted=labels[guess],
    )


def f1_scores(guess: NDArray[Any], truth: NDArray[Any], classes: Sequence[Any]) -> dict[str, float]:
    """Class → F1 of the labels `guess` (n,) for those of `truth` (n,): 1 is perfect, 0 none right.

    NaN of a class that `truth` has not.

    Examples
    --------
    >>> f1_scores(np.array(["a", "a", "b"]), np.array(["a", "b", "b"]), ["a", "b"])
    {'a': 0.6666666666666666, 'b': 0.6666666666666666}
    """
    found: dict[str, float] = {}
    for label in classes:
        said, held = guess == label, truth == label
        both = float(2 * (said & held).sum())
        found[str(label)] = both / float(said.sum() + held.sum()) if held.any() else np.nan
    return found


def above_chance(guess: NDArray[Any], truth: NDArray[Any]) -> float:
    """Balanced accuracy over the K classes of the codes `truth`: 0 at 1/K, 1 if all are right."""
    size = np.bincount(truth, minlength=guess.max() + 1)
    k = max(2, int((size > 0).sum()))
    hits = np.bincount(truth[guess == truth], minlength=len(size))
    return float(((hits[size > 0] / size[size > 0]).mean() - 1 / k) / (1 - 1 / k))
