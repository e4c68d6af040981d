"""Metrics: arrays in, numbers out, whatever made the latents.

Every function takes numpy arrays or tensors, one row per window, and gives a float or a frozen
dataclass with `to_dict`. Names are loaded when first used: ``triptych.metrics.statistics`` imports
no torch.

==========================  ======================================================================
what is asked               function
==========================  ======================================================================
similarity of two views     `cosine`, `separation`
similarity over a sweep     `invariance`, `half_life`
nearest neighbours          `retrieval`, `neighbour_overlap`, `shape_based_distance`
reading from frozen latents `linear_probe`, `read_parameter`, `direction_probe`
what each block knows       `factor_matrix`, `disentanglement`
single dimensions           `semantic_consistency`, `active_dimensions`, `moved_share`
answers of a classifier     `prediction_consistency`
predictions and truth       `class_scores`, `set_scores`, `value_scores`, `macro_auroc`
intervals and comparisons   `bootstrap_interval`, `paired_difference`, `holm`, `per_subject`
==========================  ======================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from triptych.lazy import attach

# One line for each public name: type checkers read them, and so does `attach`.
if TYPE_CHECKING:
    from triptych.metrics.active import active_dimensions as active_dimensions
    from triptych.metrics.active import moved_share as moved_share
    from triptych.metrics.answers import class_scores as class_scores
    from triptych.metrics.answers import macro_auroc as macro_auroc
    from triptych.metrics.answers import set_scores as set_scores
    from triptych.metrics.answers import value_scores as value_scores
    from triptych.metrics.collapse import collapsed as collapsed
    from triptych.metrics.dci import disentanglement as disentanglement
    from triptych.metrics.differences import Difference as Difference
    from triptych.metrics.differences import holm as holm
    from triptych.metrics.differences import paired_difference as paired_difference
    from triptych.metrics.direction import DirectionProbe as DirectionProbe
    from triptych.metrics.direction import direction_probe as direction_probe
    from triptych.metrics.inputs import Floats as Floats
    from triptych.metrics.inputs import Labels as Labels
    from triptych.metrics.matrix import Factor as Factor
    from triptych.metrics.matrix import FactorMatrix as FactorMatrix
    from triptych.metrics.matrix import Known as Known
    from triptych.metrics.matrix import factor_matrix as factor_matrix
    from triptych.metrics.predictions import flows as flows
    from triptych.metrics.predictions import macro_f1 as macro_f1
    from triptych.metrics.predictions import prediction_consistency as prediction_consistency
    from triptych.metrics.probes import f1_scores as f1_scores
    from triptych.metrics.probes import linear_probe as linear_probe
    from triptych.metrics.probes import read_parameter as read_parameter
    from triptych.metrics.ranking import near_in_time as near_in_time
    from triptych.metrics.ranking import neighbour_overlap as neighbour_overlap
    from triptych.metrics.ranking import retrieval as retrieval
    from triptych.metrics.ranking import same_group as same_group
    from triptych.metrics.ranking import shape_based_distance as shape_based_distance
    from triptych.metrics.ranking import top_k as top_k
    from triptych.metrics.ranking import top_k_of as top_k_of
    from triptych.metrics.regressors import r2 as r2
    from triptych.metrics.semantic import rescaled_consistency as rescaled_consistency
    from triptych.metrics.semantic import semantic_consistency as semantic_consistency
    from triptych.metrics.similarity import between_groups as between_groups
    from triptych.metrics.similarity import cosine as cosine
    from triptych.metrics.similarity import different_pairs as different_pairs
    from triptych.metrics.similarity import separation as separation
    from triptych.metrics.statistics import bootstrap_interval as bootstrap_interval
    from triptych.metrics.statistics import jackknife_per_subject as jackknife_per_subject
    from triptych.metrics.statistics import per_subject as per_subject
    from triptych.metrics.statistics import stack_subjects as stack_subjects
    from triptych.metrics.sweeps import half_life as half_life
    from triptych.metrics.sweeps import invariance as invariance

# Hidden from type checkers, which would otherwise believe every misspelt name.
if not TYPE_CHECKING:
    __getattr__, __dir__, __all__ = attach(__name__)
