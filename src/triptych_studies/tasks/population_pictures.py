"""What the figures draw of one method's common and salient latents."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from triptych.metrics import cosine, top_k_of
from triptych_studies.maps import embedding_map
from triptych_studies.scores import Scores
from triptych_studies.tasks.population_probes import Space
from triptych_studies.tasks.population_samples import Samples

SHOWN = 5  # neighbours of the drawn queries
MAPPED = 400  # test samples on each map


def keep_pictures(spaces: tuple[Space, Space], z: Tensor, test: Samples, scores: Scores) -> None:
    """Both maps, and the nearest neighbours of a few targets in each space."""
    rng = np.random.default_rng(0)
    some = np.sort(rng.permutation(len(test.x))[:MAPPED])
    for space in spaces:
        # In the salient space all others are one point.
        chosen = some[test.target[some]] if space.name == "salient" else some
        few, xy = embedding_map(space.of(z)[chosen], n=MAPPED)
        rows = chosen[few]
        scores.artifacts[f"map_{space.name}"] = {
            "xy": xy.round(2).tolist(),
            "own": np.where(test.target[rows], test.own[rows], "none").tolist(),
            "shared": test.shared[rows].tolist(),
        }
    shown: list[dict[str, Any]] = []
    for query in rng.permutation(np.flatnonzero(test.target))[:3]:
        entry: dict[str, Any] = {"query": _drawn(test, int(query))}
        for space in spaces:
            latents = space.of(z)
            near = nearness(space, latents[query : query + 1], latents)
            found, _ = top_k_of(near, SHOWN, np.arange(len(latents))[None] == query)
            entry[space.name] = [_drawn(test, int(row)) for row in found[0]]
        shown.append(entry)
    scores.artifacts["neighbours"] = shown


def nearness(space: Space, query: NDArray[Any], latents: NDArray[Any]) -> NDArray[Any]:
    """Nearness of latents ``(n, d)`` to one query ``(1, d)``, as ``(1, n)``.

    Cosine in the common space, minus the distance in the salient one, where null is a place.
    """
    if space.name == "common":
        return cosine(np.broadcast_to(query, latents.shape), latents)[None]
    return -np.linalg.norm(latents - query, axis=1)[None]


def _drawn(test: Samples, row: int) -> dict[str, Any]:
    x = test.x[row, 0]
    return {
        "x": np.round(x.numpy(), 2 if x.ndim == 2 else 3).tolist(),
        "own": str(test.own[row]) or "none",
        "shared": str(test.shared[row]),
    }
