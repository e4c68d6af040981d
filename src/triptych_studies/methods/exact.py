"""Invariance by construction: a front-end that gives the same for every view, then plain training.

``canonical`` and ``aligned`` are what is done in practice: turn gravity to one axis, and move the
detected R peak to the centre of the window.
"""

from __future__ import annotations

from typing import Any

from triptych import InputError
from triptych_studies.methods import Change, Method

FRONT_END = {"ecg": "canonical_phase", "imu": "rotation_invariants"}
# Chosen by trials on validation subjects.
WEIGHTS = {"ecg": {"kl": 1e-4}}


def behind(front_end: Any, task: Any) -> Change:
    """Plain training behind a front-end."""
    change: Change = {"encoder": {"front_end": front_end}}
    return change | ({"weights": WEIGHTS[task.kind]} if task.kind in WEIGHTS else {})


def exact_of(task: Any) -> Any:
    """The exact front-end that a task of the benchmark names; InputError if it has none."""
    if task.exact is None:
        raise InputError(f"{task.title} has no exact row: {task.no_exact}")
    return task.exact


def exact(task: Any) -> Change:
    """Behind the front-end that is invariant to the task's nuisance."""
    return behind(FRONT_END.get(task.kind) or exact_of(task), task)


def exact_anywhere(task: Any) -> Change:
    """The same on windows that begin anywhere; it cannot see how they are tilted."""
    return exact(task) | {"augment": [task.any_start]}


def blurred(task: Any) -> Change:
    """Plain training of an encoder that blurs before it drops samples (Zhang 2019)."""
    del task
    return {"encoder": {"name": "conv_blur"}}


METHODS = {
    "exact": Method(exact),
    "guided": Method(lambda task: behind("guided_phase", task)),
    "cross-spectrum": Method(lambda task: behind("cross_spectrum", task)),
    "blur": Method(blurred),
    "exact+augment": Method(exact_anywhere),
    "canonical": Method(lambda task: behind("gravity_aligned", task)),
    "aligned": Method(lambda task: behind("aligned_peak", task)),
}
