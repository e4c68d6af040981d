"""Split invariant and equivariant latents (SIE), as blocks with relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from triptych.latent import LatentSchema
from triptych.objectives.structured import StructuredContrastive
from triptych.transforms import Transform


class SIE(StructuredContrastive):
    """VICReg on invariant blocks, a linear hypernetwork of Δ on variant ones.

    Garrido, Najman and LeCun 2023 (arXiv 2302.10283): `StructuredContrastive` over VICReg with
    weights 10, 10 and 1, the mechanism ``"hypernetwork"`` with weight 4.5, and no alignment; every
    setting can be changed. The paper splits the latents into two halves.
    """

    @classmethod
    def of(cls, schema: LatentSchema, transforms: Sequence[Transform], **settings: Any) -> Self:
        """Make one for the blocks of `schema`, with the published settings where none are given."""
        weights = {"alignment": 0.0, "variation": 4.5} | dict(settings.pop("weights", None) or {})
        published = {"base": "vicreg", "vicreg": (10.0, 10.0, 1.0), "variation": "hypernetwork"}
        return super().of(schema, transforms, weights=weights, **{**published, **settings})
