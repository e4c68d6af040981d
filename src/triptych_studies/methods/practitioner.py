"""What a practitioner computes instead of training: a row beside every model.

Nothing is trained; scale and components are the training windows'.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from triptych import InputError
from triptych.networks import ChannelStatistics, EnvelopeSpectrum, RotationInvariants
from triptych_studies.methods import Change, Method
from triptych_studies.methods.exact import exact_of

COMPONENTS = 32
RR, HAR = 10, 51  # numbers of a window, and of a sensor
ORDERS = 6  # of the pairs that say where a peak is
LEAD = re.compile(r"M?L?(I|II|III|V[1-6]?|aV[RLF])", re.IGNORECASE)  # an ECG's, as MLII, aVF, V1


def features(size: int, task: Any, **encoder: Any) -> Change:
    """Fixed features as the latents, in place of the task's encoder."""
    unset = dict.fromkeys(task.recipe(seed=0)["encoder"])
    return {"latent": [{"name": "features", "size": size}], "encoder": unset | encoder}


def beats_of(title: str, channels: Sequence[str]) -> str:
    """What beats in signals of this title and these channels: ``"ppg"``, ``"ecg"`` or nothing."""
    words = " ".join((title, *channels)).lower()
    leads = any(LEAD.fullmatch(each) for each in channels)
    return next((each for each in ("ppg", "ecg") if each in words), "ecg" if leads else "")


def rr(task: Any) -> Change:
    """Intervals between beats: of an ECG, or of the pulses of a PPG."""
    kind = beats_of(f"{task.kind} {task.title}", task.channels)
    if not kind:
        raise InputError(f"method rr reads beats, and the signals of {task.title} have none")
    return features(RR, task, name="rr", kind=kind)


def spectrum(task: Any) -> Change:
    """Principal components of the log spectrum."""
    front_end = {"front_end": "power_spectrum"}
    return features(COMPONENTS, task, name="components", outputs=COMPONENTS, **front_end)


def envelope(task: Any) -> Change:
    """Principal components of the spectrum of an ECG's envelope: how regular its beats are."""
    if beats_of(f"{task.kind} {task.title}", task.channels) != "ecg":
        raise InputError(f"method envelope reads the beats of ECGs, not {task.title}")
    data = task.recipe(seed=0)["data"]
    length = round(data["rate"] * data["length_s"])
    lines = math.prod(EnvelopeSpectrum(data["rate"]).shape(len(task.channels), length))
    size, front_end = min(COMPONENTS, lines), {"front_end": "envelope_spectrum"}
    return features(size, task, name="components", outputs=size, **front_end)


def har(task: Any) -> Change:
    """The usual features of activity recognition; levels matter, so nothing is standardised."""
    size = HAR * (len(task.channels) // 3)
    if not size or len(task.channels) % 3:
        raise InputError(f"method har reads tri-axial sensors; {task.title} has {task.channels}")
    return features(size, task, name="har", front_end="scaled")


def exact_har(task: Any) -> Change:
    """The same of channels that no rotation changes, for tri-axial sensors that are worn turned."""
    front_end = exact_of(task)
    name = front_end if isinstance(front_end, str) else front_end["name"]
    if name != "rotation_invariants":
        raise InputError(f"method exact-har reads tri-axial sensors that turn, not {task.title}")
    shape = RotationInvariants().shape(len(task.channels), 8)
    size = ChannelStatistics(*shape).features
    return features(size, task, name="statistics", front_end=front_end)


def peak(task: Any) -> Change:
    """The strongest frequency of the exact front-end's spectra."""
    if task.kind != "benchmark" or not task.tempo:
        raise InputError(f"method peak reads a tempo, and {task.title} has none")
    return features(2 * ORDERS, task, name="tempo", orders=ORDERS, front_end=task.exact)


ROWS: dict[str, Callable[[Any], Change]] = {
    "rr": rr,
    "spectrum": spectrum,
    "envelope": envelope,
    "har": har,
    "exact-har": exact_har,
    "peak": peak,
}
METHODS = {name: Method(change, trained=False, frozen=True) for name, change in ROWS.items()}
