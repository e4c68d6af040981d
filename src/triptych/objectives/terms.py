"""Formulas as pure functions: tensors in, one scalar (or one value a row) out.

Notation: n samples, d dimensions, τ temperature, cos the cosine similarity (0 for a row of zeros,
which has no direction and gets no gradient). Whatever the input's precision, all is computed in
float32 at least and outside of autocast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from triptych.precision import cosine, precise, unit


@precise
def alignment(a: Tensor, b: Tensor) -> Tensor:
    """Mean of 1 − cos(a, b) over the rows of ``a, b (n, d)``; range 0 (aligned) to 2."""
    return (1 - cosine(a, b)).mean()


@precise
def centring(z: Tensor) -> Tensor:
    """Squared length of the mean of the normalised rows of ``z (n, d)``; 0 to 1.

    It equals the mean cosine over all pairs of rows, so it draws that of random pairs to 0.
    """
    return unit(z).mean(dim=0).square().sum()


@precise
def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy of pairs ``a[i], b[i]``, each ``(n, d)``.

    −1/(2n) Σᵢ log exp(cos(zᵢ, z_p(i))/τ) / Σ_{k≠i} exp(cos(zᵢ, z_k)/τ) over the 2n rows, whose
    negatives are all other samples. Chen et al. 2020 (arXiv 2002.05709, equation 1).

    Returns
    -------
    Tensor
        Scalar; log(2n − 1) where all similarities are equal.
    """
    a, b = unit(a), unit(b)
    z = torch.cat([a, b])
    similarity = (z / temperature) @ z.T
    similarity.fill_diagonal_(-torch.inf)
    positive = (a * b).sum(dim=-1) / temperature
    return similarity.logsumexp(dim=1).mean() - positive.mean()


