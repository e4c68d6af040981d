"""DCI, MIG, SAP, modularity and explicitness, of single dimensions or of whole blocks.

Arrays in, numbers out. Factors are discrete (labels) or continuous (floats). With `blocks` every
formula runs over blocks in place of dimensions: a block is permuted, and read, as a whole, and the
information that a block of several dimensions has of a factor is that of its held-out prediction
of the factor, a lower bound by the data-processing inequality. With few rows a metric is not 0
where nothing is known: `Disentanglement.chance` says what it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.metrics.collapse import collapsed
from triptych.metrics.forest import forest, importance_of, is_float, score_of
from triptych.metrics.information import Information, information
from triptych.metrics.inputs import Floats, Labels, Rows, as_array, as_labels, centre_and_spread
from triptych.metrics.permutation import exchanged
from triptych.metrics.probes import linear_probe
from triptych.metrics.regressors import folds
from triptych.metrics.result import Result
from triptych.metrics.semantic import entropy_of

UNINFORMED = 0.01  # nats: a dimension that knows less of every factor has modularity 0,
CERTAIN = 5  # as has one whose information is less than so many standard errors of none

METRICS = (
    "disentanglement",
    "completeness",
    "informativeness",
    "mig",
    "sap",
    "modularity",
    "explicitness",
)

Factors = Mapping[str, Labels | Rows]
Blocks = Mapping[str, slice | Sequence[int]]


@dataclass(frozen=True)
class Disentanglement(Result):
    """All metrics of `disentanglement`: 0 to 1, higher is better.

    All are NaN where the latents have collapsed: nothing is divided then.

    Sources: Eastwood and Williams, ICLR 2018, for the first three, with extremely randomised trees
    and permutation importances on held-out rows; `mig` Chen et al., NeurIPS 2018, with 20 quantile
    bins and information that is adjusted for chance (`information`); `sap` Kumar et al., ICLR 2018,
    with the linear discriminant in place of the SVM; the last two Ridgeway and Mozer, NeurIPS 2018.

    `chance` has each metric's mean over shuffled factors, at the n at hand: near 0 with many rows
    (explicitness: 0.5).
    """

    disentanglement: float
    completeness: float
    informativeness: float
    mig: float
    sap: float
    modularity: float
    explicitness: float
    chance: dict[str, float] = field(default_factory=dict[str, float])


def disentanglement(
    z: Rows,
    factors: Factors,
    blocks: Blocks | None = None,
    groups: Labels | None = None,
    *,
    seed: int = 0,
    permutations: int = 5,
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
        (n,) subject of every row: rows of a subject are then never fitted and scored both.
    permutations
        How often factors are shuffled together (within subjects, or whole subjects; see
        `exchanged`) and measured anew for `chance`; 0 leaves it out.

    Raises
    ------
    InputError
        Fewer than two factors, dimensions or blocks; a constant factor; rows that do not match.

    Examples
    --------
    Two factors, one per dimension; then both mixed into both dimensions.

    >>> rng = np.random.default_rng(0)
    >>> factors = {"rate": rng.random(400), "gain": rng.random(400)}
    >>> z = np.stack(list(factors.values()), axis=1)
    >>> round(disentanglement(z, factors, permutations=0).disentanglement, 1)
    1.0
    >>> mixed = z @ np.array([[1, -1], [1, 1]])
    >>> round(disentanglement(mixed, factors, permutations=0).disentanglement, 1)
    0.0
    """
    data = _Data.of(z, factors, blocks, groups, seed)
    if collapsed(z):
        return Disentanglement(**dict.fromkeys(METRICS, np.nan))
    whole = blocks is None
    shuffled = [_measured(other, whole, seed) for other in data.shuffled(permutations, seed)]
    found = _measured(data, whole, seed)
    named = found if shuffled else ()
    chance = {name: float(np.mean([each[name] for each in shuffled])) for name in named}
    return Disentanglement(**found, chance=chance)


def _measured(data: _Data, whole: bool, seed: int) -> dict[str, float]:
    importance, scores = importance_of(data.z, data.parts, data.factors, data.fitted, seed)
    known = _information(data)
    return {
        "disentanglement": _disentanglement(importance),
        "completeness": _completeness(importance),
        "informativeness": float(np.mean(scores)),
        "mig": float(np.mean(_gap(_each(known, "share")))),
        "sap": float(np.mean(_gap(_linear_scores(data)))),
        "modularity": _modularity(_each(known, "nats"), _each(known, "error")),
        "explicitness": _explicitness(data, whole),
    }


