"""What single dimensions stand for; and all metrics of the task in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from triptych.datasets import Windows
from triptych.metrics import (
    active_dimensions,
    jackknife_per_subject,
    rescaled_consistency,
    semantic_consistency,
)
from triptych_studies.scores import Scores
from triptych_studies.tasks.dimension_probes import CONTRASTED, DRAWS, NEIGHBOURS, Array

EPSILONS = {"": 1e-5, "@eps0.01": 0.01, "@eps0.1": 0.1, "@eps0.3": 0.3}
SUPPORT = 0.01  # of the windows: what is active less often is consistent by chance
SHOWN = 10  # dimensions that are drawn
CONSISTENCY = "semantic_consistency"
ABOVE_SHUFFLED = f"{CONSISTENCY}@above_shuffled"
_LAYER = "of what the contrast compares (non-negative rows: after ReLU, top-k and gates)"
METRICS = {
    ABOVE_SHUFFLED: "↑ (c′ − s)/(1 − s) of max(z, 0), s being the c′ that shuffled labels give "
    "to dimensions that are active as often: 0 by chance also where few windows activate a "
    "dimension (of cells without it: s of one shuffle, @shuffled)",
    "semantic_consistency": "↑ c′ = (c − 1/K)/(1 − 1/K): c is the share of the commonest class "
    "among the test windows that activate a dimension, classes of equal weight, mean over active "
    f"dimensions; active: |z| > {EPSILONS['']:g} after scaling z to norm 1; z is the layer "
    f"{_LAYER}. Signed latents have no zeros: all dimensions of random, simclr and scl are active",
    "classes_told": "↑ classes that are the majority (half or more, classes of equal weight) "
    "among the windows that activate some dimension of max(z, 0): c′ is also high where every "
    "dimension stands for one and the same class",
    "active": "dimensions that any test window activates",
    "coverage": "share of test windows that activate any dimension",
    "linear_probe": "↑ balanced accuracy of logistic regression on the trunk's features "
    "(before the head), fitted on training subjects",
    "cosine_transformed": "↑ mean cosine of z and z of the window under the data set's "
    f"transform (rotation, phase_shift, image_crop), {DRAWS} draws per window",
    "cosine_random": "↓ mean cosine of z between windows of different subjects and classes; at "
    "least 0 where z is non-negative",
    "semantic_consistency_raw": "↑ c as the paper prints it: classes weighted as they come, "
    "not corrected for chance",
    "semantic_consistency@positive": "c′ of max(z, 0): the fair comparison for signed rows",
    "semantic_consistency@shuffled": "c′ of max(z, 0) with the labels shuffled: the level of "
    "dimensions that few windows activate",
    "semantic_consistency@supported": "c′ of max(z, 0) over dimensions that at least "
    f"{100 * SUPPORT:g} % of the windows activate",
    "active@supported": "how many these are",
    **{
        f"{name}{suffix}": f"{name} with ε = {epsilon:g}"
        for name in ("semantic_consistency", "active", "coverage", "sparsity")
        for suffix, epsilon in EPSILONS.items()
        if suffix
    },
    "sparsity": "share of entries of z that are not active",
    "semantic_entropy": "↓ entropy of the classes that activate a dimension, mean, in nats",
    "effective_rank": "exp of the entropy of z's normalised singular values",
    "separation": "↑ AUROC of cosine: transformed windows against different subjects",
    "linear_probe@contrasted": "the same probe on z",
    "knn": f"↑ balanced accuracy of the {NEIGHBOURS} nearest training windows by cosine "
    "of centred features",
    "sign_flips": "share of training steps in which the sign of the gradient on a common "
    "dimension changes (the tenth that most samples activate), mean over the last half",
    "common_open": "share of training samples that activate a common dimension, over the last half",
}


def measure_dimensions(z: Array, test: Windows, scores: Scores) -> None:
    """Semantic consistency of z and of its positive part, and what the figures draw of them.

    Metrics of dimensions are missing where none is active or z has collapsed.
    """
    scores.sound(CONTRASTED, z)
    found = {
        end: semantic_consistency(z, test.label, epsilon=epsilon)
        for end, epsilon in EPSILONS.items()
    }
    for end, each in found.items():
        subjects = _by_subject(each.opened, test)
        scores.add(f"{CONSISTENCY}{end}", each.rescaled, subjects)
        for name in ("active", "coverage", "sparsity"):
            scores.add(f"{name}{end}", float(getattr(each, name)))
    scores.add(f"{CONSISTENCY}_raw", found[""].raw)
    scores.add("semantic_entropy", found[""].entropy)
    scores.add("effective_rank", found[""].effective_rank)
    _measure_positive(np.maximum(z, 0), test, scores)


def _measure_positive(z: Array, test: Windows, scores: Scores) -> None:
    """What gated, ReLU and signed rows can be compared by."""
    found, opened = semantic_consistency(z, test.label), z > 0
    known = not np.isnan(found.rescaled)
    scores.add(f"{CONSISTENCY}@positive", found.rescaled)
    subjects = {
        name: (above(value, found.chance), count)
        for name, (value, count) in _by_subject(opened, test).items()
    }
    scores.add(ABOVE_SHUFFLED, found.corrected, subjects)
    majorities = found.shares[opened.any(axis=0) & (found.shares.max(axis=1) >= 0.5)]
    told = len(np.unique(majorities.argmax(axis=1)))
    scores.add("classes_told", told if known else np.nan)
    common = opened.mean(axis=0) >= SUPPORT
    if common.any() and known:
        share, chance = found.shares[common].max(axis=1).mean(), 1 / len(found.classes)
        scores.add(f"{CONSISTENCY}@supported", (share - chance) / (1 - chance))
    scores.add("active@supported", float(common.sum()))
    shuffled = np.random.default_rng(0).permutation(test.label)
    scores.add(f"{CONSISTENCY}@shuffled", semantic_consistency(z, shuffled).rescaled)
    if scores.wanted("shares"):
        scores.artifacts["classes"] = np.unique(test.label).tolist()
        scores.artifacts["shares"] = np.round(found.shares[opened.any(axis=0)], 3).tolist()
    if scores.wanted("excited"):
        scores.artifacts["excited"] = _excited(z, test)


def _by_subject(opened: NDArray[np.bool_], test: Windows) -> dict[str, tuple[float, int]]:
    """Each subject's part in the consistency of dimensions that are `opened` (n, d)."""
    entries = opened.astype(np.float64)
    classes, code = np.unique(test.label, return_inverse=True)

    def rescaled(kept: NDArray[np.bool_]) -> float:
        return rescaled_consistency(entries[kept], code[kept], len(classes))

    return jackknife_per_subject(rescaled, test.subject, len(test))


