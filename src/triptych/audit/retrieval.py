"""Retrieval: whether the nearest latents of a query are the right windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.audit.inputs import Floats, Labels, Rows, as_array, as_labels, unit_rows
from triptych.audit.result import Result
from triptych.audit.shape_distance import shape_based_distance
from triptych.errors import InputError

__all__ = [
    "Retrieval",
    "near_in_time",
    "neighbour_overlap",
    "precision_at_k",
    "same_group",
    "shape_based_distance",
    "top_k",
    "top_k_of",
]

Rule: TypeAlias = Callable[[slice], NDArray[np.bool_]]
"""Rows of queries → (rows, g), True where that gallery window may not be a neighbour."""

_CHUNK = 1024  # queries at a time: 1,024 × 6,000 similarities are 24 MB


def near_in_time(
    query_record: Labels,
    query_start: Labels,
    gallery_record: Labels,
    gallery_start: Labels,
    within_s: float = 5.0,
) -> Rule:
    """Rule that removes gallery windows of the query's record that start within `within_s` s."""
    q, g = _codes(query_record, gallery_record)
    at = np.asarray(query_start, np.float64)
    there = np.asarray(gallery_start, np.float64)

    def rule(rows: slice) -> NDArray[np.bool_]:
        return (q[rows, None] == g) & (np.abs(at[rows, None] - there) <= within_s)

    return rule


def same_group(query_group: Labels, gallery_group: Labels) -> Rule:
    """Rule that removes every gallery window of the query's own record or person."""
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
    """
    left, right = as_array(query, "query"), as_array(gallery, "gallery")
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"query has {left.shape[1]} columns and gallery {right.shape[1]}: expected latents of "
            "the same model and block"
        )
    unit = torch.as_tensor(unit_rows(left).astype(np.float32))
    columns = torch.as_tensor(unit_rows(right).astype(np.float32)).T
    return _rank(lambda rows: unit[rows] @ columns, (len(unit), len(right)), k, excluded)


def top_k_of(
    similarity: Rows, k: int = 10, excluded: Rule | NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Like `top_k`, from a ready table of similarities (q, g), e.g. minus a distance."""
    table = torch.as_tensor(as_array(similarity, "similarity").astype(np.float32))
    return _rank(lambda rows: table[rows], (table.shape[0], table.shape[1]), k, excluded)


@dataclass(frozen=True)
class Retrieval(Result):
    """Precision at k.

    Attributes
    ----------
    precision
        Mean over queries, or with ``macro`` over the classes of `per_class`; NaN if none is left.
    k
        Neighbours looked at.
    per_class, queries
        Class → precision and number of queries, of the classes that count.
    left_out
        Class → fewest gallery windows of that class that one of its queries could have found;
        with ``macro``, classes with too few are left out and named here.
    per_query
        (q,) share of right neighbours of every query; not in `to_dict`.
    """

    precision: float
    k: int
    per_class: dict[str, float]
    queries: dict[str, int]
    left_out: dict[str, int]
    per_query: Floats = field(repr=False, compare=False)


def precision_at_k(
    query: Rows,
    gallery: Rows,
    query_labels: Labels,
    gallery_labels: Labels,
    excluded: Rule | NDArray[np.bool_] | None = None,
    k: int = 10,
    macro: bool = False,
    min_gallery: int = 50,
) -> Retrieval:
    """Share of the `k` nearest gallery windows that carry the query's label.

    With `macro` the mean is over classes, and a class counts if each of its queries could find at
    least `min_gallery` admissible windows of it (in other records, under `same_group`).
    Parameters and errors are those of `top_k`.
    """
    index, _ = top_k(query, gallery, k, excluded)
    wanted = as_labels(query_labels, len(query), "query_labels")
    q, g = _codes(wanted, as_labels(gallery_labels, len(gallery), "gallery_labels"))
    per_query = (g[index] == q[:, None]).mean(axis=1)
    findable = np.concatenate(
        [((g[None] == q[rows, None]) & ~_barred(excluded, rows)).sum(1) for rows in _cuts(len(q))]
    )
    scores: dict[str, float] = {}
    queries: dict[str, int] = {}
    left_out: dict[str, int] = {}
    for label in np.unique(wanted):
        own = wanted == label
        if macro and findable[own].min() < min_gallery:
            left_out[str(label)] = int(findable[own].min())
            continue
        scores[str(label)] = float(per_query[own].mean())
        queries[str(label)] = int(own.sum())
    mean = float(np.mean(list(scores.values()))) if scores else np.nan
    return Retrieval(
        mean if macro else float(per_query.mean()), k, scores, queries, left_out, per_query
    )


def neighbour_overlap(ranked_a: NDArray[Any], ranked_b: NDArray[Any]) -> Floats:
    """Share (q,) of the k neighbours that two rankings (q, k) of the same gallery have in common.

    The order inside the k does not count. Raises InputError if the shapes differ.
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


def _barred(excluded: Rule | NDArray[np.bool_] | None, rows: slice) -> NDArray[np.bool_]:
    if excluded is None:
        return np.zeros((1, 1), np.bool_)
    return excluded(rows) if callable(excluded) else np.asarray(excluded, np.bool_)[rows]


def _rank(
    similarity: Callable[[slice], torch.Tensor],
    shape: tuple[int, int],
    k: int,
    excluded: Rule | NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    q, g = shape
    if not 1 <= k <= g:
        raise InputError(f"k is {k} and the gallery has {g} rows: expected 1 <= k <= {g}")
    index, value = np.empty((q, k), np.int64), np.empty((q, k), np.float32)
    for rows in _cuts(q):
        barred = _barred(excluded, rows)
        count = rows.stop - rows.start
        if excluded is not None and barred.shape != (count, g):
            raise InputError(
                f"the exclusion rule gave the shape {barred.shape} for {count} queries: "
                f"expected ({count}, {g})"
            )
        if g - barred.sum(axis=1).max() < k:
            raise InputError(
                f"after the exclusions a query has fewer than k = {k} gallery windows left: "
                "lower k or give a gallery of more records"
            )
        scores = similarity(rows).masked_fill(torch.as_tensor(barred), -torch.inf)
        best = scores.topk(k, dim=1)
        index[rows], value[rows] = best.indices.numpy(), best.values.numpy()
    return index, value
