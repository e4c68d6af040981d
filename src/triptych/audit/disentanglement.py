"""DCI, MIG, SAP, modularity and explicitness, of single dimensions or of whole blocks.

Arrays in, numbers out. Factors are discrete (labels) or continuous (floats). With `blocks` every
formula runs over blocks in place of dimensions: a block is permuted, and read, as a whole, and the
information that a block of several dimensions has of a factor is that of its held-out prediction
of the factor, a lower bound by the data-processing inequality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from triptych.audit.collapse import collapsed
from triptych.audit.consistency import entropy_of
from triptych.audit.inputs import Floats, Labels, Rows, as_array, as_labels, centre_and_spread
from triptych.audit.probes import above_chance, linear_probe
from triptych.audit.regressors import folds
from triptych.audit.result import Result
from triptych.errors import InputError

BINS = 20
FITTED, SCORED = 10_000, 2_000  # rows of the boosted trees; scored once a dimension and factor
UNINFORMED = 0.01  # nats: a dimension that knows less of every factor has no modularity
UNREAD = 0.01  # score: a factor that is read no better has no importances, which would be noise

Factors = Mapping[str, Labels | Rows]
Blocks = Mapping[str, slice | Sequence[int]]


@dataclass(frozen=True)
class Disentanglement(Result):
    """All figures of `disentanglement`: 0 to 1, higher is better, chance 0 (explicitness: 0.5).

    All are NaN where the latents have collapsed: nothing is divided then.

    Sources: Eastwood and Williams, ICLR 2018, for the first three, with boosted trees and
    permutation importances on held-out rows; `mig` Chen et al., NeurIPS 2018, with 20 quantile
    bins; `sap` Kumar et al., ICLR 2018, with the linear discriminant in place of the SVM; the last
    two Ridgeway and Mozer, NeurIPS 2018.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    mig: float
    sap: float
    modularity: float
    explicitness: float


def disentanglement(
    z: Rows,
    factors: Factors,
    blocks: Blocks | None = None,
    groups: Labels | None = None,
    seed: int = 0,
) -> Disentanglement:
    """Measure how the dimensions, or blocks, of latents divide the factors among themselves.

    Parameters
    ----------
    z
        Latents (n, d).
    factors
        Name → (n,) values, at least two factors; floats are continuous, anything else is labels.
    blocks
        Name → columns, at least two; left out, every dimension is by itself.
    groups
        (n,) person of every row: rows of a person are then never fitted and scored both.

    Raises
    ------
    InputError
        Fewer than two factors, dimensions or blocks; a constant factor; rows that do not match.
    """
    data = _Data.of(z, factors, blocks, groups, seed)
    if collapsed(z):
        return Disentanglement(*[np.nan] * 7)
    d, c, i = _dci(data, seed)
    information, entropy = _information(data)
    return Disentanglement(
        d,
        c,
        i,
        mig=float(np.mean(_gap(information / entropy))),
        sap=float(np.mean(_gap(_linear_scores(data)))),
        modularity=_modularity(information),
        explicitness=_explicitness(data, whole=blocks is None),
    )


@dataclass(frozen=True, eq=False)
class _Data:
    """Checked input: latents, columns of the parts, factors (codes of labels or floats), halves."""

    z: Floats
    parts: list[NDArray[np.int64]]
    factors: list[NDArray[Any]]
    fitted: NDArray[np.bool_]

    @classmethod
    def of(
        cls, z: Rows, factors: Factors, blocks: Blocks | None, groups: Labels | None, seed: int
    ) -> _Data:
        rows = as_array(z, "z").astype(np.float64)
        n, d = rows.shape
        chosen: list[Any] = list(blocks.values()) if blocks else [[i] for i in range(d)]
        parts: list[NDArray[np.int64]] = [np.arange(d)[columns] for columns in chosen]
        if len(parts) < 2 or len(factors) < 2 or min(map(len, parts)) == 0:
            raise InputError(
                f"got {len(factors)} factor(s) and {len(parts)} dimension(s) or block(s): expected "
                "two of each, and no empty block"
            )
        values: list[NDArray[Any]] = []
        for name, given in factors.items():
            one = as_labels(cast(Labels, given), n, name)
            floats = one.dtype.kind == "f"
            one = as_array(one, name, 1) if floats else np.unique(one, return_inverse=True)[1]
            if np.ptp(one) == 0:
                raise InputError(f"the factor {name} has one value only: nothing is to be known")
            values.append(one)
        whose = as_labels(cast(Labels, np.arange(n) if groups is None else groups), n, "groups")
        if len(np.unique(whose)) < 2:
            raise InputError("groups are all one: half of them are fitted on, so give two or more")
        centre, spread = centre_and_spread(rows)
        return cls((rows - centre) / spread, parts, values, ~next(folds(whose, 2, seed)))


