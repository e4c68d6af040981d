"""The scikit-learn face: encoders with named blocks as transformers, and scores of invariance.

They stand in pipelines, grid searches and cross-validation like any other transformer; training
is that of `triptych.training`, a saved one is a model folder that every command reads.
"""

from triptych.estimators.block_encoder import BlockEncoder
from triptych.estimators.scoring import ConsistencyScorer, invariance_score
from triptych.estimators.separation import SeparationTransformer

__all__ = ["BlockEncoder", "ConsistencyScorer", "SeparationTransformer", "invariance_score"]
