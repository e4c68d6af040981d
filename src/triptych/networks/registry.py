"""Networks by name, as recipes and saved models write them."""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from triptych.networks.autoencoder import ConvDecoder
from triptych.networks.blur import BlurEncoder
from triptych.networks.capsules import Capsules
from triptych.networks.cross_spectrum import CrossSpectrum
from triptych.networks.dct import DCTEncoder
from triptych.networks.dilated import DilatedEncoder
from triptych.networks.encoder import ConvEncoder, FrontEnd, Standardize
from triptych.networks.envelope import EnvelopeSpectrum
from triptych.networks.features import Components
from triptych.networks.gravity_aligned import GravityAligned
from triptych.networks.guaranteed import GuaranteedEncoder
from triptych.networks.guided_phase import GuidedPhase
from triptych.networks.handcrafted import ChannelStatistics, HandCrafted
from triptych.networks.invariant import AlignedPeak, CanonicalPhase, PowerSpectrum
from triptych.networks.log_frequency import LogFrequency
from triptych.networks.motion_removed import MotionRemoved
from triptych.networks.orientation_fused import OrientationFusion
from triptych.networks.resnet import ResNetEncoder
from triptych.networks.rhythm import RhythmFeatures
from triptych.networks.ring_aligned import RingAligned
from triptych.networks.rotation_invariant import RotationInvariants, Scaled
from triptych.networks.second_order import InvariantsBeside, SecondOrder
from triptych.networks.sparse import TopKSAE
from triptych.networks.tempo import TempoEncoder
from triptych.registry import Registry

ENCODERS = Registry[type[nn.Module]](
    "encoder",
    {
        "conv": ConvEncoder,
        "resnet": ResNetEncoder,
        "conv_blur": BlurEncoder,
        "conv_dct": DCTEncoder,
        "dilated": DilatedEncoder,
        "components": Components,
        "rr": RhythmFeatures,
        "har": HandCrafted,
        "statistics": ChannelStatistics,
        "guaranteed": GuaranteedEncoder,
        "tempo": TempoEncoder,
    },
)
FRONT_ENDS = Registry[type[FrontEnd]](
    "front-end",
    {
        "standardize": Standardize,
        "canonical_phase": CanonicalPhase,
        "guided_phase": GuidedPhase,
        "power_spectrum": PowerSpectrum,
        "cross_spectrum": CrossSpectrum,
        "envelope_spectrum": EnvelopeSpectrum,
        "aligned_peak": AlignedPeak,
        "scaled": Scaled,
        "rotation_invariants": RotationInvariants,
        "gravity_aligned": GravityAligned,
        "ring_aligned": RingAligned,
        "vqf": OrientationFusion,
        "motion_removed": MotionRemoved,
        "log_frequency": LogFrequency,
        "second_order": SecondOrder,
        "invariants_beside": InvariantsBeside,
    },
)
DECODERS = Registry[type[nn.Module]]("decoder", {"conv_decoder": ConvDecoder})
# of latents to others
MAPPINGS = Registry[type[nn.Module]]("mapping", {"topk_sae": TopKSAE, "capsules": Capsules})
ALL = Registry[type[nn.Module]]("network", ENCODERS, cast(Any, FRONT_ENDS), DECODERS, MAPPINGS)


def register(name: str, kind: type[nn.Module]) -> None:
    """Add an encoder class under a name of its own, so that recipes and saved models find it.

    Its first two parameters are the channels and the length of a window. One of images, ``(n,
    channels, size, size)``, says so: ``of_images = True`` in the class, the size in place of the
    length.

    Raises
    ------
    InputError
        If another network has that name.
    """
    ALL.register(name, kind)


def takes_images(name: str) -> bool:
    """Whether the encoder of that name declares that it takes images; none of ours does."""
    return bool(getattr(ENCODERS.get(name), "of_images", False))


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
    return ENCODERS.make(name, settings)


def front_end(name: str, **settings: Any) -> FrontEnd:
    """Make a front-end, one of `FRONT_ENDS`, like `encoder`; its `shape` is the next one's."""
    return FRONT_ENDS.make(name, settings)


def name_of(network: nn.Module) -> str | None:
    """Name of one of our networks; None for any other class, subclasses of ours included."""
    return next((name for name, kind in ALL.items() if type(network) is kind), None)
