"""Formulas that need no negatives: variance, covariance and cross-correlation of a batch.

Pure functions of both views' rows ``(n, d)``, which are not normalised; fewer than 2 rows have no
variance and give 0 for all that needs one. Computed in float32 at least.
"""

from __future__ import annotations

from torch import Tensor

from triptych.precision import precise

STANDARD = 1.0  # deviation that each dimension should have
EPSILON = 1e-4


@precise
def vicreg(a: Tensor, b: Tensor) -> dict[str, Tensor]:
    """Terms of VICReg of pairs ``a[i], b[i]``, each ``(n, d)``, unweighted.

    Bardes et al. 2022 (arXiv 2105.04906): *similarity* is the mean square difference (equation 5),
    *variance* the mean of both views' mean over dimensions of relu(1 − √(Var + 1e-4)) (equation
    1), *covariance* the sum over both views of Σ_{i≠j} C_ij² / d (equation 4).
    """
    similarity = (a - b).square().mean()
    variance = (deviation_floor(a) + deviation_floor(b)) / 2
    return {
        "similarity": similarity,
        "variance": variance,
        "covariance": off_diagonal_covariance(a) + off_diagonal_covariance(b),
    }


@precise
def deviation_floor(z: Tensor) -> Tensor:
    """Mean over dimensions of relu(1 − √(Var + 1e-4)) of ``z (n, d)``, 0 to 1."""
    if len(z) < 2:
        return (z * 0).sum()
    return (STANDARD - (z.var(dim=0) + EPSILON).sqrt()).clamp_min(0).mean()


@precise
def off_diagonal_covariance(z: Tensor) -> Tensor:
    """Σ_{i≠j} C_ij² / d of the covariance matrix C of ``z (n, d)``, over n − 1."""
    if len(z) < 2:
        return (z * 0).sum()
    centred = z - z.mean(dim=0)
    covariance = centred.T @ centred / (len(z) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]


@precise
def cross_correlation(a: Tensor, b: Tensor) -> dict[str, Tensor]:
    """Terms of Barlow Twins of pairs ``a[i], b[i]``, each ``(n, d)``, unweighted.

    Zbontar et al. 2021 (arXiv 2103.03230, equations 1 and 2): C is the cross-correlation of the
    columns, standardised over the batch; *invariance* is Σ_i (1 − C_ii)², *redundancy*
    Σ_{i≠j} C_ij².
    """
    correlation = _standardized(a).T @ _standardized(b) / len(a)
    own = correlation.diagonal()
    return {
        "invariance": (1 - own).square().sum(),
        "redundancy": correlation.square().sum() - own.square().sum(),
    }


def _standardized(z: Tensor) -> Tensor:
    centred = z - z.mean(dim=0)
    return centred / (centred.square().mean(dim=0) + 1e-5).sqrt()  # as batch normalisation does
