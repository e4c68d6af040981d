"""Split invariant and equivariant latents (SIE), as blocks with relations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from triptych.latent import LatentSchema
from triptych.objectives.settings import Base, Independence, Variation
from triptych.objectives.structured import StructuredContrastive
from triptych.objectives.views import Reference
from triptych.transforms import Transform

WEIGHTS = {"alignment": 0.0, "variation": 4.5}


class SIE(StructuredContrastive):
    """VICReg on invariant blocks, a linear hypernetwork of Δ on variant ones.

    Garrido, Najman and LeCun 2023 (arXiv 2302.10283): `StructuredContrastive` over VICReg with
    weights 10, 10 and 1, the mechanism ``"hypernetwork"`` with weight 4.5, and no alignment; every
    setting can be changed. The paper splits the latents into two halves.

    Parameters
    ----------
    schema, transforms
        As in `StructuredContrastive`, and so are all others.
    """

    def __init__(
        self,
        schema: LatentSchema,
        transforms: Sequence[Transform],
        *,
        temperature: float = 0.1,
        sharpness: float = 0.0,
        variation: Variation | Sequence[Variation] = "hypernetwork",
        weights: Mapping[str, float] | None = None,
        independence: Independence | None = None,
        limits: Mapping[str, float] | None = None,
        reference: Reference = "transformed",
        supervised: bool = False,
        base: Base = "vicreg",
        vicreg: Sequence[float] = (10.0, 10.0, 1.0),
        one_sided: bool = False,
    ) -> None:
        super().__init__(
            schema,
            transforms,
            temperature=temperature,
            sharpness=sharpness,
            variation=variation,
            weights=WEIGHTS | dict(weights or {}),
            independence=independence,
            limits=limits,
            reference=reference,
            supervised=supervised,
            base=base,
            vicreg=vicreg,
            one_sided=one_sided,
        )
