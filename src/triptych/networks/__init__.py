"""Encoders, exact front-ends and the autoencoder: ordinary PyTorch modules.

`encoder("conv", channels=1, length=400)` and `front_end("power_spectrum", rate=400.0)` make one by
name; `.settings` of each of them are the plain data that rebuild it.
"""

from triptych.networks.autoencoder import ConvDecoder, Reconstruction, SignalVAE, kl_divergence
from triptych.networks.blur import BlurEncoder
from triptych.networks.capsules import Capsules
from triptych.networks.cross_spectrum import CrossSpectrum
from triptych.networks.dct import DCTEncoder
from triptych.networks.dilated import DilatedEncoder
from triptych.networks.encoder import ConvEncoder, FrontEnd, Standardize, WhatAndWhere
from triptych.networks.envelope import EnvelopeSpectrum
from triptych.networks.features import Components, FixedFeatures
from triptych.networks.gravity_aligned import GravityAligned
from triptych.networks.guided_phase import GuidedPhase
from triptych.networks.handcrafted import ChannelStatistics, HandCrafted
from triptych.networks.invariant import AlignedPeak, CanonicalPhase, PowerSpectrum
from triptych.networks.log_frequency import LogFrequency
from triptych.networks.motion_removed import MotionRemoved
from triptych.networks.orientation_fused import OrientationFusion
from triptych.networks.registry import ENCODERS, FRONT_ENDS, encoder, front_end, register
from triptych.networks.resnet import ResNetEncoder
from triptych.networks.resolved import time_resolved
from triptych.networks.rhythm import RhythmFeatures
from triptych.networks.ring_aligned import RingAligned
from triptych.networks.rotation_invariant import RotationInvariants, Scaled
from triptych.networks.second_order import InvariantsBeside
from triptych.networks.sparse import TopKSAE
from triptych.networks.tempo import TempoEncoder

__all__ = [
    "ENCODERS",
    "FRONT_ENDS",
    "AlignedPeak",
    "BlurEncoder",
    "CanonicalPhase",
    "Capsules",
    "ChannelStatistics",
    "Components",
    "ConvDecoder",
    "ConvEncoder",
    "CrossSpectrum",
    "DCTEncoder",
    "DilatedEncoder",
    "EnvelopeSpectrum",
    "FixedFeatures",
    "FrontEnd",
    "GravityAligned",
    "GuidedPhase",
    "HandCrafted",
    "InvariantsBeside",
    "LogFrequency",
    "MotionRemoved",
    "OrientationFusion",
    "PowerSpectrum",
    "Reconstruction",
    "ResNetEncoder",
    "RhythmFeatures",
    "RingAligned",
    "RotationInvariants",
    "Scaled",
    "SignalVAE",
    "Standardize",
    "TempoEncoder",
    "TopKSAE",
    "WhatAndWhere",
    "encoder",
    "front_end",
    "kl_divergence",
    "register",
    "time_resolved",
]
