"""Both layers of a model whose dimensions are measured: how invariant, and what is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.datasets import Windows
from triptych.latent import BlockHeads
from triptych.metrics import collapsed, cosine, linear_probe, top_k
from triptych.model import Model
from triptych.transforms import Transform, context_of
from triptych_studies.scores import Scores, unlike_pairs

NEIGHBOURS = 20
DRAWS = 3  # views of a test window
CONTRASTED = "contrasted"  # the block z, where it has collapsed

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Layers:
    """Both layers of a model: the trunk's features *h*, and *z*, which the contrast compares."""

    h: Array
    z: Array


def reader(
    model: Model, represent: Callable[[Tensor], Tensor], size: int
) -> Callable[[Tensor], Layers]:
    """Windows → `Layers`; `represent` is the objective's last step on the first `size` latents."""
    front_end, encoder = model.front_end, cast(BlockHeads, model.encoder)

    @torch.no_grad()
    def read(x: Tensor) -> Layers:
        seen = [front_end(each) for each in torch.split(x, 1024)]
        h = torch.cat([encoder.trunk(each) for each in seen])
        z = torch.cat([represent(encoder(each)[:, :size]) for each in seen])
        return Layers(h.numpy(), z.numpy())

    model.eval()
    return read


def measure_invariance(
    read: Callable[[Tensor], Layers], z: Array, transform: Transform, test: Windows, scores: Scores
) -> None:
    """``cosine_transformed`` of what the contrast compares, beside the between-sample level.

    Missing where it has collapsed.
    """
    x = test.with_context(context_of(transform)).signals
    generator = torch.Generator().manual_seed(10)
    drawn = [transform.apply(x, transform.sample(len(x), generator)) for _ in range(DRAWS)]
    views = [read(each).z for each in drawn]
    scores.count(test.subject)
    if not scores.sound(CONTRASTED, z, *views):
        return
    same = np.stack([cosine(z, view) for view in views])
    scores.mean("cosine_transformed", same.mean(axis=0), test.subject)
    scores.between(z, unlike_pairs(test, 40_000), test.subject, same)


def measure_probes(
    fitted: Layers, known: NDArray[Any], read: Layers, test: Windows, scores: Scores
) -> None:
    """Read the class from frozen features, and from what the contrast compares.

    Classes of the windows that were `fitted` are `known`. Nothing is read from a layer that has
    collapsed.
    """
    truth = test.label
    kinds = np.unique(truth)

    def add(name: str, guess: NDArray[Any], *layer: Array) -> None:
        if collapsed(*layer):
            return
        right = guess == truth

        def balanced(kept: NDArray[np.bool_]) -> float:
            own = [right[kept & (truth == kind)] for kind in kinds]
            return float(np.mean([each.mean() for each in own if len(each)]))

        scores.pool(name, balanced, test.subject)

    h, z = (fitted.h, read.h), (fitted.z, read.z)
    scores.sound("features", *h)
    add("linear_probe", linear_probe(h[0], known, h[1], truth).predicted, *h)
    add("linear_probe@contrasted", linear_probe(z[0], known, z[1], truth).predicted, *z)
    add("knn", _nearest(h[0], known, h[1]), *h)


def _nearest(fitted: Array, known: NDArray[Any], asked: Array) -> NDArray[Any]:
    """Commonest class of the nearest training windows by cosine, classes of equal weight."""
    names, code, count = np.unique(known, return_inverse=True, return_counts=True)
    centre = fitted.mean(axis=0)
    near, _ = top_k(asked - centre, fitted - centre, NEIGHBOURS)
    votes = np.zeros((len(asked), len(names)))
    np.add.at(votes, (np.arange(len(asked))[:, None], code[near]), 1 / count[code[near]])
    return names[votes.argmax(axis=1)]
