"""Objectives: latents of views (and θ, labels) → named loss terms."""

from triptych.objectives.base import Augmentation, LossTerms, Objective, Plain
from triptych.objectives.diagnosis import Diagnosis, Finding, diagnose
from triptych.objectives.frames import FrameProjections
from triptych.objectives.gating import NonNegative
from triptych.objectives.joint import JointContrastive
from triptych.objectives.looc import LooC
from triptych.objectives.moco import MoCo
from triptych.objectives.plita import Plita
from triptych.objectives.populations import Membership
from triptych.objectives.registry import register
from triptych.objectives.separation import Separation
from triptych.objectives.sie import SIE
from triptych.objectives.simclr import SimCLR, SupCon
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.t_loss import TLoss
from triptych.objectives.topographic import TopographicVAE
from triptych.objectives.ts2vec import TS2Vec
from triptych.objectives.vicreg import BarlowTwins, VICReg
from triptych.objectives.views import Views, make_views, single_view

__all__ = [
    "SIE",
    "Augmentation",
    "BarlowTwins",
    "Diagnosis",
    "Finding",
    "FrameProjections",
    "JointContrastive",
    "LooC",
    "LossTerms",
    "Membership",
    "MoCo",
    "NonNegative",
    "Objective",
    "Plain",
    "Plita",
    "Separation",
    "SimCLR",
    "StructuredContrastive",
    "SupCon",
    "TLoss",
    "TS2Vec",
    "TopographicVAE",
    "VICReg",
    "Views",
    "diagnose",
    "make_views",
    "register",
    "single_view",
]
