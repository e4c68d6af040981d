"""SepCLR's formulas: what is common to two populations, and what is salient in one of them.

Louiset et al., "Separating common from salient patterns with contrastive representation
learning", ICLR 2024. Notation: k(x, y) = exp(−‖x − y‖²/2τ), τ the bandwidth. Whatever the input's
precision, all is computed in float32 at least and outside of autocast. A term that a batch
cannot give (no target, no background, a single row) is 0, with zero gradients. Sums over pairs of
rows are taken `CHUNK` rows at a time and computed anew for the gradient, so that memory grows
with n, not n².
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils import checkpoint

from triptych.precision import precise, unit

CHUNK = 1024
ATTRIBUTE_BANDWIDTH = 0.025  # τ of a continuous attribute's terms in the authors' code


@precise
def align(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """Mean of ‖x − y‖²/2τ over the rows of ``x, y (n, d)``; 0 without rows."""
    return (x - y).square().sum() / (2 * bandwidth * max(len(x), 1))


@precise
def uniform(z: Tensor, bandwidth: float) -> Tensor:
    """Log of the mean kernel over the pairs i < j of rows of ``z (n, d)``; at most 0."""
    n = len(z)
    if n < 2:
        return (z * 0).sum()
    sums = _over_chunks(_log_kernel_sums, z, bandwidth, False)
    return torch.logsumexp(sums, dim=0) - math.log(n * (n - 1))


@precise
def spread(z: Tensor, bandwidth: float, of: Tensor) -> Tensor:
    """meanᵢ log meanⱼ k(zᵢ, zⱼ) over the rows i of `of` ``(n,)`` and all rows j, i included.

    Minus the kernel estimate of an entropy, as in `joint_entropy`; from −log n to 0.
    """
    if not bool(of.any()):
        return (z * 0).sum()
    return _over_chunks(_log_kernel_sums, z, bandwidth, True)[of].mean() - math.log(len(z))


@precise
def joint_entropy(common: Tensor, salient: Tensor, bandwidth: float = 0.5) -> Tensor:
    """k-JEM: minus the kernel estimate of the joint entropy H(c, s); at most 0, to be minimised.

    meanᵢ log meanⱼ k(cᵢ, cⱼ)·k(sᵢ, sⱼ), j = i included. The product of the kernels is the kernel
    of the joined vectors. ``common (n, p)``, ``salient (n, q)``.
    """
    z = torch.cat([common, salient], dim=1)
    if not len(z):
        return (z * 0).sum()
    return _over_chunks(_log_kernel_sums, z, bandwidth, True).mean() - math.log(len(z))


@precise
def on_sphere(common: Tensor) -> Tensor:
    """Rows of ``common (n, d)`` at length 1 (null vectors stay, and get no gradient)."""
    return unit(common)


@precise
def common_term(
    first: Tensor,
    second: Tensor,
    bandwidth: float,
    columns: slice | Tensor = slice(None),
    spreading: slice | Tensor = slice(None),
) -> tuple[Tensor, Tensor]:
    """Alignment and uniformity of both views' common latents, on the sphere, all samples.

    Parameters
    ----------
    first, second
        Both views, each ``(n, d)``.
    bandwidth
        τ.
    columns
        Which of the d dimensions are aligned.
    spreading
        Rows that the uniformity is over: all in the paper. With the background alone the latents
        gain nothing by telling targets apart by what is salient in them.

    Returns
    -------
    (alignment, uniformity)
        The uniformity is the mean of both views'.
    """
    first, second = on_sphere(first), on_sphere(second)
    even = (uniform(first[spreading], bandwidth) + uniform(second[spreading], bandwidth)) / 2
    return align(first[:, columns], second[:, columns], bandwidth), even


@precise
def salient_term(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    bandwidth: float,
    columns: slice | Tensor = slice(None),
    null_pairs: bool = True,
) -> tuple[Tensor, Tensor]:
    """Alignment of the targets and s'-uniformity of all samples, as in `common_term`.

    Not on the sphere: the null vector has its place in this space. ``target (n,)`` is True for
    targets. Without `null_pairs` the uniformity is `spread` of the targets: pairs of two
    background rows, both at s', are a constant 1 in the paper's logarithm, beside which the
    targets' own kernels, once small, have hardly a gradient.
    """
    alignment = align(first[target][:, columns], second[target][:, columns], bandwidth)
    even = first.new_zeros(())
    for each in (first, second):
        side = each.masked_fill(~target[:, None], 0)
        even = even + (uniform(side, bandwidth) if null_pairs else spread(side, bandwidth, target))
    return alignment, even / 2


@precise
def background_term(first: Tensor, second: Tensor, target: Tensor, bandwidth: float) -> Tensor:
    """The information-less constraint: draws the background's salient latents to s' = 0."""
    sides = [each[~target] for each in (first, second)]
    return sum((align(s, s * 0, bandwidth) for s in sides), first.new_zeros(())) / 2


@precise
def supervised_alignment(
    z: Tensor, attribute: Tensor, *, discrete: bool, bandwidth: float = ATTRIBUTE_BANDWIDTH
) -> Tensor:
    """Mean over pairs i < j of w(yᵢ, yⱼ)·‖zᵢ − zⱼ‖²: alike where the attribute is alike.

    w = exp(−(yᵢ − yⱼ)²/2τ) for a continuous attribute (y-aware, Dufumier et al. 2021, arXiv
    2106.08808), 1 where yᵢ = yⱼ and else 0 for a discrete one.

    Parameters
    ----------
    z
        Salient latents ``(n, d)``.
    attribute
        y ``(n,)``; rows that are not finite do not count. Continuous ones scaled to about 0 to 1.
    discrete
        Which of the two weights.
    bandwidth
        τ of a continuous attribute.
    """
    known = torch.isfinite(attribute)
    z, y = z[known], attribute[known]
    n = len(z)
    if n < 2:
        return (z * 0).sum()
    sums = _over_chunks(_weighted_sums, z, y, 0.0 if discrete else bandwidth)
    return sums.sum() / (n * (n - 1))


@precise
def supervised_term(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    attribute: Tensor,
    *,
    discrete: bool,
    bandwidth: float,
) -> Tensor:
    """One attribute's share of the salient term: s'-uniformity + ½ (alignment + null vector).

    Both views' rows are aligned as one batch, and with each other (the authors' code has these
    terms on the samples as they are). Parameters as in `salient_term`, `supervised_alignment` and
    `null_bandwidth`.
    """
    _, even = salient_term(first, second, target, bandwidth)
    both, y = torch.cat([first[target], second[target]]), attribute[target].repeat(2)
    alike = supervised_alignment(both, y, discrete=discrete)
    null = background_term(first, second, target, null_bandwidth(discrete, bandwidth))
    return even + (alike + null) / 2


def null_bandwidth(discrete: bool, bandwidth: float) -> float:
    """τ at which the background of an attribute's block is drawn to the null vector.

    As in the authors' code: that of all kernels for a discrete attribute, `ATTRIBUTE_BANDWIDTH`
    for a continuous one (at the default of 0.5 it is drawn 20 times as hard).
    """
    return bandwidth if discrete else ATTRIBUTE_BANDWIDTH


def _over_chunks(sums: Callable[..., Tensor], z: Tensor, *settings: object) -> Tensor:
    """`sums` of every row of z against all rows ``(n,)``, `CHUNK` rows at a time."""
    z = z - z.detach().mean(dim=0)  # distances stay, rounding of large offsets goes
    if len(z) <= CHUNK:
        return sums(z, 0, *settings)
    parts: list[Tensor] = [
        cast(Any, checkpoint).checkpoint(
            sums, z, start, *settings, use_reentrant=False, preserve_rng_state=False
        )
        for start in range(0, len(z), CHUNK)
    ]
    return torch.cat(parts)


def _squared_distances(z: Tensor, start: int) -> Tensor:
    rows, squares = z[start : start + CHUNK], z.square().sum(dim=1)
    return (squares[start : start + CHUNK, None] + squares - 2 * rows @ z.T).clamp_min(0)


def _log_kernel_sums(z: Tensor, start: int, bandwidth: float, own: bool) -> Tensor:
    logs = _squared_distances(z, start) / (-2 * bandwidth)
    if not own:
        rows = torch.arange(len(logs), device=z.device)
        logs = logs.index_put((rows, rows + start), logs.new_tensor(-torch.inf))
    return torch.logsumexp(logs, dim=1)


def _weighted_sums(z: Tensor, start: int, y: Tensor, bandwidth: float) -> Tensor:
    gaps = y[start : start + CHUNK, None] - y
    weights = torch.exp(gaps.square() / (-2 * bandwidth)) if bandwidth else gaps == 0
    return (weights * _squared_distances(z, start)).sum(dim=1)
