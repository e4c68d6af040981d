"""Objectives by name, as recipes write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.objectives.base import Augmentation, Objective, Plain
from triptych.objectives.frames import FrameProjections
from triptych.objectives.gating import NonNegative
from triptych.objectives.joint import JointContrastive
from triptych.objectives.looc import LooC
from triptych.objectives.moco import MoCo
from triptych.objectives.plita import Plita
from triptych.objectives.separation import Separation
from triptych.objectives.sie import SIE
from triptych.objectives.simclr import SimCLR, SupCon
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.t_loss import TLoss
from triptych.objectives.topographic import TopographicVAE
from triptych.objectives.ts2vec import TS2Vec
from triptych.objectives.vicreg import BarlowTwins, VICReg
from triptych.registry import Registry
from triptych.transforms import Transform

OBJECTIVES = Registry[type[Objective]](
    "objective",
    {
        "plain": Plain,
        "augmentation": Augmentation,
        "simclr": SimCLR,
        "vicreg": VICReg,
        "barlow": BarlowTwins,
        "moco": MoCo,
        "t-loss": TLoss,
        "ts2vec": TS2Vec,
        "frame-projections": FrameProjections,
        "plita": Plita,
        "topographic-vae": TopographicVAE,
        "ncl": NonNegative,
        "supcon": SupCon,
        "scl": StructuredContrastive,
        "scl-joint": JointContrastive,
        "sie": SIE,
        "looc": LooC,
        "separation": Separation,
    },
    given=("schema", "size", "transforms"),
)


def register(name: str, kind: type[Objective]) -> None:
    """Add an objective under a name of its own, so that recipes find it.

    Its settings are the parameters beside `schema`, `size` and `transforms`.

    Raises
    ------
    InputError
        If another objective has that name.
    """
    OBJECTIVES.register(name, kind)


def make(
    name: str, schema: LatentSchema, transforms: Sequence[Transform], settings: Mapping[str, Any]
) -> Objective:
    """Make an objective of `OBJECTIVES`; its heads start from torch's global random state.

    Raises
    ------
    InputError
        If there is no such objective, or it has no such setting or cannot be made with it.
    """
    if name == "bayesncl" or "gate" in settings:  # earlier recipes
        raise InputError(
            f"objective {name} with a gate of its own is retired: give a block of latent a gate "
            "(gate: {}), with objective: {name: simclr, projection: 0}"
        )

    def made(kind: type[Objective], **own: Any) -> Objective:
        return kind.of(schema, transforms, **own)

    return OBJECTIVES.make(name, settings, made)
