"""Label-free SCL in other forms: over VICReg, and with pseudo-negatives in the variant block."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method

# VICReg's weights are 25 times those of a contrast: one relation counts as much as the other.
VICREG: Change = {"base": "vicreg", "weights": {"alignment": 0.0, "variation": 25.0}}


def label_free_scl(objective: Change, structure: float = 1.0) -> Method:
    """SCL on the task's blocks without decoder or labels."""

    def change(task: Any) -> Change:
        # of ECG windows pairs further apart are ambiguous: the next beat comes in
        limits = {"limits": task.limits} if task.kind == "ecg" else {}
        return {
            "latent": task.blocks("variant"),
            "objective": {"name": "scl", **objective, **limits},
            "weights": {"structure": structure},
            "decoder": False,
            "classes": None,
        }

    return Method(change, frozen=True)


METHODS = {
    "scl-vicreg": label_free_scl(VICREG, structure=0.04),
    "pseudo-negatives": label_free_scl({"variation": "pseudo_negative"}),
}
