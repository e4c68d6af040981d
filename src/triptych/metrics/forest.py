"""The forest that reads factors from latents, and what it needs each part of them for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.metrics.inputs import Floats
from triptych.metrics.probes import above_chance
from triptych.metrics.regressors import r2

FITTED, SCORED = 10_000, 2_000  # rows of the forests; scored once per dimension and factor
REPEATS = 2  # permutations of a dimension per importance
UNREAD = 0.01  # score: a factor that is read no better has no importances, which would be noise,
CERTAIN = 3  # as has one whose score is less than so many standard errors of none


def is_float(values: NDArray[Any]) -> bool:
    """Whether a factor is continuous; else it holds codes of labels."""
    return values.dtype.kind == "f"


def score_of(guess: NDArray[Any], truth: NDArray[Any]) -> float:
    """R², or balanced accuracy above chance rescaled to 0..1; never below 0."""
    if is_float(truth):
        found = r2(guess, truth)
        return found if found > 0 else 0.0  # NaN of a constant truth too
    return max(0.0, above_chance(guess, truth))


def forest(z: Floats, values: NDArray[Any], seed: int) -> Any:
    """50 extremely randomised trees, classes of equal weight, on at most 10,000 rows.

    Every split draws its thresholds, so that copies of a dimension are taken equally often:
    gradient boosting takes the first of them always, which made the copies look useless.
    Source: Geurts, Ernst and Wehenkel (2006).
    """
    from sklearn import ensemble

    kind = "Regressor" if is_float(values) else "Classifier"
    weigh: dict[str, Any] = {} if is_float(values) else {"class_weight": "balanced"}
    make: Any = getattr(ensemble, f"ExtraTrees{kind}")
    model = make(50, min_samples_leaf=2, max_features=1.0, random_state=seed, **weigh)
    few = np.random.default_rng(seed).permutation(len(z))[:FITTED]
    return model.fit(z[few], values[few])


def importance_of(
    z: Floats,
    parts: Sequence[NDArray[np.int64]],
    factors: Sequence[NDArray[Any]],
    fitted: NDArray[np.bool_],
    seed: int,
) -> tuple[Floats, list[float]]:
    """What a forest needs each part for, (parts, factors), and how well it reads each factor.

    Importance = the squared error (of the probabilities of labels, classes of equal weight) that
    permuting the part adds on held-out rows, not below 0. The impurity importances of the original
    are cheaper but credit noise.
    """
    rng = np.random.default_rng(seed)
    held = rng.permutation(np.flatnonzero(~fitted))[:SCORED]
    importance = np.zeros((len(parts), len(factors)))
    scores: list[float] = []
    for f, values in enumerate(factors):
        model = forest(z[fitted], values[fitted], seed)
        x, truth = z[held], values[held]
        scores.append(score_of(model.predict(x), truth))
        if scores[f] <= max(UNREAD, CERTAIN * _error_of_none(truth)):
            continue
        least = _error(model, x, truth)
        for part, columns in enumerate(parts):
            mixed = np.tile(x, (REPEATS, 1))
            order = np.concatenate([rng.permutation(len(x)) for _ in range(REPEATS)])
            mixed[:, columns] = x[order][:, columns]
            added = _error(model, mixed, np.tile(truth, REPEATS)) - least
            importance[part, f] = max(0.0, added)
    return importance, scores


def _error_of_none(truth: NDArray[Any]) -> float:
    """Standard error of the score where nothing is known; of floats R² is then not above 0."""
    if is_float(truth):
        return 0.0
    k = len(np.unique(truth))
    return float(np.sqrt(1 / (k - 1) / len(truth))) if k > 1 else 0.0


def _error(model: Any, x: Floats, truth: NDArray[Any]) -> float:
    """Squared error over variance; of labels that of their probabilities, mean over classes."""
    if is_float(truth):
        return float(np.square(model.predict(x) - truth).mean() / truth.var())
    wrong = model.predict_proba(x) - (truth[:, None] == model.classes_)
    each = np.bincount(truth, np.square(wrong).sum(axis=1))
    size = np.bincount(truth)
    return float((each[size > 0] / size[size > 0]).mean())
