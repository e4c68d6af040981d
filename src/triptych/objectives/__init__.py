"""Objectives: latents of views (and θ, labels) → named loss terms."""

from triptych.objectives.augmentation import Augmentation, Plain
from triptych.objectives.base import LossTerms, Objective
from triptych.objectives.gating import NonNegative
from triptych.objectives.separation import Separation
from triptych.objectives.simclr import SimCLR
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.supcon import SupCon
from triptych.objectives.views import Views, make_views

__all__ = [
    "Augmentation",
    "LossTerms",
    "NonNegative",
    "Objective",
    "Plain",
    "Separation",
    "SimCLR",
    "StructuredContrastive",
    "SupCon",
    "Views",
    "make_views",
]
