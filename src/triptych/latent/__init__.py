"""The latent vector: named blocks, their relations to transforms, and heads that make them."""

from triptych.latent.block import Block, Relation
from triptych.latent.gates import BernoulliGate
from triptych.latent.heads import BlockHeads, LinearHead, TwoEncoders
from triptych.latent.schema import LatentSchema

__all__ = [
    "BernoulliGate",
    "Block",
    "BlockHeads",
    "LatentSchema",
    "LinearHead",
    "Relation",
    "TwoEncoders",
]
