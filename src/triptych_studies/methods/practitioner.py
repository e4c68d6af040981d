"""What a practitioner computes instead of training: a row beside every model.

Nothing is trained; scale and components are the training windows'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triptych import InputError
from triptych_studies.methods import Change, Method

COMPONENTS = 32
NUMBERS = {"rr": 10, "har": 51}  # of a window, and of a sensor


def features(size: int, task: Any, **encoder: Any) -> Change:
    """Fixed features as the latents, in place of the task's encoder."""
    unset = dict.fromkeys(task.recipe(seed=0)["encoder"])
    return {"latent": [{"name": "features", "size": size}], "encoder": unset | encoder}


def rr(task: Any) -> Change:
    """Intervals between beats: of an ECG, or of the pulses of a PPG."""
    kind = next((each for each in ("ppg", "ecg") if each in f"{task.kind} {task.title}"), None)
    if kind is None:
        raise InputError(f"method rr reads beats, and the signals of {task.title} have none")
    return features(NUMBERS["rr"], task, name="rr", kind=kind)


def spectrum(task: Any) -> Change:
    """Principal components of the log spectrum."""
    front_end = {"front_end": "power_spectrum"}
    return features(COMPONENTS, task, name="components", outputs=COMPONENTS, **front_end)


def har(task: Any) -> Change:
    """The usual features of activity recognition; levels matter, so nothing is standardised."""
    size = NUMBERS["har"] * (len(task.channels) // 3)
    if not size or len(task.channels) % 3:
        raise InputError(f"method har reads tri-axial sensors; {task.title} has {task.channels}")
    return features(size, task, name="har", front_end="scaled")


ROWS: dict[str, Callable[[Any], Change]] = {"rr": rr, "spectrum": spectrum, "har": har}
METHODS = {name: Method(change, trained=False, frozen=True) for name, change in ROWS.items()}