@dataclass(frozen=True, eq=False)
class _Data:
    """Checked input: latents, columns of the parts, factors (codes of labels or floats), halves."""

    z: Floats
    parts: list[NDArray[np.int64]]
    factors: list[NDArray[Any]]
    fitted: NDArray[np.bool_]
    groups: NDArray[Any]

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
        scaled = (rows - centre) / spread
        return cls(scaled, parts, values, ~next(folds(whose, 2, seed)), whose)

    def shuffled(self, times: int, seed: int) -> Iterator[_Data]:
        """Yield the same latents with all factors in another order."""
        for order in exchanged(self.groups, times, np.random.default_rng(seed)):
            yield replace(self, factors=[values[order] for values in self.factors])


def _gap(scores: Floats) -> Floats:
    """Best minus second-best part (rows) of every factor (columns)."""
    ranked = np.sort(scores, axis=0)
    return ranked[-1] - ranked[-2]


def _disentanglement(importance: Floats) -> float:
    """Mean over parts, weighted by their importance (Eastwood and Williams 2018, section 2)."""
    total = importance.sum()
    return float(_sharpness(importance) @ importance.sum(axis=1) / total) if total else 0.0


def _completeness(importance: Floats) -> float:
    """Mean over factors; 0 of a factor that is not read."""
    return float(_sharpness(importance.T).mean())


def _sharpness(importance: Floats) -> Floats:
    """1 − entropy of every row, to the base of its length; 0 for a row of zeros."""
    total = importance.sum(axis=1, keepdims=True)
    p = importance / np.where(total > 0, total, 1)
    return np.where(total[:, 0] > 0, 1 - entropy_of(p) / np.log(p.shape[1]), 0.0)


def _information(data: _Data) -> list[list[Information]]:
    """What every part (rows) says of every factor (columns)."""

    def read(columns: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
        return data.z[:, columns[0]] if len(columns) == 1 else _crossed(data, columns, values)

    return [[information(read(part, v), v) for v in data.factors] for part in data.parts]


def _each(known: list[list[Information]], name: str) -> Floats:
    return np.array([[getattr(cell, name) for cell in row] for row in known])


def _crossed(data: _Data, columns: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
    """What each half reads from a block in the other: a forest, floats on top of a line."""
    z, read = data.z[:, columns], np.zeros(len(data.z))
    for half in (data.fitted, ~data.fitted):
        line = _line(z, values, half) if is_float(values) else np.zeros_like(values)
        read[~half] = forest(z[half], (values - line)[half], 0).predict(z[~half]) + line[~half]
    return read


def _modularity(nats: Floats, error: Floats) -> float:
    """Mean over parts of 1 − Σ_{k≠best} I_k² / ((K − 1) I_best²); 0 of a part that knows nothing.

    Source: Ridgeway and Mozer (2018), equation 2. Of a part that is not sure to know any factor it
    would be the modularity of noise, which is nearly 1.
    """
    best = nats.max(axis=1)
    knows = (nats > np.maximum(UNINFORMED, CERTAIN * error)).any(axis=1)
    rest: Floats = np.square(nats).sum(axis=1) / np.square(np.where(knows, best, 1)) - 1
    return float(np.where(knows, 1 - rest / (nats.shape[1] - 1), 0).mean())


def _linear_scores(data: _Data) -> Floats:
    """Held-out score (parts, factors) of least squares, or of the linear discriminant."""
    scores = np.zeros((len(data.parts), len(data.factors)))
    for f, values in enumerate(data.factors):
        for part, columns in enumerate(data.parts):
            guess = _linear(data.z[:, columns], values, data.fitted)
            scores[part, f] = score_of(guess, values[~data.fitted])
    return scores


def _linear(z: Floats, values: NDArray[Any], fitted: NDArray[np.bool_]) -> NDArray[Any]:
    """Read `values` in the rows not fitted: regression, or the nearest class mean, whitened."""
    if is_float(values):
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
        if not is_float(values):
            probe = linear_probe(z[fitted], values[fitted], z[~fitted], values[~fitted])
            return 0.5 if np.isnan(probe.macro_auroc) else probe.macro_auroc
        tau = float(tau_of(_linear(z, values, fitted), values[~fitted])[0])
        return 0.5 if np.isnan(tau) else (1 + tau) / 2

    parts = [np.concatenate(data.parts)] if whole else data.parts
    return float(np.mean([max(of(data.z[:, p], v) for p in parts) for v in data.factors]))
