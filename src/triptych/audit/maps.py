"""Latents in two dimensions, to look at: near points are alike, far distances mean nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.metrics.inputs import Rows, as_array, unit_rows

__all__ = ["embedding_map"]

FEWEST = 8  # points: under that there are no neighbourhoods to keep


def embedding_map(
    z: Rows, n: int = 800, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Map latents to the plane: principal components, then t-SNE, on cosine distance.

    Parameters
    ----------
    z
        Latents (m, d).
    n
        At most so many rows, drawn at random, are mapped.

    Returns
    -------
    (k,) the rows that were mapped, in rising order, and (k, 2) their coordinates; k = min(n, m).

    Raises
    ------
    InputError
        Fewer than 8 rows, or values that are not finite.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9 (2008).
    """
    latents = unit_rows(as_array(z, "z").astype(np.float64))
    if min(len(latents), n) < FEWEST:
        raise InputError(f"{min(len(latents), n)} windows make no map: expected at least {FEWEST}")
    rows = np.arange(len(latents))
    if len(rows) > n:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), n, replace=False))
    centred = latents[rows] - latents[rows].mean(axis=0)
    left, strength, _ = np.linalg.svd(centred, full_matrices=False)
    components = left[:, :30] * strength[:30]
    if components.shape[1] < 2:
        components = np.pad(components, ((0, 0), (0, 1)))
    # the sign of a component is arbitrary: its largest entry points up, on every machine
    highest = np.abs(components).argmax(axis=0)
    signs = np.sign(components[highest, np.arange(components.shape[1])])
    components *= np.where(signs == 0, 1, signs)
    return rows, _tsne(components, seed)


def _tsne(components: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    start: Any = components[:, :2] / max(float(components[:, 0].std()), 1e-12) * 1e-4
    mapper: Any = TSNE(
        perplexity=min(30.0, (len(components) - 1) / 3),
        init=start.astype(np.float32),
        learning_rate="auto",
        max_iter=500,
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(mapper.fit_transform(components), dtype=np.float64)
