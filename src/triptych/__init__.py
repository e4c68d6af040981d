"""triptych: latent vectors with named blocks, trained, audited and searched.

The public names are loaded when first used, so that ``import triptych`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triptych.errors import InputError
    from triptych.estimators import BlockEncoder as BlockEncoder
    from triptych.index import Index
    from triptych.latent import BernoulliGate, Block, BlockHeads, LatentSchema
    from triptych.model import Model
    from triptych.objectives import LossTerms, StructuredContrastive
    from triptych.transforms import (
        BaselineWander,
        Chain,
        Gain,
        NoiseSNR,
        PhaseShift,
        Rotation,
        TimeScale,
    )

    __version__: str

# `BlockEncoder` is public, too; it inherits from scikit-learn, which a star import must not load.
__all__ = [
    "BaselineWander",
    "BernoulliGate",
    "Block",
    "BlockHeads",
    "Chain",
    "Gain",
    "Index",
    "InputError",
    "LatentSchema",
    "LossTerms",
    "Model",
    "NoiseSNR",
    "PhaseShift",
    "Rotation",
    "StructuredContrastive",
    "TimeScale",
    "__version__",
]

# Where each public name lives. Type checkers read the imports above; a test compares the two.
_HOME = {
    "BaselineWander": "triptych.transforms",
    "BernoulliGate": "triptych.latent",
    "Block": "triptych.latent",
    "BlockEncoder": "triptych.estimators",
    "BlockHeads": "triptych.latent",
    "Chain": "triptych.transforms",
    "Gain": "triptych.transforms",
    "Index": "triptych.index",
    "InputError": "triptych.errors",
    "LatentSchema": "triptych.latent",
    "LossTerms": "triptych.objectives",
    "Model": "triptych.model",
    "NoiseSNR": "triptych.transforms",
    "PhaseShift": "triptych.transforms",
    "Rotation": "triptych.transforms",
    "StructuredContrastive": "triptych.objectives",
    "TimeScale": "triptych.transforms",
}


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("triptych")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+source"


# Hidden from type checkers, which would otherwise believe every misspelt name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "__version__":
            value = _version()
        elif name in _HOME:
            value = getattr(importlib.import_module(_HOME[name]), name)
        else:
            raise AttributeError(f"module 'triptych' has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
