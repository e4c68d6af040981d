"""The latent vector: named blocks, their relations to transforms, and heads that make them."""

from triptych.latent.block import Block, Relation
from triptych.latent.gates import BernoulliGate
from triptych.latent.heads import BlockHeads, LinearHead, TwoEncoders
from triptych.latent.label_set import LabelSet
from triptych.latent.mapped import Mapped
from triptych.latent.one_label import OneLabel
from triptych.latent.quantity import Quantity
from triptych.latent.schema import LatentSchema
from triptych.latent.target import Target

__all__ = [
    "BernoulliGate",
    "Block",
    "BlockHeads",
    "LabelSet",
    "LatentSchema",
    "LinearHead",
    "Mapped",
    "OneLabel",
    "Quantity",
    "Relation",
    "Target",
    "TwoEncoders",
]
