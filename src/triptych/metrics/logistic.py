"""Logistic regression that is solved to the end, so that its latents alone decide what it says."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, special

from triptych.metrics.inputs import Floats

STEPS = 2000
_linalg, _special, _optimize = (cast(Any, part) for part in (linalg, special, optimize))


def logistic(x: NDArray[Any], y: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Weights (d, K) and offsets (K,) of multinomial logistic regression, L2 with C = 1.

    Minimises Σ sᵢ (−log p(yᵢ | xᵢ)) + |w|²/2, the weights sᵢ of the rows n / (K nₖ), so that the
    classes 0 to K − 1 of `y` (n,) count the same; of two classes only the difference of their
    weights is penalised. This is scikit-learn's ``LogisticRegression(class_weight="balanced")``,
    which stops earlier: latents whose small directions carry classes are read with large weights,
    where its default tolerance left up to 0.4 % of the answers to the order of the rows.

    L-BFGS runs in coordinates in which Böhning's bound of the Hessian is the identity, which takes
    a fraction of the steps.

    Source: Böhning, "Multinomial logistic regression algorithm" (1992).
    """
    n, classes = len(y), int(y.max()) + 1
    rows = np.concatenate([x.astype(np.float64), np.ones((n, 1))], axis=1)
    share = (n / (classes * np.bincount(y)))[y]
    penalty = np.append(np.full(x.shape[1], 2.0 if classes == 2 else 1.0), 0.0)[:, None]
    bound = rows.T @ (rows * share[:, None]) / 2 + np.diag(penalty[:, 0])
    factor: Floats = _linalg.cholesky(bound, lower=True)
    told = np.eye(classes)[y]

    def cost(flat: Floats) -> tuple[float, Floats]:
        weights = _solved(factor, flat.reshape(-1, classes), back=True)
        logits = rows @ weights
        log_p: Floats = _special.log_softmax(logits, axis=1)
        held = penalty * weights
        value = -(share * log_p[np.arange(n), y]).sum() + (held * weights).sum() / 2
        slope = rows.T @ (share[:, None] * (np.exp(log_p) - told)) + held
        return float(value), _solved(factor, slope, back=False).ravel()

    found = _optimize.minimize(
        cost,
        np.zeros(rows.shape[1] * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 0.0, "gtol": 1e-6, "maxcor": 20},
    )
    weights = _solved(factor, found.x.reshape(-1, classes), back=True)
    return weights[:-1], weights[-1]


def _solved(factor: Floats, right: Floats, back: bool) -> Floats:
    """L⁻¹ b, or L⁻ᵀ b with `back`."""
    return _linalg.solve_triangular(factor, right, lower=True, trans=1 if back else 0)
