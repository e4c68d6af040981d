"""Structured contrastive learning (arXiv 2511.14920): invariant, variant and free blocks.

The rows ``scl-repel``, ``scl-predict`` and ``scl-equivariant`` differ in the mechanism of the
variant block; ``scl`` is the best that development on training subjects found
(docs/lab-notes.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triptych_studies.methods import Change, Method
from triptych_studies.methods.contrastive import LABEL_FREE, VARIED_TEMPERATURE
from triptych_studies.recipes import merged

# Chosen by trials on validation subjects: weight of variation beside alignment.
VARIATION = {"repel": 8.0, "predict": 2.0, "equivariant": 2.0}
TURNING = (64, 12, 52)  # blocks of a benchmark's rows: the second one holds four directions
SHARE, STEP = 0.7, 8  # of the widths of one trunk; widths are multiples of the second
TEACHER = 8.0  # weight of the exact row's predictions; the labels have 1


def structured(mechanism: str, task: Any) -> Change:
    """SCL on three blocks with one mechanism of variation."""
    if task.kind == "ecg":  # pairs further apart are ambiguous: the next beat comes in
        weights = {"alignment": 1.0, "variation": VARIATION[mechanism], "centring": 0.0}
        objective: Change = {"temperature": 0.1, "limits": task.limits}
        objective |= {"variation": mechanism, "weights": weights}
        return {
            "latent": task.blocks("variant"),
            "objective": objective | {"name": "scl"},
            "weights": {"structure": 0.01},
        }
    if task.kind == "benchmark":
        return label_free(mechanism, task)
    # The full head and the variant block share the trunk with the invariant head, and take its
    # accuracy at equal weights; the row `exact` is distilled into it.
    equivariant = mechanism == "equivariant"
    weights = {"invariance": 0.0, "alignment": 1.5, "variation": 0.5}
    objective = {"name": "scl", "reference": "original", "weights": weights}
    return {
        "latent": task.blocks("equivariant" if equivariant else "variant"),
        "objective": objective | ({} if equivariant else {"variation": mechanism}),
        "weights": {"full_head": 0.5, "original": 0.3, "consistency": 16.0, "teacher": TEACHER},
    }


def label_free(mechanism: str, task: Any, chosen: Sequence[Change] = ()) -> Change:
    """NT-Xent in the invariant block, nothing else; two views per window, those of `simclr`.

    `chosen`: what they differ in, if that is something else. Settings where views differ in much
    were chosen on validation subjects of watch-18.
    """
    objective: Change = {"name": "scl-joint", "temperature": 0.2, "weights": {"variation": 0.5}}
    if task.varied:
        objective |= {"temperature": VARIED_TEMPERATURE, "projection": 64}
        objective |= {"weights": {"alignment": 0.0, "variation": 0.3}}
    views: list[Change] = [*chosen] or task.contrasted
    if task.tempo:
        views.insert(1, dict(task.tempo))  # behind the crop
    if mechanism == "equivariant":
        blocks = task.blocks("equivariant", TURNING, views)
    else:
        blocks = task.blocks("variant", views=views)
        objective |= {"variation": mechanism}
    change: Change = {"transforms": views, "latent": blocks, "objective": objective}
    return LABEL_FREE | change | {"encoder": apart(task)}


def mechanism_of(task: Any) -> str:
    """A block of a benchmark's task turns with a rotation that is alone, and predicts all else."""
    turning = task.main == "rotation" and len(task.nuisance) == 1
    return "equivariant" if turning else "predict"


def apart(task: Any) -> Change:
    """A trunk for the invariant block and one for the variant block, of about as many weights.

    On one trunk the invariant block's contrast wins: no block knew the transform, or all did.
    """
    widths = [max(1, round(SHARE * width / STEP)) * STEP for width in task.encoder["widths"]]
    return {"two": True, "widths": widths}


def scl(task: Any) -> Change:
    """The settings that development found best."""
    if task.kind == "dimensions":
        objective: Change = {"name": "scl", "variation": "predict", "temperature": 0.2}
        return {"latent": task.blocks("variant"), "objective": objective}
    if task.kind == "benchmark":
        return label_free(mechanism_of(task), task)
    if task.kind == "ecg":
        weights = {"alignment": 4.0, "variation": 8.0, "centring": 1.0}
        objective = {"sharpness": 0.02, "temperature": 0.07, "weights": weights}
        return merged(structured("predict", task), {"objective": objective})
    independence = {"independence": "canonical_correlation", "one_sided": True}
    objective = independence | {"weights": {"independence": 3.0}}
    return merged(structured("equivariant", task), {"objective": objective})


METHODS = {
    **{
        f"scl-{name}": Method(
            lambda task, name=name: structured(name, task), teachers={"teacher": "exact"}
        )
        for name in VARIATION
    },
    "scl": Method(scl, teachers={"teacher": "exact"}),
}