@precise
def info_nce(query: Tensor, key: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Mean of −log softmax over a row's own key and the `negatives` that all rows share.

    van den Oord et al. 2018 (arXiv 1807.03748, equation 4), with cos/τ as logits as in He et al.
    2020 (arXiv 1911.05722, equation 1). ``query, key (n, d)``; ``negatives (m, d)``.
    """
    query = unit(query) / temperature
    own = (query * unit(key)).sum(dim=1, keepdim=True)
    logits = torch.cat([own, query @ unit(negatives).T], dim=1)
    return (logits.logsumexp(dim=1) - own[:, 0]).mean()


@precise
def info_nce_in_batch(
    query: Tensor, key: Tensor, own: Sequence[Tensor], temperature: float
) -> Tensor:
    """InfoNCE of a row's key against all other rows' keys, and against the row's `own` negatives.

    ``query, key`` and each of `own` are ``(n, d)``; otherwise as `info_nce`. Row i of `own` is a
    negative of row i alone.
    """
    query = unit(query) / temperature
    logits = torch.cat(
        [query @ unit(key).T, *((query * unit(each)).sum(1, keepdim=True) for each in own)], dim=1
    )
    return (logits.logsumexp(dim=1) - logits.diagonal()).mean()


def symmetric_info_nce(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Mean of `info_nce_in_batch` from ``a (n, d)`` to ``b (n, d)`` and back.

    Radford et al. 2021 (CLIP, arXiv 2103.00020): unlike `nt_xent`, rows of one side are no
    negatives of each other.
    """
    forward, back = (info_nce_in_batch(x, y, (), temperature) for x, y in ((a, b), (b, a)))
    return (forward + back) / 2


@precise
def supcon(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrast of ``z (m, d)``: rows of one label are each other's positives.

    Mean over anchors i of −1/|P(i)| Σ_{p∈P(i)} log softmax_{k≠i}(cos(zᵢ, z_k)/τ)ₚ, P(i) the
    other rows with i's label. Khosla et al. 2020 (arXiv 2004.11362, equation 2, "L_out").
    Anchors without a positive are left out, but stay negatives of the others.

    Parameters
    ----------
    labels
        Integers ``(m,)``.
    temperature
        τ, above 0.
    """
    if len(z) < 2:  # a softmax over nothing
        return (z * 0).sum()
    z = unit(z)
    own = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = ((z / temperature) @ z.T).masked_fill(own, -torch.inf)
    log_odds = (logits - logits.logsumexp(dim=1, keepdim=True)).masked_fill(own, 0.0)
    positive = (labels[:, None] == labels) & ~own
    count = positive.sum(dim=1)
    each = (log_odds * positive).sum(dim=1) / count.clamp_min(1)
    return -each.sum() / (count > 0).sum().clamp_min(1)


@precise
def symmetric_kl(a: Tensor, b: Tensor) -> Tensor:
    """Mean of ½ (KL(p‖q) + KL(q‖p)), p and q the softmax of logits ``a, b (n, classes)``.

    Equal to ½ Σ (p − q)(log p − log q); 0 where both sides predict the same.
    """
    p, q = a.log_softmax(dim=1), b.log_softmax(dim=1)
    return ((p.exp() - q.exp()) * (p - q)).sum(dim=1).mean() / 2


@precise
def soft_nt_xent(
    a: Tensor, b: Tensor, similarity: Tensor, temperature: float, sharpness: float
) -> Tensor:
    """NT-Xent whose targets are spread over the samples that are alike up to the transform.

    −1/(2n) Σᵢ Σ_{k≠i} tᵢₖ log softmax_{k≠i}(cos(zᵢ, z_k)/τ), tᵢ = softmax_{k≠i}(sᵢₖ/sharpness),
    with s the orbit similarity of the samples behind the rows (1 for a sample's own other view).
    As `sharpness` → 0 it becomes `nt_xent`. Ours; soft targets as in Zheng et al. 2021 (ReSSL,
    arXiv 2107.09282), whose s is learned, not given by the transform.

    Parameters
    ----------
    a, b
        Latents of both views, each ``(n, d)``.
    similarity
        ``(n, n)``, at most 1; its diagonal is ignored.
    temperature, sharpness
        τ of the latents and of the targets, above 0.
    """
    n = len(a)
    z = unit(torch.cat([a, b]))
    logits = (z / temperature) @ z.T
    logits.fill_diagonal_(-torch.inf)
    log_odds = logits - logits.logsumexp(dim=1, keepdim=True)
    own = torch.eye(n, dtype=torch.bool, device=z.device)
    near = similarity.to(z.dtype).masked_fill(own, 1.0).repeat(2, 2) / sharpness
    near.fill_diagonal_(-torch.inf)
    targets = near.softmax(dim=1)
    return -(targets * log_odds.fill_diagonal_(0.0)).sum(dim=1).mean()


@precise
def repulsion(a: Tensor, b: Tensor, weight: Tensor, temperature: float = 0.2) -> Tensor:
    """Push the two sides of a pair apart: mean of w · τ · softplus(cos(a, b)/τ).

    The bounded form of SCL's variant mechanism (arXiv 2511.14920): 0 for opposite rows, with a
    gradient that fades as they part. ``a, b (n, d)``; ``weight (n,)`` at least 0.
    """
    similarity = cosine(a, b)
    return (weight * temperature * functional.softplus(similarity / temperature)).mean()


@precise
def norm_floor(z: Tensor, floor: float = 1.0) -> Tensor:
    """Mean of relu(floor − ‖z‖ / √d)² over the rows of ``z (n, d)``: keeps z away from zero."""
    size = z.square().mean(dim=-1).clamp_min(1e-12).sqrt()
    return (floor - size).clamp_min(0).square().mean()


@precise
def cross_covariance(a: Tensor, b: Tensor) -> Tensor:
    """Mean square of the cross-correlation matrix of ``a (n, p)`` and ``b (n, q)``; 0 to 1.

    Columns are standardised, so the blocks' scales do not matter; fewer than 2 rows give 0.
    Cf. Cogswell et al. 2016 (arXiv 1511.06068), the decorrelation term between two blocks.
    """
    if len(a) < 2:
        return (a.sum() + b.sum()) * 0
    a, b = _standardize(a), _standardize(b)
    return (a.T @ b / len(a)).square().mean()


@precise
def canonical_correlation(a: Tensor, b: Tensor, ridge: float = 0.01) -> Tensor:
    """Mean square of the canonical correlations of ``a (n, p)`` and ``b (n, q)``; 0 to 1.

    tr((C_aa + λI)⁻¹ C_ab (C_bb + λI)⁻¹ C_ba) / min(p, q), λ = `ridge` × the mean variance of each
    side (Hotelling 1936; ridge as in Vinod 1976): what a linear probe could read, also from
    directions of so little variance that a correlation of columns does not see them. Independent
    sides have about max(p, q)/n, so n should be well above p and q; fewer than 2 rows give 0.
    """
    if len(a) < 2:
        return (a.sum() + b.sum()) * 0
    a, b = a - a.mean(dim=0), b - b.mean(dim=0)
    cross = a.T @ b / len(a)
    read, back = _solved(a, cross, ridge), _solved(b, cross.T, ridge)
    return (read * back.T).sum() / min(cross.shape)


def _solved(x: Tensor, right: Tensor, ridge: float) -> Tensor:
    """(C_xx + λI)⁻¹ times `right`, for centred x ``(n, p)``."""
    covariance = x.T @ x / len(x)
    least = ridge * covariance.diagonal().mean() + 1e-12
    ridged = covariance + least * torch.eye(len(covariance), dtype=x.dtype, device=x.device)
    return cast(Tensor, torch.linalg.solve(ridged, right))  # pyright: ignore[reportUnknownMemberType]


@precise
def hsic(a: Tensor, b: Tensor) -> Tensor:
    """Normalised Hilbert-Schmidt independence criterion (CKA) of ``a (n, p)``, ``b (n, q)``.

    tr(KHLH)/√(tr(KHKH)·tr(LHLH)), Gaussian kernels with the median-distance bandwidth; 0 to 1,
    0 for independence as n grows. Gretton et al. 2005; Cortes et al. 2012.
    """
    if len(a) < 2:
        return (a.sum() + b.sum()) * 0
    k, m = _centred_kernel(a), _centred_kernel(b)
    return (k * m).sum() / (k.square().sum() * m.square().sum()).clamp_min(1e-12).sqrt()


def _standardize(z: Tensor) -> Tensor:
    centred = z - z.mean(dim=0)
    return centred / centred.square().mean(dim=0).add(1e-6).sqrt()


def _centred_kernel(z: Tensor) -> Tensor:
    z = z - z.detach().mean(dim=0)  # distances stay, rounding of large offsets goes
    distance = torch.cdist(z, z).square()
    median = distance.detach().median().clamp_min(1e-6)
    kernel = torch.exp(-distance / median)
    kernel = kernel - kernel.mean(dim=0)
    return kernel - kernel.mean(dim=1, keepdim=True)
