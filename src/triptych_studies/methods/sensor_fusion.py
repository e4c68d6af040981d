"""What is done in practice with a gyroscope: turn every sample upright, then train."""

from __future__ import annotations

from typing import Any

from triptych import InputError
from triptych_studies.methods import Change, Method
from triptych_studies.methods.exact import behind


def fused(task: Any) -> Change:
    """Behind sensor fusion: every sample in a frame whose z points up."""
    if not task.channels or len(task.channels) % 3:
        raise InputError(f"method vqf turns tri-axial sensors; {task.title} has {task.channels}")
    gyroscope = any("gyr" in name.lower() for name in task.channels[3:6])
    return behind({"name": "vqf", "gyroscope": gyroscope}, task)


METHODS = {"vqf": Method(fused)}
