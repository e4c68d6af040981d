"""Retrieval: whether the nearest latents of a query are the right windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.index import nearest
from triptych.metrics.collapse import collapsed
from triptych.metrics.inputs import Floats, Labels, Rows, as_array, as_labels, unit_rows
from triptych.metrics.result import Result

Rule: TypeAlias = Callable[[slice], NDArray[np.bool_]]
"""Rows of queries → (rows, g), True where that gallery window may not be a neighbour."""

NEAR_S = 5.0  # windows of one record that start no further apart show the same beats or steps
FINDABLE = 50  # windows of its class that a query must be able to find, in a macro mean
_CHUNK = 1024  # queries at a time: 1,024 × 6,000 similarities are 24 MB
# Transforms that stay in the cache are three times faster than large batches: 1.6 MB of float32.
_CHUNK_FLOATS = 400_000


def near_in_time(
    query_record: Labels,
    query_start: Labels,
    gallery_record: Labels,
    gallery_start: Labels,
) -> Rule:
    """Rule that removes gallery windows of the query's record that start within 5 s of it.

    Examples
    --------
    >>> rule = near_in_time(["a"], [0.0], ["a", "a", "b"], [3.0, 30.0, 3.0])
    >>> rule(slice(0, 1)).tolist()
    [[True, False, False]]
    """
    q, g = _codes(query_record, gallery_record)
    at = np.asarray(query_start, np.float64)
    there = np.asarray(gallery_start, np.float64)

    def rule(rows: slice) -> NDArray[np.bool_]:
        return (q[rows, None] == g) & (np.abs(at[rows, None] - there) <= NEAR_S)

    return rule


def same_group(query_group: Labels, gallery_group: Labels) -> Rule:
    """Rule that removes every gallery window of the query's own record or subject.

    Examples
    --------
    >>> same_group(["a"], ["a", "b"])(slice(0, 1)).tolist()
    [[True, False]]
    """
    q, g = _codes(query_group, gallery_group)
    return lambda rows: q[rows, None] == g[None]


def top_k(
    query: Rows, gallery: Rows, k: int = 10, excluded: Rule | NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the `k` gallery rows of highest cosine for every query, best first.

    Parameters
    ----------
    query, gallery
        Latents (q, d) and (g, d); a row of zeros has cosine 0 with everything.
    excluded
        Rule, or a boolean table (q, g), of what may not be a neighbour.

    Returns
    -------
    Gallery indices (q, k) and their cosines (q, k).

    Raises
    ------
    InputError
        If a query has fewer than `k` admissible gallery rows, or d differs.

    Examples
    --------
    >>> rows, similarity = top_k(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0], [3.0, 0.0]]), 2)
    >>> rows.tolist(), similarity.tolist()
    ([[1, 0]], [[1.0, 0.0]])
    """
    left, right = as_array(query, "query"), as_array(gallery, "gallery")
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"query has {left.shape[1]} columns and gallery {right.shape[1]}: expected latents of "
            "the same model and block"
        )
    unit = torch.as_tensor(unit_rows(left).astype(np.float32))
    columns = torch.as_tensor(unit_rows(right).astype(np.float32)).T
    found = nearest(lambda rows: unit[rows] @ columns, (len(unit), len(right)), k, excluded, _CHUNK)
    return found.rows.numpy(), found.similarity.numpy()


