"""Which way is up: a direction in space read from latents, by probes that are the same for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from triptych.errors import InputError
from triptych.metrics.collapse import collapsed
from triptych.metrics.inputs import Floats, Labels, Rows, as_array, as_labels, centre_and_spread
from triptych.metrics.regressors import boosted, folds, r2, ridge_weights
from triptych.metrics.result import Result

Predictor = Callable[[Floats], Floats]
ALPHAS = (1e-5, 1e-3, 1e-1)  # ridge penalties, times the number of rows


@dataclass(frozen=True)
class DirectionProbe(Result):
    """How well unit vectors are read from latents of unseen subjects.

    Attributes
    ----------
    r2
        1 − squared error over variance of the vectors' components: at most 1, not clipped. This and
        all below are NaN where the latents have collapsed: nothing was read.
    per_row
        (m,) degrees between the direction read and the true one: 0 is perfect, 90 is a guess; not
        in `to_dict`.
    predicted
        (m, 3) unit vectors as read; not in `to_dict`.
    read
        (m, 3) the same before they are normalised, which `r2` is of; not in `to_dict`.
    """

    r2: float
    per_row: Floats = field(repr=False, compare=False)
    predicted: Floats = field(repr=False, compare=False)
    read: Floats = field(repr=False, compare=False)


def direction_probe(
    z_train: Rows,
    directions: Rows,
    groups: Labels,
    z_test: Rows,
    truth: Rows,
    *,
    seed: int = 0,
) -> DirectionProbe:
    """Read directions by ridge or gradient boosting, whichever is better over held-out groups.

    Parameters
    ----------
    z_train, z_test
        Latents (n, d) and (m, d).
    directions, truth
        Unit vectors (n, 3) and (m, 3).
    groups
        (n,) subject of every fitting row; at least two subjects.

    Raises
    ------
    InputError
        Rows that do not match, or a single group.

    Examples
    --------
    Latents that hold the direction itself are read without error.

    >>> rng = np.random.default_rng(0)
    >>> up = rng.standard_normal((80, 3))
    >>> up /= np.linalg.norm(up, axis=1, keepdims=True)
    >>> subject = np.arange(60) % 4
    >>> found = direction_probe(up[:60], up[:60], subject, up[60:], up[60:])
    >>> round(found.r2, 3), bool(found.per_row.max() < 1)
    (1.0, True)
    """
    z, d, unseen, actual = (
        as_array(values, name).astype(np.float64)
        for values, name in (
            (z_train, "z_train"),
            (directions, "directions"),
            (z_test, "z_test"),
            (truth, "truth"),
        )
    )
    group = np.unique(as_labels(groups, len(z), "groups"), return_inverse=True)[1]
    if d.shape != (len(z), 3) or actual.shape != (len(unseen), 3):
        raise InputError(
            f"directions have shapes {d.shape} and {actual.shape} for {len(z)} and {len(unseen)} "
            "rows of latents: expected one vector of 3 a row"
        )
    if group.max(initial=0) == 0:
        raise InputError("all fitting rows are of one subject: expected at least two")
    if collapsed(z, unseen):
        nowhere = np.full((len(unseen), 3), np.nan)
        return DirectionProbe(np.nan, nowhere[:, 0], nowhere, nowhere)
    centre, spread = centre_and_spread(z)
    x, new = ((each - centre) / spread for each in (z, unseen))
    scores: dict[str, list[float]] = {}
    for held in folds(group, min(3, group.max() + 1), seed):
        for name, fitted in _fits(x[~held], d[~held], seed):
            scores.setdefault(name, []).append(r2(fitted(x[held]), d[held]))
    chosen = max(scores, key=lambda name: float(np.mean(scores[name])))
    _, reader = next(_fits(x, d, seed, chosen))
    read = reader(new)
    length = np.linalg.norm(read, axis=1, keepdims=True)
    unit = read / np.maximum(length, 1e-12)
    angle = np.degrees(np.arccos(np.clip((unit * actual).sum(axis=1), -1, 1)))
    return DirectionProbe(r2(read, actual), angle, unit, read)


def _fits(x: Floats, d: Floats, seed: int, only: str = "") -> Iterator[tuple[str, Predictor]]:
    for alpha in ALPHAS:
        if only in ("", f"ridge {alpha:g}"):
            yield f"ridge {alpha:g}", _ridge(x, d, alpha)
    if only in ("", "boosting"):
        yield "boosting", _boosting(x, d, seed)


def _ridge(x: Floats, d: Floats, alpha: float) -> Predictor:
    centre, offset = x.mean(axis=0), d.mean(axis=0)
    (weights,) = ridge_weights(x - centre, d - offset, [alpha])
    return lambda new: (new - centre) @ weights + offset


def _boosting(x: Floats, d: Floats, seed: int) -> Predictor:
    models = [boosted(x, column, seed) for column in d.T]
    return lambda new: np.stack([model.predict(new) for model in models], axis=1)
