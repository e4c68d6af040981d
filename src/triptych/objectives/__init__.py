"""Objectives: latents of views (and θ, labels) → named loss terms."""

from triptych.objectives.base import Augmentation, LossTerms, Objective, Plain
from triptych.objectives.gating import NonNegative
from triptych.objectives.moco import MoCo
from triptych.objectives.populations import Membership
from triptych.objectives.registry import register
from triptych.objectives.separation import Separation
from triptych.objectives.simclr import SimCLR, SupCon
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.vicreg import BarlowTwins, VICReg
from triptych.objectives.views import Views, make_views, single_view

__all__ = [
    "Augmentation",
    "BarlowTwins",
    "LossTerms",
    "Membership",
    "MoCo",
    "NonNegative",
    "Objective",
    "Plain",
    "Separation",
    "SimCLR",
    "StructuredContrastive",
    "SupCon",
    "VICReg",
    "Views",
    "make_views",
    "register",
    "single_view",
]
