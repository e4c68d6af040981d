"""What single non-negative dimensions stand for, and the windows that excite them most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from triptych.errors import InputError
from triptych.metrics.collapse import collapsed
from triptych.metrics.inputs import Floats, Labels, Rows, as_array, as_labels, same_shape
from triptych.metrics.result import Result
from triptych.metrics.semantic import semantic_consistency

TOP = 3  # samples of each dimension that are named
FEWEST = 10  # samples open it: with a handful of them every dimension stands for something


@dataclass(frozen=True)
class Dimension(Result):
    """One dimension of a latent vector.

    Attributes
    ----------
    index, open
        Its place, and the share of samples that open it (z > 0).
    factor, value, share
        What it stands for, such as ``"class"``, ``"walking"``, and the share of that value among
        the samples that open it, values of equal weight. Of a transform the value is ``""`` and
        the share that of its variance over all views that lies between views of one sample.
    score
        What was compared: the share above what as many samples would have with shuffled labels, 1
        if all are of one value.
    top
        Rows of the samples that excite it most, most first.
    """

    index: int
    open: float
    factor: str
    value: str
    share: float
    score: float
    top: tuple[int, ...]


def moved_share(z: Rows, moved: Rows) -> Floats:
    """Share of each dimension's variance that lies between two views of one sample, ``(d,)``.

    0: the transform between them does not change the dimension; 0.5: it changes it as much as
    another sample would. A dimension that never changes has 0. By this the dimensions of any
    embedding, or the features of a `TopKSAE`, are told apart as a schema's blocks are by name.

    Parameters
    ----------
    z, moved
        Latents (n, d) of the same samples as they are and under draws of the transform.

    Raises
    ------
    InputError
        If the shapes differ or a value is not finite.

    Examples
    --------
    >>> z = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
    >>> moved = np.array([[1.0, 4.0], [2.0, 1.0], [3.0, 2.0], [4.0, 3.0]])
    >>> moved_share(z, moved).tolist()
    [0.0, 0.6]
    """
    still, other = (as_array(each, name).astype(np.float64) for name, each in
                    (("z", z), ("moved", moved)))  # fmt: skip
    same_shape(still, other, "z and moved")
    both = np.stack([still, other])
    return both.var(axis=0).mean(axis=0) / both.var(axis=(0, 1)).clip(1e-300)


def active_dimensions(
    z: Rows,
    factors: Mapping[str, Labels],
    views: Mapping[str, Rows] | None = None,
) -> list[Dimension]:
    """Say what each dimension that `FEWEST` samples open stands for, best first; none if collapsed.

    Parameters
    ----------
    z
        Non-negative latents (n, d).
    factors
        Name → one label a sample, e.g. class and subject; ``""`` where it is not known. Of those
        with one value only nothing is said.
    views
        Transform → latents (n, d) of the same samples under a draw of it.

    Raises
    ------
    InputError
        If rows do not match, or nothing is there to speak for.

    Examples
    --------
    Dimension 0 opens for walking only, dimension 1 in every second window of either class.

    >>> label = np.repeat(["run", "walk"], 50)
    >>> z = np.stack([label == "walk", np.arange(100) % 2], axis=1).astype(float)
    >>> first, second = active_dimensions(z, {"class": label})
    >>> first.index, first.value, first.share, round(second.score, 1)
    (0, 'walk', 1.0, -0.1)
    """
    rows = as_array(z, "z").astype(np.float64)
    opened = (rows > 0).sum(axis=0)
    spoken: list[tuple[str, np.ndarray, np.ndarray, np.ndarray]] = []
    for name, labels in factors.items():
        values = as_labels(labels, len(rows), name)
        known = values.astype(str) != ""
        if len(np.unique(values[known])) < 2:
            continue
        found = semantic_consistency(rows[known], values[known])
        best, share = found.shares.argmax(axis=1), found.shares.max(axis=1)
        seldom = (rows[known] > 0).sum(axis=0) < FEWEST
        room = np.maximum(1 - found.levels, 1e-9)
        score = np.where(seldom, -np.inf, (share - found.levels) / room)
        spoken.append((name, np.array(found.classes)[best], share, score))
    seen = {name: as_array(view, name) for name, view in (views or {}).items()}
    for name, view in seen.items():
        share = moved_share(rows, view)
        spoken.append((name, np.full(len(share), ""), share, share))
    if not spoken:
        raise InputError(
            "there are no two classes, subjects or views: dimensions have nothing to say"
        )
    if collapsed(rows, *seen.values()):
        return []
    scores = np.stack([each[3] for each in spoken])
    order = np.argsort(-scores.max(axis=0), kind="stable")
    said: list[Dimension] = []
    for d in (int(d) for d in order if opened[d] >= FEWEST and scores[:, d].max() > -np.inf):
        name, value, share, score = spoken[int(scores[:, d].argmax())]
        rising = tuple(np.argsort(-rows[:, d], kind="stable")[:TOP].tolist())
        much = float(opened[d] / len(rows))
        numbers = float(share[d]), float(score[d])
        said.append(Dimension(d, much, name, str(value[d]), *numbers, rising))
    return said
