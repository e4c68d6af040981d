"""Objectives: latents of views (and θ, labels) → named loss terms."""

from triptych.objectives.augmentation import Augmentation, Plain
from triptych.objectives.base import LossTerms, Objective
from triptych.objectives.simclr import SimCLR
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.views import Views, make_views

__all__ = [
    "Augmentation",
    "LossTerms",
    "Objective",
    "Plain",
    "SimCLR",
    "StructuredContrastive",
    "Views",
    "make_views",
]
