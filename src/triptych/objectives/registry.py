"""Objectives by name, as recipes write them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.objectives.base import Augmentation, Objective, Plain
from triptych.objectives.frames import FrameProjections
from triptych.objectives.gating import BayesNCL, NonNegative
from triptych.objectives.looc import LooC
from triptych.objectives.moco import MoCo
from triptych.objectives.separation import Separation
from triptych.objectives.sie import SIE
from triptych.objectives.simclr import SimCLR, SupCon
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.t_loss import TLoss
from triptych.objectives.ts2vec import TS2Vec
from triptych.objectives.vicreg import BarlowTwins, VICReg
from triptych.transforms import Transform

OBJECTIVES: dict[str, type[Objective]] = {
    "plain": Plain,
    "augmentation": Augmentation,
    "simclr": SimCLR,
    "vicreg": VICReg,
    "barlow": BarlowTwins,
    "moco": MoCo,
    "t-loss": TLoss,
    "ts2vec": TS2Vec,
    "frame-projections": FrameProjections,
    "ncl": NonNegative,
    "bayesncl": BayesNCL,
    "supcon": SupCon,
    "scl": StructuredContrastive,
    "sie": SIE,
    "looc": LooC,
    "separation": Separation,
}


def make(
    name: str, schema: LatentSchema, transforms: Sequence[Transform], settings: Mapping[str, Any]
) -> Objective:
    """Make an objective of `OBJECTIVES`; its heads start from torch's global random state.

    Raises
    ------
    InputError
        If there is no such objective, or it has no such setting or one of another type.
    """
    if name not in OBJECTIVES:
        raise InputError(f"there is no objective {name!r}; choose one of {', '.join(OBJECTIVES)}")
    parameters = inspect.signature(OBJECTIVES[name]).parameters.values()
    known = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    for setting in settings:
        if setting not in known:
            raise InputError(
                f"objective {name} has no setting {setting!r}; it has {', '.join(known) or 'none'}"
            )
    try:
        return OBJECTIVES[name].of(schema, transforms, **settings)
    except (TypeError, AttributeError) as error:
        raise InputError(
            f"objective {name} got a setting of the wrong type in {dict(settings)}: {error}"
        ) from error
