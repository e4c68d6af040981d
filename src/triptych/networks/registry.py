"""Networks by name, as recipes and saved models write them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from triptych.errors import InputError
from triptych.networks.autoencoder import ConvDecoder
from triptych.networks.blur import BlurEncoder
from triptych.networks.cross_spectrum import CrossSpectrum
from triptych.networks.dilated import DilatedEncoder
from triptych.networks.encoder import ConvEncoder, FrontEnd, GuaranteedEncoder, Standardize
from triptych.networks.features import Components
from triptych.networks.gravity_aligned import GravityAligned
from triptych.networks.guided_phase import GuidedPhase
from triptych.networks.handcrafted import HandCrafted
from triptych.networks.invariant import AlignedPeak, CanonicalPhase, PowerSpectrum
from triptych.networks.resnet import ResNetEncoder
from triptych.networks.rhythm import RhythmFeatures
from triptych.networks.rotation_invariant import RotationInvariants, Scaled
from triptych.networks.second_order import InvariantsBeside, SecondOrder

ENCODERS: dict[str, type[nn.Module]] = {
    "conv": ConvEncoder,
    "resnet": ResNetEncoder,
    "conv_blur": BlurEncoder,
    "dilated": DilatedEncoder,
    "components": Components,
    "rr": RhythmFeatures,
    "har": HandCrafted,
    "guaranteed": GuaranteedEncoder,
}
FRONT_ENDS: Mapping[str, type[FrontEnd]] = {
    "standardize": Standardize,
    "canonical_phase": CanonicalPhase,
    "guided_phase": GuidedPhase,
    "power_spectrum": PowerSpectrum,
    "cross_spectrum": CrossSpectrum,
    "aligned_peak": AlignedPeak,
    "scaled": Scaled,
    "rotation_invariants": RotationInvariants,
    "gravity_aligned": GravityAligned,
    "second_order": SecondOrder,
    "invariants_beside": InvariantsBeside,
}
DECODERS: Mapping[str, type[nn.Module]] = {"conv_decoder": ConvDecoder}
ALL: dict[str, type[nn.Module]] = {**ENCODERS, **FRONT_ENDS, **DECODERS}


def register(name: str, kind: type[nn.Module]) -> None:
    """Add an encoder class under a name of its own, so that recipes and saved models find it.

    Its first two parameters are the channels and the length of a window (of images, the size).

    Raises
    ------
    InputError
        If another network has that name.
    """
    if ALL.get(name, kind) is not kind:
        raise InputError(f"there is a network {name!r} already; give {kind.__name__} another name")
    ENCODERS[name] = ALL[name] = kind


def encoder(name: str, **settings: Any) -> nn.Module:
    """Make an encoder: signals ``(n, channels, time)`` → features or latents.

    Parameters
    ----------
    name
        One of `ENCODERS`.
    **settings
        Its settings; lists (from YAML or JSON) stand for tuples.

    Raises
    ------
    InputError
        If there is no such encoder, or it has no such setting or cannot be built with it.
    """
    return make(name, settings, ENCODERS, "encoder")


def front_end(name: str, **settings: Any) -> FrontEnd:
    """Make a front-end, one of `FRONT_ENDS`, like `encoder`; its `shape` is the next one's."""
    return cast(FrontEnd, make(name, settings, FRONT_ENDS, "front-end"))


def make(
    name: object,
    settings: Mapping[str, Any],
    table: Mapping[str, type[nn.Module]] = ALL,
    kind: str = "network",
) -> nn.Module:
    """Make a network of `table` by its name (raises InputError like `encoder`)."""
    if not isinstance(name, str) or name not in table:
        raise InputError(f"there is no {kind} {name!r}; choose one of {', '.join(table)}")
    parameters = inspect.signature(table[name]).parameters
    known = list(parameters)
    unknown = [setting for setting in settings if setting not in known]
    if unknown:
        raise InputError(
            f"{kind} {name!r} has no setting {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(known) or 'none'}"
        )
    missing = [
        setting
        for setting, parameter in parameters.items()
        if parameter.default is parameter.empty and setting not in settings
    ]
    if missing:
        raise InputError(
            f"{kind} {name!r} needs a value for {', '.join(missing)}; got "
            f"{dict(settings) or 'no setting'}"
        )
    lists = {key: cast(list[Any], value) for key, value in settings.items() if _is_list(value)}
    given = {**settings, **{key: tuple(value) for key, value in lists.items()}}
    try:
        return table[name](**given)
    except InputError:
        raise
    except Exception as error:  # what torch makes of impossible sizes has many types
        raise InputError(
            f"{kind} {name!r} cannot be built with {dict(settings)}: {error}"
        ) from error


def name_of(network: nn.Module) -> str | None:
    """Name of one of our networks; None for any other class, subclasses of ours included."""
    return next((name for name, kind in ALL.items() if type(network) is kind), None)


def _is_list(value: object) -> bool:
    return isinstance(value, list)
