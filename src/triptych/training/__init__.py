"""Training: recipes, a Lightning module for any Trainer, and `fit`.

Names are loaded when first used: a recipe can be read without loading lightning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from triptych.lazy import attach

# One line for each public name: type checkers read them, and so does `attach`.
if TYPE_CHECKING:
    from triptych.training.audit_callback import AuditCallback as AuditCallback
    from triptych.training.batches import Batches as Batches
    from triptych.training.build import untrained as untrained
    from triptych.training.fisher import FisherPenalty as FisherPenalty
    from triptych.training.fitted import Fitted as Fitted
    from triptych.training.fitting import fit as fit
    from triptych.training.fitting import fit_module as fit_module
    from triptych.training.head_fit import fit_heads as fit_heads
    from triptych.training.heads import TaskHeads as TaskHeads
    from triptych.training.labels import with_groups as with_groups
    from triptych.training.losses import CombinedLoss as CombinedLoss
    from triptych.training.module import NonFiniteLossError as NonFiniteLossError
    from triptych.training.module import StructuredModule as StructuredModule
    from triptych.training.preparation import Prepared as Prepared
    from triptych.training.preparation import prepare as prepare
    from triptych.training.recipe import Recipe as Recipe
    from triptych.training.settings import Training as Training
    from triptych.training.settings import Weights as Weights

# Hidden from type checkers, which would otherwise believe every misspelt name.
if not TYPE_CHECKING:
    __getattr__, __dir__, __all__ = attach(__name__)
