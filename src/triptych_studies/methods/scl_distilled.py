"""SCL for rotations with more help: augmented windows, distilled heads, an exact front-end."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method
from triptych_studies.methods.exact import exact_of
from triptych_studies.methods.scl import label_free, mechanism_of, scl
from triptych_studies.recipes import merged
from triptych_studies.tasks.benchmark import STATISTICS


def scl_augment(task: Any) -> Change:
    """Both heads are distilled, three times the epochs.

    NT-Xent removes the orientation from directions of small variance in the activity block
    (docs/lab-notes.md, fifth round); distilling pays with patience (sixth round).
    """
    more: Change = {
        "objective": {"temperature": 0.1, "weights": {"invariance": 0.3, "independence": 8.0}},
        "weights": {"full_head": 1.0, "full_teacher": 8.0},
        "augment": task.as_worn,
        "training": task.pace(3),
    }
    return merged(scl(task), more)


def exact_scl(task: Any) -> Change:
    """Blocks on an encoder that is invariant by construction where the schema says so."""
    if task.kind == "benchmark":
        return _exact_scl_label_free(task)
    activity, orientation, style = task.blocks("equivariant")
    activity |= {"invariant_to": ["rotation", "phase_shift"]}
    orientation |= {"invariant_to": ["phase_shift"]}
    return {
        "objective": {
            "name": "scl",
            "reference": "original",
            "weights": {"invariance": 0.3, "alignment": 0.5, "variation": 0.5},
            "supervised": True,
        },
        "weights": {"full_head": 0.5, "consistency": 4.0, "teacher": 3.0},
        "latent": [activity, orientation, style],
        "encoder": {
            "name": "guaranteed",
            "front_end": "invariants_beside",
            "raw": 18 * len(task.channels),  # second-order channels
        },
        "transforms": [task.any_start, {"name": "rotation"}],
        "augment": task.as_worn,
    }


def _exact_scl_label_free(task: Any) -> Change:
    """SCL behind the task's exact front-end, or with the invariant block alone behind it.

    A front-end that forgets the nuisance leaves nothing for a variant block, so there is none. One
    that keeps the tempo alone leaves nothing else for an invariant block.
    """
    front_end = exact_of(task)
    named = {"name": front_end} if isinstance(front_end, str) else dict(front_end)
    if named["name"] == "rotation_invariants":
        return _guaranteed(task, named)
    change = scl(task)
    steady, moved, rest = change["latent"]
    if task.tempo:
        rest |= {"size": rest["size"] + steady["size"]}
        encoder = dict.fromkeys(task.encoder) | {"name": "tempo", "front_end": front_end}
        return change | {"latent": [moved, rest], "encoder": encoder}
    rest |= {"size": rest["size"] + moved["size"]}
    return change | {"latent": [steady, rest], "encoder": {"front_end": front_end}}


def _guaranteed(task: Any, invariants: Change) -> Change:
    """Exact channels, their statistics beside the convolution, for the invariant block alone.

    Chosen on validation subjects of watch-18: where views are neighbours in time, noise, gain and
    time scale cost more than they bring.
    """
    views = [*task.near, *map(dict, task.nuisance)] if task.near else task.contrasted
    beside = invariants | {"name": "invariants_beside"}
    more: Change = {
        "encoder": {
            "name": "guaranteed",
            "front_end": beside if len(beside) > 1 else "invariants_beside",
            "statistics": STATISTICS,
        }
    }
    change = label_free(mechanism_of(task), task, views)
    del change["encoder"]  # a guaranteed encoder has two trunks of its own
    if task.varied:  # here variation costs the invariant block nothing
        more["objective"] = {"weights": {"variation": 2.0}}
    return merged(change, more)


METHODS = {
    "scl+augment": Method(
        scl_augment, teachers={"teacher": "exact+augment", "full_teacher": "plain+augment"}
    ),
    "exact+scl": Method(exact_scl, teachers={"teacher": "exact+augment"}),
}
