"""What every table needs: the untrained encoder, plain training, and plain augmentation."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method

# Chosen by trials on validation subjects, where it is not the task's own.
LEARNING_RATE = {"ecg": 2e-3}


def nothing(task: Any) -> Change:
    """Plain training: fixed windows, the task's loss."""
    del task
    return {}


def worn(task: Any) -> Change:
    """Plain training on windows that begin anywhere and are tilted a little, as watches are."""
    return {"augment": task.as_worn}


def augmentation(task: Any) -> Change:
    """A new draw of the nuisance for every window and epoch."""
    change: Change = {"objective": {"name": "augmentation"}}
    if task.kind in LEARNING_RATE:
        change["training"] = {"learning_rate": LEARNING_RATE[task.kind]}
    return change


METHODS = {
    "random": Method(nothing, trained=False, frozen=True),
    "plain": Method(nothing),
    "plain+augment": Method(worn),
    "augmentation": Method(augmentation),
}
