"""triptych: latent vectors with named blocks, trained, audited and searched.

The public names are loaded when first used, so that ``import triptych`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from triptych.lazy import attach

# One line for each public name: type checkers read them, and so does `attach`.
if TYPE_CHECKING:
    from triptych.errors import InputError as InputError
    from triptych.estimators import BlockEncoder as BlockEncoder
    from triptych.index import Index as Index
    from triptych.latent import BernoulliGate as BernoulliGate
    from triptych.latent import Block as Block
    from triptych.latent import BlockHeads as BlockHeads
    from triptych.latent import LatentSchema as LatentSchema
    from triptych.model import Model as Model
    from triptych.objectives import LossTerms as LossTerms
    from triptych.objectives import StructuredContrastive as StructuredContrastive
    from triptych.transforms import BaselineWander as BaselineWander
    from triptych.transforms import Chain as Chain
    from triptych.transforms import Gain as Gain
    from triptych.transforms import NoiseSNR as NoiseSNR
    from triptych.transforms import PhaseShift as PhaseShift
    from triptych.transforms import Rotation as Rotation
    from triptych.transforms import TimeScale as TimeScale
    from triptych.version import __version__ as __version__

# Hidden from type checkers, which would otherwise believe every misspelt name.
if not TYPE_CHECKING:
    __getattr__, __dir__, __all__ = attach(__name__)
    __all__.remove("BlockEncoder")  # inherits from scikit-learn, which a star import must not load
