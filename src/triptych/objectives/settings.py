"""Settings of SCL: what can be chosen, and which choices fit each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.objectives import separation_terms, terms
from triptych.transforms import Transform

Variation = Literal["repel", "predict", "equivariant", "hypernetwork", "pseudo_negative"]
Base = Literal["nt_xent", "vicreg"]
Independence = Literal["cross_covariance", "canonical_correlation", "hsic", "joint_entropy"]
WEIGHTS = {
    "invariance": 1.0,
    "alignment": 1.0,
    "centring": 0.0,
    "variation": 1.0,
    "independence": 1.0,
}
INDEPENDENCE = {
    "cross_covariance": terms.cross_covariance,
    "canonical_correlation": terms.canonical_correlation,
    "hsic": terms.hsic,
    "joint_entropy": separation_terms.joint_entropy,
}


def require_related(
    schema: LatentSchema,
    transforms: Sequence[Transform],
    *,
    one_sided: bool,
    independence: Independence | None,
) -> None:
    """Refuse, with InputError, a schema that does not fit the transforms or the independence."""
    given = {transform.name for transform in transforms}
    named = set(schema.transforms)
    if given != named:
        raise InputError(
            f"the schema's blocks name {sorted(named) or 'no transform'}, but the transforms "
            f"given are {sorted(given) or 'none'}; they must be the same"
        )
    if one_sided and not schema.invariant_to_all:
        raise InputError(
            "one_sided moves only blocks that are invariant to every transform, and the schema "
            "has none; declare one or leave one_sided out"
        )
    related = [block for block in schema.blocks if not block.free]
    if independence is not None and len(related) < 2:
        raise InputError("independence needs at least two blocks that declare a relation")


def require_contrast(
    temperature: float, sharpness: float, supervised: bool, base: Base, vicreg: Sequence[float]
) -> None:
    """Refuse, with InputError, settings of invariance that exclude each other."""
    if not (temperature > 0 and sharpness >= 0):
        raise InputError(
            f"temperature is {temperature} and sharpness {sharpness}; the first must "
            "be above 0, the second at least 0"
        )
    if supervised and sharpness:
        raise InputError("supervised and sharpness both choose invariance's positives; use one")
    if base == "vicreg" and (supervised or sharpness):
        raise InputError(
            "base 'vicreg' has no negatives, so supervised and sharpness have nothing to "
            "choose; leave them out, or use base 'nt_xent'"
        )
    if len(vicreg) != 3 or not all(weight >= 0 for weight in vicreg):
        raise InputError(
            f"vicreg is {list(vicreg)}, expected the three weights of similarity, "
            "variance and covariance, each at least 0"
        )
