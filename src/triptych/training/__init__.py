"""Training: recipes, a Lightning module for any Trainer, and `fit`.

Names are loaded when first used: a recipe can be read without loading lightning.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triptych.training.audit_callback import AuditCallback
    from triptych.training.batches import Batches
    from triptych.training.fitting import Fitted, fit, fit_module
    from triptych.training.head_fit import fit_heads
    from triptych.training.heads import TaskHeads
    from triptych.training.losses import CombinedLoss
    from triptych.training.module import NonFiniteLossError, StructuredModule
    from triptych.training.preparation import Prepared, prepare
    from triptych.training.recipe import Recipe

__all__ = [
    "AuditCallback",
    "Batches",
    "CombinedLoss",
    "Fitted",
    "NonFiniteLossError",
    "Prepared",
    "Recipe",
    "StructuredModule",
    "TaskHeads",
    "fit",
    "fit_heads",
    "fit_module",
    "prepare",
]

_HOME = {
    "AuditCallback": "audit_callback",
    "Batches": "batches",
    "CombinedLoss": "losses",
    "Fitted": "fitting",
    "NonFiniteLossError": "module",
    "Prepared": "preparation",
    "Recipe": "recipe",
    "StructuredModule": "module",
    "TaskHeads": "heads",
    "fit": "fitting",
    "fit_heads": "head_fit",
    "fit_module": "fitting",
    "prepare": "preparation",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'triptych.training' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"triptych.training.{_HOME[name]}"), name)
        globals()[name] = value
        return value
