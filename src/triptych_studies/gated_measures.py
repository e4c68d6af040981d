"""How a model is measured in the gated-contrast study: what single dimensions stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from triptych.datasets import Windows
from triptych.latent import BlockHeads
from triptych.metrics import (
    Floats,
    active_dimensions,
    collapsed,
    cosine,
    jackknife_per_subject,
    linear_probe,
    per_subject,
    rescaled_consistency,
    semantic_consistency,
    separation,
)
from triptych.metrics.inputs import unit_rows
from triptych.metrics.semantic import EPSILON
from triptych.model import Model
from triptych.transforms import Transform, context_of
from triptych_studies.gated_recipes import SIZE
from triptych_studies.gated_windows import GatedData
from triptych_studies.scores import Scores, mean_of

EPSILONS = {"": EPSILON, "@eps0.01": 0.01, "@eps0.1": 0.1, "@eps0.3": 0.3}
NEIGHBOURS = 20
DRAWS = 3  # views of a test window
SUPPORT = 0.01  # of the windows: what opens a dimension less often is consistent by chance
SHOWN = 10  # dimensions that are drawn
CONTRASTED = "contrasted"  # the block z, where it has collapsed
ABOVE_SHUFFLED = "semantic_consistency@above_shuffled"

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Layers:
    """Both layers of a model: the trunk's features *h*, and *z*, which the contrast compares."""

    h: Array
    z: Array


def reader(model: Model, represent: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Layers]:
    """Windows → `Layers`; `represent` is the objective's last step on the latents."""
    encoder = cast(BlockHeads, model.encoder)

    @torch.no_grad()
    def read(x: Tensor) -> Layers:
        found: list[tuple[Tensor, Tensor]] = []
        for start in range(0, len(x), 1024):
            seen = model.front_end(x[start : start + 1024])
            found.append((encoder.trunk(seen), represent(encoder(seen)[:, :SIZE])))
        h, z = (torch.cat(each).numpy() for each in zip(*found, strict=True))
        return Layers(h, z)

    model.eval()
    return read


def above(consistency: float, level: float) -> float:
    """c′ above the c′ that shuffled labels give: 0 where they are equal, 1 at 1."""
    return (consistency - level) / (1 - level) if level < 1 else float("nan")


def measure_dimensions(z: Array, test: Windows, scores: Scores) -> None:
    """Semantic consistency and its companions, and what the figures draw of them.

    What is said of dimensions is missing where none is open or z has collapsed.
    """
    scores.sound(CONTRASTED, z)
    label, n, unit = test.label, len(test), unit_rows(z.astype(np.float64))
    classes, code = np.unique(label, return_inverse=True)

    def by_person(opened: Floats) -> dict[str, tuple[float, int]]:
        def rescaled(kept: NDArray[np.bool_]) -> float:
            return rescaled_consistency(opened[kept], code[kept], len(classes))

        return jackknife_per_subject(rescaled, test.person, n)

    for suffix, epsilon in EPSILONS.items():
        found = semantic_consistency(z, label, epsilon)
        people = by_person((np.abs(unit) > epsilon).astype(np.float64))
        scores.add(f"semantic_consistency{suffix}", found.rescaled, people)
        for name in ("active", "coverage", "sparsity"):
            scores.add(f"{name}{suffix}", float(getattr(found, name)))
    whole = semantic_consistency(z, label)
    scores.add("semantic_consistency_raw", whole.raw)
    scores.add("semantic_entropy", whole.entropy)
    scores.add("effective_rank", whole.effective_rank)
    positive = np.maximum(z, 0)
    found = semantic_consistency(positive, label)
    scores.add("semantic_consistency@positive", found.rescaled)
    people = {
        name: (above(value, found.chance), count)
        for name, (value, count) in by_person((positive > 0).astype(np.float64)).items()
    }
    scores.add(ABOVE_SHUFFLED, found.corrected, people)
    opened = found.shares[(positive > 0).any(axis=0)]
    told = float(len({int(row.argmax()) for row in opened if row.max() >= 0.5}))
    scores.add("classes_told", np.nan if np.isnan(found.rescaled) else told)
    chance = 1 / len(found.classes)
    common = (positive > 0).mean(axis=0) >= SUPPORT
    if common.any() and not np.isnan(found.rescaled):
        share = found.shares[common].max(axis=1).mean()
        scores.add("semantic_consistency@supported", (share - chance) / (1 - chance))
    scores.add("active@supported", float(common.sum()))
    shuffled = np.random.default_rng(0).permutation(label)
    scores.add("semantic_consistency@shuffled", semantic_consistency(positive, shuffled).rescaled)
    scores.artifacts |= _drawn(positive, test)


