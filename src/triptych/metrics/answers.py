"""How right predictions are, by the kind of what is predicted: classes, sets of labels, numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.metrics.inputs import Floats, Rows, same_shape
from triptych.metrics.predictions import Codes, as_codes, flows, macro_f1
from triptych.metrics.regressors import r2
from triptych.metrics.similarity import separation

Flags = NDArray[np.bool_]


def macro_auroc(truth: Flags, scores: Floats) -> float:
    """Mean over labels of the AUROC of `scores (n, k)` for `truth (n, k)`; 1 perfect, 0.5 chance.

    Labels that all windows have, or none, are in no mean; NaN without any other.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 0], [0, 0]]) > 0
    >>> macro_auroc(truth, np.array([[0.9, 0.1], [0.2, 0.1], [0.4, 0.7]]))
    0.5
    """
    truth = np.asarray(truth, np.bool_)  # numbers would pick rows, not say which
    both = [held for held in range(truth.shape[1]) if 0 < truth[:, held].sum() < len(truth)]
    each = [separation(scores[truth[:, k], k], scores[~truth[:, k], k]) for k in both]
    return float(np.mean(each)) if each else float("nan")


def class_scores(truth: Codes, probabilities: Floats) -> dict[str, float]:
    """Metrics of classes: ``macro_auroc``, ``macro_f1``, ``balanced_accuracy``, ``accuracy``.

    Parameters
    ----------
    truth
        (n,) classes 0 to k − 1.
    probabilities
        (n, k); the most probable class is predicted, and AUROC is of each class against the rest.

    Examples
    --------
    >>> found = class_scores(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'macro_auroc': 1.0, 'macro_f1': 0.667, 'balanced_accuracy': 0.75, 'accuracy': 0.667}
    """
    k = probabilities.shape[1]
    truth = as_codes(truth, len(probabilities), k, "truth")
    flow = flows(truth, probabilities.argmax(axis=1), k).astype(np.float64)
    own, right = flow.sum(axis=1), flow.diagonal()
    return {
        "macro_auroc": macro_auroc(np.eye(k, dtype=np.bool_)[truth], probabilities),
        "macro_f1": float(macro_f1(right, own, flow.sum(axis=0))),
        "balanced_accuracy": float((right[own > 0] / own[own > 0]).mean()),
        "accuracy": float(right.sum() / max(len(truth), 1)),
    }


def set_scores(truth: Flags, probabilities: Floats) -> dict[str, float]:
    """Metrics of sets of labels: ``macro_auroc``, ``macro_f1``, ``accuracy`` (the whole set).

    Parameters
    ----------
    truth
        (n, k) which window has which label.
    probabilities
        (n, k); labels of 1/2 or more are predicted.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 1], [0, 0]]) > 0
    >>> set_scores(truth, np.array([[0.9, 0.1], [0.6, 0.3], [0.2, 0.1]]))
    {'macro_auroc': 1.0, 'macro_f1': 0.5, 'accuracy': 0.6666666666666666}
    """
    truth, said = np.asarray(truth, np.bool_), probabilities >= 0.5
    hits = (said & truth).sum(axis=0).astype(np.float64)
    f1 = macro_f1(hits, truth.sum(axis=0), said.sum(axis=0))
    return {
        "macro_auroc": macro_auroc(truth, probabilities),
        "macro_f1": float(f1),
        "accuracy": float((said == truth).all(axis=1).mean()),
    }


def value_scores(truth: Floats, values: Floats) -> dict[str, float]:
    """Metrics of numbers (n,): ``mae`` in their unit, and ``r2``.

    Examples
    --------
    >>> value_scores(np.array([60.0, 80.0]), np.array([62.0, 79.0]))
    {'mae': 1.5, 'r2': 0.975}
    """
    said, own = np.asarray(values, np.float64), np.asarray(truth, np.float64)
    same_shape(said, own, "values and truth")
    return {"mae": float(np.abs(said - own).mean()), "r2": float(r2(said, own))}


_SCORES: dict[str, Callable[[Any, Floats], dict[str, float]]] = {
    "single": class_scores,
    "multi": set_scores,
    "regression": value_scores,
}


def scores_of(kind: str, truth: Rows, decoded: Rows) -> dict[str, float]:
    """Metrics of what a head decodes, by the kind of its `triptych.latent.Target`."""
    if not len(truth):
        return {}
    own, said = np.asarray(truth), np.asarray(decoded, dtype=np.float64)
    return _SCORES[kind](own > 0 if kind == "multi" else own, said)
