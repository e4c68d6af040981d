"""SCL over another base than NT-Xent: blocks are relations, whatever makes them invariant."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method

# One relation counts as much as the other: VICReg's weights are 25 times those of a contrast.
STRUCTURE = 0.04


def scl_vicreg(task: Any) -> Change:
    """Label-free: VICReg on the invariant block, a head that reads Δ from the variant one."""
    weights = {"alignment": 0.0, "variation": 25.0}
    objective: Change = {"name": "scl", "base": "vicreg", "weights": weights}
    if task.kind == "ecg":  # pairs further apart are ambiguous: the next beat comes in
        objective["limits"] = task.limits
    return {
        "latent": task.blocks("variant"),
        "objective": objective,
        "weights": {"structure": STRUCTURE},
        "decoder": False,
        "classes": None,
    }


METHODS = {"scl-vicreg": Method(scl_vicreg, frozen=True)}