def _drawn(z: Array, test: Windows) -> dict[str, Any]:
    """Class shares of active dimensions; the windows that excite the most consistent ones most."""
    shares = semantic_consistency(z, test.label).shares[(z > 0).any(axis=0)]
    excited = [
        {
            "dimension": each.index,
            "speaks_for": each.value,
            "share": round(each.share, 3),
            "open": round(each.open, 4),
            "labels": test.label[list(each.top)].tolist(),
            "signals": [np.round(_thumbnail(test.centred[row]), 2).tolist() for row in each.top],
        }
        for each in active_dimensions(z, {"class": test.label})[:SHOWN]
    ]
    classes = np.unique(test.label).tolist()
    return {"classes": classes, "shares": np.round(shares, 3).tolist(), "excited": excited}


def _thumbnail(x: Tensor) -> NDArray[np.float64]:
    """A window small enough to be kept: an image, or at most 64 samples of a signal."""
    if x.ndim == 3:
        return x[0].double().numpy()
    step = -(-x.shape[-1] // 64)
    return nn.functional.avg_pool1d(x, step).double().numpy()


def measure_probes(fitted: Layers, test: Layers, prepared: GatedData, scores: Scores) -> None:
    """Read the class from frozen features, and from what the contrast compares.

    Nothing is read from a layer that has collapsed.
    """
    y, truth, people = prepared.fitted.label, prepared.test.label, prepared.test.person
    kinds = np.unique(truth)

    def add(name: str, guess: NDArray[Any], *layer: Array) -> None:
        if collapsed(*layer):
            return
        right = guess == truth

        def balanced(kept: NDArray[np.bool_]) -> float:
            own = [right[kept & (truth == kind)] for kind in kinds]
            return float(np.mean([each.mean() for each in own if len(each)]))

        figures = jackknife_per_subject(balanced, people, len(truth))
        scores.add(name, balanced(np.ones(len(truth), dtype=bool)), figures)

    h, z = (fitted.h, test.h), (fitted.z, test.z)
    scores.sound("features", *h)
    add("linear_probe", linear_probe(h[0], y, h[1], truth).predicted, *h)
    add("linear_probe@contrasted", linear_probe(z[0], y, z[1], truth).predicted, *z)
    add("knn", _nearest(h[0], y, h[1]), *h)


def _nearest(known: Array, y: NDArray[Any], asked: Array) -> NDArray[Any]:
    """Commonest class of the 20 nearest training windows by cosine, classes of equal weight."""
    names, code, count = np.unique(y, return_inverse=True, return_counts=True)
    known, asked = (a - known.mean(axis=0) for a in (known, asked))
    known, asked = (
        a / np.linalg.norm(a, axis=1, keepdims=True).clip(1e-12) for a in (known, asked)
    )
    votes = np.zeros((len(asked), len(names)))
    for start in range(0, len(asked), 1024):
        near = np.argpartition(-asked[start : start + 1024] @ known.T, NEIGHBOURS)[:, :NEIGHBOURS]
        rows = np.arange(start, start + len(near))
        np.add.at(votes, (rows[:, None], code[near]), 1 / count[code[near]])
    return names[votes.argmax(axis=1)]


def measure_invariance(
    read: Callable[[Tensor], Layers],
    z: Array,
    transform: Transform,
    test: Windows,
    scores: Scores,
) -> None:
    """``cosine_transformed`` of what the contrast compares, beside the between-sample level.

    Missing where it has collapsed.
    """
    x = test.with_context(context_of(transform)).signals
    generator = torch.Generator().manual_seed(10)
    drawn = [transform.apply(x, transform.sample(len(x), generator)) for _ in range(DRAWS)]
    views = [read(each).z for each in drawn]
    scores.count(test.person)
    if not scores.sound(CONTRASTED, z, *views):
        return
    same = np.stack([cosine(z, view) for view in views])
    figures = per_subject(same.mean(axis=0), test.person)
    scores.add("cosine_transformed", float(same.mean()), figures)
    a, b = np.random.default_rng(3).integers(0, len(test), (2, 40_000))
    strangers = (test.person[a] != test.person[b]) & (test.label[a] != test.label[b])
    a, b = a[strangers], b[strangers]
    between = cosine(z[a], z[b])
    scores.pool("cosine_random", lambda kept: mean_of(between[kept[a] & kept[b]]), test.person)
    scores.pool(
        "separation",
        lambda kept: separation(same[:, kept].ravel(), between[kept[a] & kept[b]]),
        test.person,
    )
