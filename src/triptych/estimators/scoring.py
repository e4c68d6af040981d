"""Scores of invariance, as ``scoring=`` of a grid search or a cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch

from triptych import metrics
from triptych.errors import InputError
from triptych.estimators.base import LatentTransformer
from triptych.estimators.parts import Nuisance, made
from triptych.latent import LatentSchema
from triptych.transforms import Transform, context_of


def invariance_score(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    nuisance: Nuisance | None = None,
    rate: float = 1.0,
    groups: Any = None,
    random_state: int = 0,
) -> float:
    """How well latents tell a window under a nuisance from other windows: an AUROC.

    1: every window stays nearer to itself than others are; 0.5 is chance, and what an encoder
    gets that says nothing of the window.

    Parameters
    ----------
    estimator
        Fitted, with `transform`; of a pipeline that ends in a classifier, what stands before it.
    X, y
        Windows ``(n, time)`` or ``(n, channels, time)``; y is not read.
    nuisance
        See `BlockEncoder`; left out, the estimator's own, each in turn, on its blocks invariant to
        it.
    rate
        Hz of X, for a nuisance that is named; of a `BlockEncoder` its own.
    groups
        ``(n,)``: "other windows" are those of other groups.
    random_state
        Of the parameters drawn and the pairs compared.

    Raises
    ------
    InputError
        If the estimator has no nuisance of its own and none is given, or nothing is invariant.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> X = np.random.default_rng(0).standard_normal((50, 40))
    >>> round(invariance_score(PCA(4).fit(X), X, nuisance="gain"), 1)
    1.0
    """
    if hasattr(estimator, "steps") and not hasattr(estimator, "transform"):
        estimator = estimator[:-1]
    own = _encoder(estimator)
    if nuisance is not None:
        tried = [made(nuisance, own.rate if own else rate, np.asarray(X).shape[-1])]
    elif own is not None:
        tried = list(own.nuisances_)
    else:
        raise InputError(
            f"a {type(estimator).__name__} has no nuisance of its own; pass nuisance=..., with "
            "functools.partial where it is a scoring"
        )
    scores = [
        _separation(estimator, X, each, nuisance is None, groups, random_state) for each in tried
    ]
    if not (known := [score for score in scores if score is not None]):
        raise InputError("no block is invariant to a nuisance of the estimator; pass nuisance=...")
    return float(np.mean(known))


def _encoder(estimator: Any) -> LatentTransformer | None:
    """The transformer of ours that gives the latents, if it is one."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return last if isinstance(last, LatentTransformer) else None


def _separation(
    estimator: Any, X: Any, nuisance: Transform, invariant: bool, groups: Any, seed: int
) -> float | None:
    """The score of one nuisance; None where no block is invariant to it."""
    if isinstance(estimator, LatentTransformer) and context_of(nuisance):
        x = estimator.windows(X)
        whole = estimator.latents(estimator.middle(x))
        moved = estimator.latents(moved_by(nuisance, x, seed))
    else:
        whole = np.asarray(estimator.transform(X), dtype=np.float64)
        moved = np.asarray(estimator.transform(moved_by(nuisance, X, seed)), dtype=np.float64)
    if invariant:
        schema: LatentSchema = cast(Any, _encoder(estimator)).model_.schema
        parts = [schema.slices[each.name] for each in schema.invariant(nuisance.name)]
        if not parts:
            return None
        whole, moved = (np.hstack([z[:, part] for part in parts]) for z in (whole, moved))
    among = np.arange(len(whole)) if groups is None else groups
    return metrics.separation(
        metrics.cosine(whole, moved), metrics.between_groups(whole, among, seed=seed)
    )


@dataclass(frozen=True)
class ConsistencyScorer:
    """Whether a classifier keeps its predictions under a nuisance: a ``scoring=`` callable.

    Parameters
    ----------
    nuisance
        See `BlockEncoder`.
    rate
        Hz of the windows.
    measure
        ``"corrected"``: every class counts alike, 1 where all is kept and 0 for an answer that is
        constant or independent of the window; ``"balanced"``: the same without the correction for
        chance; ``"raw"``: the share of windows that keep their class, which a constant answer
        wins. See `triptych.metrics.prediction_consistency`. Where fewer than two classes are
        predicted often enough to be told, corrected and balanced are 0.
    draws
        Parameters drawn for each window.
    random_state
        Their seed.

    Notes
    -----
    Consistency is no accuracy: choose by both, ``scoring={"accuracy": "accuracy", "consistency":
    ConsistencyScorer(...)}`` with a `refit`.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> X, y = np.random.default_rng(0).standard_normal((50, 40)), np.arange(50) % 2
    >>> ConsistencyScorer("gain", measure="raw")(DummyClassifier().fit(X, y), X, y)
    1.0
    """

    nuisance: Any = "phase_shift"
    rate: float = 1.0
    measure: Literal["corrected", "balanced", "raw"] = "corrected"
    draws: int = 3
    random_state: int = 0

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score a fitted classifier; y is not read."""
        if self.measure not in ("corrected", "balanced", "raw"):
            raise InputError(f"measure is {self.measure!r}, expected corrected, balanced or raw")
        if self.draws < 1:
            raise InputError(f"draws is {self.draws}, expected 1 or more for each window")
        nuisance = made(self.nuisance, self.rate, np.asarray(X).shape[-1])
        answers = [np.asarray(estimator.predict(X))]
        answers += [
            np.asarray(estimator.predict(moved_by(nuisance, X, self.random_state + k)))
            for k in range(self.draws)
        ]
        if answers[0].ndim != 1:
            raise InputError(
                f"predictions have the shape {answers[0].shape}: expected one class for each window"
            )
        classes, codes = np.unique(np.stack(answers), return_inverse=True)
        codes = codes.reshape(len(answers), -1)
        found = metrics.prediction_consistency(codes[0], codes[1:], len(classes))
        return float(np.nan_to_num(getattr(found, self.measure), nan=0.0))


def moved_by(nuisance: Transform, X: Any, seed: int) -> Any:
    """Windows under a draw of a nuisance, in the form of X; a crop takes their ends away."""
    values = np.array(X)
    x = torch.as_tensor(values[:, None] if values.ndim == 2 else values)
    x = x if x.is_floating_point() else x.double()
    theta = nuisance.sample(len(x), torch.Generator().manual_seed(seed))
    view = nuisance.apply(x, theta).numpy()
    view = view[:, 0] if values.ndim == 2 else view
    return type(X)(view, columns=X.columns, index=X.index) if hasattr(X, "columns") else view
