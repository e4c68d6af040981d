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
single dimensions           `semantic_consistency`, `active_dimensions`
answers of a classifier     `prediction_consistency`
predictions and truth       `class_scores`, `set_scores`, `value_scores`, `macro_auroc`
intervals and comparisons   `bootstrap_interval`, `paired_difference`, `holm`, `per_subject`
==========================  ======================================================================
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triptych.metrics.active import active_dimensions
    from triptych.metrics.answers import class_scores, macro_auroc, set_scores, value_scores
    from triptych.metrics.collapse import collapsed
    from triptych.metrics.dci import disentanglement
    from triptych.metrics.differences import Difference, holm, paired_difference
    from triptych.metrics.direction import DirectionProbe, direction_probe
    from triptych.metrics.inputs import Floats, Labels
    from triptych.metrics.matrix import Factor, FactorMatrix, Known, factor_matrix
    from triptych.metrics.predictions import flows, macro_f1, prediction_consistency
    from triptych.metrics.probes import f1_scores, linear_probe, read_parameter
    from triptych.metrics.ranking import (
        near_in_time,
        neighbour_overlap,
        retrieval,
        same_group,
        shape_based_distance,
        top_k,
        top_k_of,
    )
    from triptych.metrics.regressors import r2
    from triptych.metrics.semantic import rescaled_consistency, semantic_consistency
    from triptych.metrics.similarity import between_groups, cosine, different_pairs, separation
    from triptych.metrics.statistics import (
        bootstrap_interval,
        jackknife_per_subject,
        per_subject,
        stack_subjects,
    )
    from triptych.metrics.sweeps import half_life, invariance

__all__ = [
    "Difference",
    "DirectionProbe",
    "Factor",
    "FactorMatrix",
    "Floats",
    "Known",
    "Labels",
    "active_dimensions",
    "between_groups",
    "bootstrap_interval",
    "class_scores",
    "collapsed",
    "cosine",
    "different_pairs",
    "direction_probe",
    "disentanglement",
    "f1_scores",
    "factor_matrix",
    "flows",
    "half_life",
    "holm",
    "invariance",
    "jackknife_per_subject",
    "linear_probe",
    "macro_auroc",
    "macro_f1",
    "near_in_time",
    "neighbour_overlap",
    "paired_difference",
    "per_subject",
    "prediction_consistency",
    "r2",
    "read_parameter",
    "rescaled_consistency",
    "retrieval",
    "same_group",
    "semantic_consistency",
    "separation",
    "set_scores",
    "shape_based_distance",
    "stack_subjects",
    "top_k",
    "top_k_of",
    "value_scores",
]

# Public names of each module, as type checkers read them above.
_NAMES = {
    "active": "active_dimensions",
    "answers": "class_scores macro_auroc set_scores value_scores",
    "collapse": "collapsed",
    "dci": "disentanglement",
    "differences": "Difference holm paired_difference",
    "direction": "DirectionProbe direction_probe",
    "inputs": "Floats Labels",
    "matrix": "Factor FactorMatrix Known factor_matrix",
    "predictions": "flows macro_f1 prediction_consistency",
    "probes": "f1_scores linear_probe read_parameter",
    "ranking": "near_in_time neighbour_overlap retrieval same_group shape_based_distance top_k "
    "top_k_of",
    "regressors": "r2",
    "semantic": "rescaled_consistency semantic_consistency",
    "similarity": "between_groups cosine different_pairs separation",
    "statistics": "bootstrap_interval jackknife_per_subject per_subject stack_subjects",
    "sweeps": "half_life invariance",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

# Hidden from type checkers, which would otherwise believe every misspelt name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