def above(consistency: float, level: float) -> float:
    """c′ above the c′ that shuffled labels give: 0 where they are equal, 1 at 1."""
    return (consistency - level) / (1 - level) if level < 1 else float("nan")


def _excited(z: Array, test: Windows) -> list[dict[str, Any]]:
    """The most consistent dimensions, and the maximally activating windows of each."""
    return [
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


def _thumbnail(x: Tensor) -> NDArray[np.float64]:
    """A window small enough to be kept: an image, or at most 64 samples of a signal."""
    if x.ndim == 3:
        return x[0].double().numpy()
    step = -(-x.shape[-1] // 64)
    return nn.functional.avg_pool1d(x, step).double().numpy()


def settled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Add c′ above shuffled labels to cells without it; take c′ away where nothing is active.

    Subjects have it where z is non-negative, so that z is what c′ of subjects was computed of.
    """
    old, c = row["metrics"], CONSISTENCY
    empty = {f"{c}{suffix}" for suffix in EPSILONS if old.get(f"active{suffix}") == 0}
    level, positive = (old.get(f"{c}@{name}") for name in ("shuffled", "positive"))

    def mended(own: Mapping[str, float], value: float | None) -> dict[str, float]:
        kept = {name: figure for name, figure in own.items() if name not in empty}
        if ABOVE_SHUFFLED in old or level is None or value is None:
            return kept
        return kept | {ABOVE_SHUFFLED: above(value, level)}

    unsigned = positive is not None and abs(old[c] - positive) < 1e-12
    subjects = dict(row["subjects"])
    for name, each in subjects.items():
        value = each["metrics"].get(c) if unsigned else None
        subjects[name] = {**each, "metrics": mended(each["metrics"], value)}
    return {**row, "metrics": mended(old, positive), "subjects": subjects}