def _is_float(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f"


def _score(guess: NDArray[Any], truth: NDArray[Any]) -> float:
    """R², or balanced accuracy above chance rescaled to 0..1; never below 0."""
    if _is_float(truth):
        return max(0.0, 1 - float(np.square(guess - truth).mean() / truth.var()))
    return max(0.0, above_chance(guess, truth))


def _gap(scores: Floats) -> Floats:
    """Best minus second-best part (rows) of every factor (columns)."""
    ranked = np.sort(scores, axis=0)
    return ranked[-1] - ranked[-2]


def _boosted(z: Floats, values: NDArray[Any], seed: int) -> Any:
    """Histogram gradient boosting, 50 trees (a class) of 15 leaves, on at most 10,000 rows."""
    from sklearn import ensemble

    kind: Any = "Regressor" if _is_float(values) else "Classifier"
    make: Any = getattr(ensemble, f"HistGradientBoosting{kind}")
    model = make(max_iter=50, max_leaf_nodes=15, max_bins=63, early_stopping=False)
    few = np.random.default_rng(seed).permutation(len(z))[:FITTED]
    return model.fit(z[few], values[few])


def _dci(data: _Data, seed: int) -> tuple[float, float, float]:
    """Disentanglement, completeness, informativeness (Eastwood and Williams 2018, section 2).

    Importance R[part, factor] = what permuting the part costs boosted trees on held-out
    rows, not below 0. The impurity importances of the original are cheaper but credit noise.
    """
    z, rng = data.z, np.random.default_rng(seed)
    held = rng.permutation(np.flatnonzero(~data.fitted))[:SCORED]
    importance = np.zeros((len(data.parts), len(data.factors)))
    scores: list[float] = []
    for f, values in enumerate(data.factors):
        model = _boosted(z[data.fitted], values[data.fitted], seed)
        x, truth = z[held], values[held]
        scores.append(_score(model.predict(x), truth))
        for part, columns in enumerate(data.parts if scores[f] > UNREAD else ()):
            mixed = x.copy()
            mixed[:, columns] = x[rng.permutation(len(x))][:, columns]
            importance[part, f] = max(0.0, scores[f] - _score(model.predict(mixed), truth))
    total = importance.sum()
    if total == 0:
        return 0.0, 0.0, float(np.mean(scores))
    d = _sharpness(importance) @ importance.sum(axis=1) / total
    return float(d), float(_sharpness(importance.T).mean()), float(np.mean(scores))


def _sharpness(importance: Floats) -> Floats:
    """1 − entropy of every row, to the base of its length; 0 for a row of zeros."""
    total = importance.sum(axis=1, keepdims=True)
    p = importance / np.where(total > 0, total, 1)
    return np.where(total[:, 0] > 0, 1 - entropy_of(p) / np.log(p.shape[1]), 0.0)


def _information(data: _Data) -> tuple[Floats, Floats]:
    """Mutual information (parts, factors) in nats, not below 0, and entropy (factors,)."""
    binned = [_binned(values) for values in data.factors]
    found = np.zeros((len(data.parts), len(data.factors)))
    for f, values in enumerate(data.factors):
        for part, columns in enumerate(data.parts):
            code = data.z[:, columns[0]] if len(columns) == 1 else _crossed(data, columns, values)
            read = _binned(code)
            joint = read * (binned[f].max() + 1) + binned[f]
            found[part, f] = _entropy(read) + _entropy(binned[f]) - _entropy(joint)
    return np.maximum(found, 0), np.array([_entropy(values) for values in binned])


def _crossed(data: _Data, columns: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
    """What each half reads from a block in the other: boosted trees, floats on top of a line."""
    z, read = data.z[:, columns], np.zeros(len(data.z))
    for half in (data.fitted, ~data.fitted):
        line = _line(z, values, half) if _is_float(values) else np.zeros_like(values)
        read[~half] = _boosted(z[half], (values - line)[half], 0).predict(z[~half]) + line[~half]
    return read


def _binned(values: NDArray[Any]) -> NDArray[np.int64]:
    """Twenty quantile bins; where there are no more than twenty values, or labels, those."""
    known, code = np.unique(values, return_inverse=True)
    if len(known) <= BINS or not _is_float(values):
        return code
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def _entropy(codes: NDArray[Any]) -> float:
    """Of integer codes, in nats, with the correction (m − 1)/2n of Miller and Madow (1955)."""
    count = np.unique(codes, return_counts=True)[1]
    return float(entropy_of(count / count.sum()) + (len(count) - 1) / (2 * count.sum()))


def _modularity(information: Floats) -> float:
    """Mean over informed parts of 1 − Σ_{k≠best} I_k² / ((K − 1) I_best²); 0 if none is.

    Source: Ridgeway and Mozer (2018), equation 2; parts that know less than 0.01 nats of every
    factor are left out, since theirs would be the modularity of noise.
    """
    best = information.max(axis=1)
    known, best = information[best > UNINFORMED], best[best > UNINFORMED]
    if not len(best):
        return 0.0
    rest: Floats = np.square(known).sum(axis=1) / np.square(best) - 1
    return 1 - float(rest.mean()) / (information.shape[1] - 1)


def _linear_scores(data: _Data) -> Floats:
    """Held-out score (parts, factors) of least squares, or of the linear discriminant."""
    scores = np.zeros((len(data.parts), len(data.factors)))
    for f, values in enumerate(data.factors):
        for part, columns in enumerate(data.parts):
            guess = _linear(data.z[:, columns], values, data.fitted)
            scores[part, f] = _score(guess, values[~data.fitted])
    return scores


def _linear(z: Floats, values: NDArray[Any], fitted: NDArray[np.bool_]) -> NDArray[Any]:
    """Read `values` in the rows not fitted: regression, or the nearest class mean, whitened."""
    if _is_float(values):
        return _line(z, values, fitted)[~fitted]
    x, y, unseen = z[fitted], values[fitted], z[~fitted]
    known, code = np.unique(y, return_inverse=True)
    means = np.stack([x[code == k].mean(axis=0) for k in range(len(known))])
    within = np.atleast_2d(cast(Any, np).cov((x - means[code]).T))
    precision = np.linalg.inv(within + 1e-9 * np.eye(len(within)))
    linear = unseen @ precision @ means.T
    return known[(linear - 0.5 * np.einsum("kd,de,ke->k", means, precision, means)).argmax(axis=1)]


def _line(z: Floats, values: Floats, fitted: NDArray[np.bool_]) -> Floats:
    """Least squares of the fitted rows, read in all rows."""
    x, y = z[fitted], values[fitted]
    slope = np.asarray(np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(), rcond=None)[0], np.float64)
    return (z - x.mean(axis=0)) @ slope + y.mean()


def _explicitness(data: _Data, whole: bool) -> float:
    """Mean over factors of what a linear reader orders rightly; of blocks, the best one counts.

    Labels: AUROC of logistic regression, one against the rest, mean over classes (Ridgeway and
    Mozer 2018). Floats: its generalisation, the probability that least squares puts two held-out
    rows in their true order, (1 + Kendall's τ)/2.
    """
    from scipy import stats

    tau_of: Any = cast(Any, stats).kendalltau

    def of(z: Floats, values: NDArray[Any]) -> float:
        fitted = data.fitted
        if not _is_float(values):
            probe = linear_probe(z[fitted], values[fitted], z[~fitted], values[~fitted])
            return 0.5 if np.isnan(probe.macro_auroc) else probe.macro_auroc
        tau = float(tau_of(_linear(z, values, fitted), values[~fitted])[0])
        return 0.5 if np.isnan(tau) else (1 + tau) / 2

    parts = [np.concatenate(data.parts)] if whole else data.parts
    return float(np.mean([max(of(data.z[:, p], v) for p in parts) for v in data.factors]))
