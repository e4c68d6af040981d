"""Latents in two dimensions, to look at: near points are alike, far distances mean nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych import InputError
from triptych.audit.canvas import COLOURS, canvas, handle, styles

FEWEST = 8  # points: under that there are no neighbourhoods to keep
STEPS = 500  # of t-SNE


def embedding_map(
    z: NDArray[Any], n: int = 800, seed: int = 0
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
        Fewer than 8 rows.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9 (2008).
    """
    latents = z.astype(np.float64)
    latents /= np.maximum(np.linalg.norm(latents, axis=1, keepdims=True), 1e-300)
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
        max_iter=STEPS,
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(mapper.fit_transform(components), dtype=np.float64)


def embedding_maps(
    maps: Mapping[str, Mapping[str, Any]],
    path: Path,
    *,
    title: str,
    note: str = "",
    colour_by: tuple[str, str] = ("record", "class"),
    columns: int = 4,
) -> None:
    """Latents in two dimensions: for each method one panel by record and below it one by class.

    `maps` gives for every method ``xy`` (n, 2) and a list (n,) for each name in `colour_by`.
    Every group has a colour and a marker of its own.
    """
    columns = min(columns, len(maps))
    bands = -(-len(maps) // columns)
    width, height = 2.2 * columns + 1.7, 2.35 * 2 * bands + 0.6
    with canvas(path, width, height, title, note) as figure:
        layout = figure.add_gridspec(2 * bands, columns + 1, width_ratios=[*[1] * columns, 0.7])
        for part, by in enumerate(colour_by):
            look = styles(_groups(maps, by))
            for k, (method, points) in enumerate(maps.items()):
                axis = figure.add_subplot(layout[k // columns * 2 + part, k % columns])
                xy, names = np.asarray(points["xy"]), np.array([str(v) for v in points[by]])
                for name, (colour, marker) in look.items():
                    here = xy[names == name]
                    axis.scatter(*here.T, s=7, c=colour, marker=marker, lw=0, alpha=0.75)
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(True)
                axis.set_title(f"{method}, by {by}", fontsize=10)
            names = figure.add_subplot(layout[part, columns])
            names.set_axis_off()
            names.legend(
                handles=[
                    handle("", colour, marker, name) for name, (colour, marker) in look.items()
                ],
                loc="center left",
                bbox_to_anchor=(-0.1, 0.5),
                title=by,
                ncols=-(-len(look) // 14),
                fontsize=8,
                handletextpad=0.1,
                columnspacing=0.6,
                labelspacing=0.3,
            )


def _groups(maps: Mapping[str, Mapping[str, Any]], by: str) -> list[str]:
    """Names of the groups: the few largest first if they are few (classes), else sorted."""
    count = Counter(str(name) for points in maps.values() for name in points[by])
    few = len(count) <= len(COLOURS)
    return [name for name, _ in count.most_common()] if few else sorted(count)