def top_k_of(
    similarity: Rows, k: int = 10, excluded: Rule | NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Like `top_k`, from a ready table of similarities (q, g), e.g. minus a distance.

    Examples
    --------
    >>> rows, similarity = top_k_of(np.array([[0.1, 0.9, 0.5]]), 2)
    >>> rows.tolist()
    [[1, 2]]
    """
    table = torch.as_tensor(as_array(similarity, "similarity").astype(np.float32))
    found = nearest(lambda rows: table[rows], (table.shape[0], table.shape[1]), k, excluded, _CHUNK)
    return found.rows.numpy(), found.similarity.numpy()


@dataclass(frozen=True)
class Retrieval(Result):
    """Precision at 10.

    Attributes
    ----------
    precision
        Mean over queries, or with ``macro`` over the classes of `per_class`; NaN if none is left,
        where query and gallery have collapsed into one point (nothing is near or far then), or
        where the gallery has one label only (whatever is found is right).
    per_class
        Class → precision, of the classes that count; empty where all are NaN.
    per_query
        (q,) share of right neighbours of every query; not in `to_dict`.
    findable
        (q,) how many windows of its label a query may find; not in `to_dict`.
    """

    precision: float
    per_class: dict[str, float]
    per_query: Floats = field(repr=False, compare=False)
    findable: NDArray[np.int64] = field(repr=False, compare=False)


def retrieval(
    query: Rows,
    gallery: Rows,
    query_labels: Labels,
    gallery_labels: Labels,
    excluded: Rule | NDArray[np.bool_] | None = None,
    *,
    macro: bool = False,
) -> Retrieval:
    """Share of the 10 nearest gallery windows that carry the query's label.

    1 is perfect; chance is the share of the gallery that has the query's label.
    With `macro` the mean is over classes, and a class counts if each of its queries could find at
    least `FINDABLE` admissible windows of it (in other records, under `same_group`).
    Parameters and errors are those of `top_k`.

    Examples
    --------
    >>> label = np.repeat([0, 1], 20)
    >>> z = np.eye(2)[label] + 0.01 * np.random.default_rng(0).standard_normal((40, 2))
    >>> retrieval(z, z, label, label, excluded=np.eye(40, dtype=bool)).precision
    1.0
    """
    index, _ = top_k(query, gallery, 10, excluded)
    wanted = as_labels(query_labels, len(query), "query_labels")
    q, g = _codes(wanted, as_labels(gallery_labels, len(gallery), "gallery_labels"))
    per_query = (g[index] == q[:, None]).mean(axis=1)
    right = (_admitted(q[rows, None] == g, excluded, rows).sum(axis=1) for rows in _cuts(len(q)))
    findable = np.concatenate(list(right))
    scores = {
        str(label): float(per_query[own].mean())
        for label in np.unique(wanted)
        if findable[own := wanted == label].min() >= FINDABLE or not macro
    }
    if collapsed(query, gallery) or len(np.unique(g)) < 2:
        return Retrieval(np.nan, {}, np.full(len(q), np.nan), findable)
    mean = float(np.mean(list(scores.values()))) if scores else np.nan
    return Retrieval(mean if macro else float(per_query.mean()), scores, per_query, findable)


def neighbour_overlap(ranked_a: NDArray[Any], ranked_b: NDArray[Any]) -> Floats:
    """Share (q,) of the k neighbours that two rankings (q, k) of the same gallery have in common.

    1: the same neighbours; k/g by chance, with g gallery rows. The order inside the k does not
    count. Raises InputError if the shapes differ.

    Examples
    --------
    >>> neighbour_overlap(np.array([[1, 2, 3, 4]]), np.array([[4, 3, 9, 8]])).tolist()
    [0.5]
    """
    a, b = np.asarray(ranked_a), np.asarray(ranked_b)
    if a.shape != b.shape or a.ndim != 2 or a.size == 0:
        raise InputError(
            f"the rankings have the shapes {a.shape} and {b.shape}: expected the same (q, k)"
        )
    return (a[:, :, None] == b[:, None, :]).any(axis=2).mean(axis=1)


def _codes(a: Labels, b: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Integers for labels: comparing them is many times faster than comparing strings."""
    left, right = np.asarray(a), np.asarray(b)
    _, code = np.unique(np.concatenate([left, right]), return_inverse=True)
    return code[: len(left)], code[len(left) :]


def _cuts(n: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]


def _admitted(
    found: NDArray[np.bool_], excluded: Rule | NDArray[np.bool_] | None, rows: slice
) -> NDArray[np.bool_]:
    if excluded is None:
        return found
    return found & ~(excluded(rows) if callable(excluded) else np.asarray(excluded)[rows])


def shape_based_distance(queries: Rows, gallery: Rows, max_lag: int) -> NDArray[np.float32]:
    """1 − max over |lag| ≤ max_lag of the zero-padded normalised cross-correlation.

    NCC(lag) = Σ_t q(t + lag) g(t) / (‖q‖ ‖g‖), with zeros outside the windows; several channels
    share the lag and the norm. Exact, by real FFTs long enough that no lag asked for wraps.

    Parameters
    ----------
    queries, gallery
        Windows (q, t) and (g, t), or (q, c, t) and (g, c, t).
    max_lag
        In samples, 0 to t − 1.

    Returns
    -------
    (q, g) in [0, 2]: 0 the same shape, 1 nothing alike or a window of zeros.

    Raises
    ------
    InputError
        If the windows differ in channels or length, are not finite, or the lag is out of range.

    Notes
    -----
    Paparrizos and Gravano, "k-Shape", SIGMOD 2015 (there over all lags).

    Examples
    --------
    A pulse and the same pulse three samples later.

    >>> early, late = np.eye(10)[[2]], np.eye(10)[[5]]
    >>> for lag in (0, 3):
    ...     print(abs(round(float(shape_based_distance(early, late, lag)[0, 0]), 3)))
    1.0
    0.0
    """
    a, b = _units(queries, "queries"), _units(gallery, "gallery")
    if a.shape[1:] != b.shape[1:]:
        raise InputError(
            f"queries are windows of (channels, samples) {tuple(a.shape[1:])} and the gallery of "
            f"{tuple(b.shape[1:])}: expected the same; cut both alike"
        )
    t = a.shape[2]
    if not 0 <= max_lag < t:
        raise InputError(f"max_lag is {max_lag} samples: expected 0 to {t - 1} for windows of {t}")
    # lag l aliases with l ± length: t − 1 + max_lag < length keeps the wanted lags clean; powers
    # of two are about twice as fast as the shortest admissible length
    length = 1 << (t - 1 + max_lag).bit_length()
    fft = cast(Any, torch.fft)
    fa: torch.Tensor = fft.rfft(a, length)
    fb: torch.Tensor = fft.rfft(b, length).conj()
    out = torch.empty(len(a), len(b))
    columns = max(1, min(len(b), 100, _CHUNK_FLOATS // length))
    rows = max(1, _CHUNK_FLOATS // (length * columns))
    for i in range(0, len(a), rows):
        for j in range(0, len(b), columns):
            spectrum = fa[i : i + rows, None, 0] * fb[None, j : j + columns, 0]
            for channel in range(1, a.shape[1]):
                spectrum += fa[i : i + rows, None, channel] * fb[None, j : j + columns, channel]
            ncc: torch.Tensor = fft.irfft(spectrum, length)
            best = ncc[..., : max_lag + 1].amax(-1)
            if max_lag:
                best = torch.maximum(best, ncc[..., -max_lag:].amax(-1))
            out[i : i + rows, j : j + columns] = best
    return (1 - out).clamp(0, 2).numpy()


def _units(windows: Rows, name: str) -> torch.Tensor:
    """Windows as (n, c, t) float32 of norm 1; windows of zeros stay zero."""
    dims = windows.ndim if windows.ndim == 2 else 3
    x = torch.as_tensor(as_array(windows, name, dims).astype(np.float64))
    x = x[:, None] if dims == 2 else x
    norm = x.square().sum(dim=(1, 2), keepdim=True).sqrt()
    return (x / torch.where(norm > 0, norm, 1.0)).float()
