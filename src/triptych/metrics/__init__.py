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
intervals and comparisons   `bootstrap_interval`, `paired_difference`, `holm`, `per_subject`
==========================  ======================================================================
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triptych.metrics.active import active_dimensions
    from triptych.metrics.dci import disentanglement
    from triptych.metrics.differences import holm, paired_difference
    from triptych.metrics.direction import direction_probe
    from triptych.metrics.matrix import Factor, factor_matrix
    from triptych.metrics.predictions import prediction_consistency
    from triptych.metrics.probes import linear_probe, read_parameter
    from triptych.metrics.ranking import neighbour_overlap, retrieval, shape_based_distance
    from triptych.metrics.semantic import semantic_consistency
    from triptych.metrics.similarity import cosine, separation
    from triptych.metrics.statistics import bootstrap_interval, per_subject
    from triptych.metrics.sweeps import half_life, invariance

__all__ = [
    "Factor",
    "active_dimensions",
    "bootstrap_interval",
    "cosine",
    "direction_probe",
    "disentanglement",
    "factor_matrix",
    "half_life",
    "holm",
    "invariance",
    "linear_probe",
    "neighbour_overlap",
    "paired_difference",
    "per_subject",
    "prediction_consistency",
    "read_parameter",
    "retrieval",
    "semantic_consistency",
    "separation",
    "shape_based_distance",
]

# Module of each public name. Type checkers read the imports above; a test compares the two.
_HOME = {
    "Factor": "matrix",
    "active_dimensions": "active",
    "bootstrap_interval": "statistics",
    "cosine": "similarity",
    "direction_probe": "direction",
    "disentanglement": "dci",
    "factor_matrix": "matrix",
    "half_life": "sweeps",
    "holm": "differences",
    "invariance": "sweeps",
    "linear_probe": "probes",
    "neighbour_overlap": "ranking",
    "paired_difference": "differences",
    "per_subject": "statistics",
    "prediction_consistency": "predictions",
    "read_parameter": "probes",
    "retrieval": "ranking",
    "semantic_consistency": "semantic",
    "separation": "similarity",
    "shape_based_distance": "ranking",
}

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
