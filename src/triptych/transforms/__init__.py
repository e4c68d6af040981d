"""Transforms: parametric families T_θ on signals, with θ in physical units.

`transform("phase_shift", rate=400.0)` makes one by name, as recipes and the command line do;
`to_dict` and `from_dict` save and restore one as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from triptych.errors import InputError
from triptych.registry import Registry
from triptych.transforms.amplitude import BaselineWander, Gain, NoiseSNR
from triptych.transforms.base import Group, Transform, context_of, target_of, to_dict
from triptych.transforms.chain import Chain
from triptych.transforms.channel_shift import ChannelShift
from triptych.transforms.channels import ChannelDropout, LeadSwap
from triptych.transforms.checks import told_apart
from triptych.transforms.gaps import Gaps
from triptych.transforms.mirror import AxisMirror
from triptych.transforms.orientation import Rotation
from triptych.transforms.phase_shift import PhaseShift
from triptych.transforms.time_scale import TimeScale

__all__ = [
    "AxisMirror",
    "BaselineWander",
    "Chain",
    "ChannelDropout",
    "ChannelShift",
    "Gain",
    "Gaps",
    "Group",
    "LeadSwap",
    "NoiseSNR",
    "PhaseShift",
    "Rotation",
    "TimeScale",
    "Transform",
    "at_rate",
    "context_of",
    "from_dict",
    "in_windows",
    "names",
    "register",
    "target_of",
    "to_dict",
    "told_apart",
    "transform",
]

_TRANSFORMS = Registry[Callable[..., Transform]](
    "transform",
    {
        "phase_shift": PhaseShift,
        "time_scale": TimeScale,
        "gain": Gain,
        "noise_snr": NoiseSNR,
        "baseline_wander": BaselineWander,
        "channel_dropout": ChannelDropout,
        "channel_shift": ChannelShift,
        "lead_swap": LeadSwap,
        "rotation": Rotation,
        "axis_mirror": AxisMirror,
        "gaps": Gaps,
    },
)


def names() -> tuple[str, ...]:
    """Return the names that `transform` knows."""
    return tuple(_TRANSFORMS)


def register(name: str, maker: Callable[..., Transform]) -> None:
    """Add a transform under a name of its own, so that recipes and the command line find it.

    Raises
    ------
    InputError
        If another transform has that name.
    """
    _TRANSFORMS.register(name, maker)


def transform(name: str, **settings: Any) -> Transform:
    """Make a transform by its name.

    Parameters
    ----------
    name
        One of `names()`.
    **settings
        Its settings; lists (from YAML or JSON) stand for tuples.

    Raises
    ------
    InputError
        If there is no such transform, or it has no such setting.
    """
    return _TRANSFORMS.make(name, settings)


def at_rate(name: str, rate: float | None, settings: Mapping[str, Any]) -> Transform:
    """Make a transform as `transform` does, at a rate in Hz if it has one that is not set."""
    if rate is not None and "rate" in _TRANSFORMS.parameters(name):
        settings = {"rate": rate, **settings}
    return transform(name, **settings)


def in_windows(name: str, rate: float, length: int, settings: Mapping[str, Any]) -> Transform:
    """Make a transform as `at_rate` does, for windows of `length` samples without neighbours.

    What is not set is chosen so that it needs none, and by the length of the window.
    """
    within: Any = getattr(_TRANSFORMS.get(name), "within", None)
    return at_rate(name, rate, {**(within(length / rate) if within else {}), **settings})


def from_dict(data: Mapping[str, Any]) -> Transform:
    """Make the transform that `to_dict` wrote.

    Raises
    ------
    InputError
        If the data lack a name, or `transform` refuses them.
    """
    settings = dict(data)
    name = settings.pop("name", None)
    if not isinstance(name, str):
        raise InputError(f"a transform needs a 'name', one of {', '.join(names())}; got {settings}")
    if name == Chain.name:
        return Chain(*(from_dict(part) for part in settings.get("parts", ())))
    return transform(name, **settings)
