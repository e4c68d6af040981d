"""SepCLR (Louiset et al., ICLR 2024): common blocks of two populations, salient ones of targets.

``sepclr`` has our settings for each data set, and the rows named after an independence term have
another one; ``sepclr-published`` has the authors' terms and weights.
"""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method
from triptych_studies.recipes import merged

# The salient term outweighs independence, so that it is the common latents that give way.
SEPCLR: Change = {
    "name": "separation",
    "independence": "canonical_correlation",
    "weights": {"common": 1.0, "salient": 1000.0, "background": 1000.0, "independence": 15.0},
    "uniformity": 2.0,
    "bandwidth": 0.5,
    "null_pairs": False,
    "spread_targets": True,
    "mix": 0.8,
}
OF_DATA: dict[str, Change] = {
    # A quarter of a batch's targets share the background blended into them (docs/lab-notes.md).
    "digits": {"independence": "hsic", "mix": 0.6, "sharing": 24},
    # The published terms and weights for supervised attributes: canonical correlation empties a
    # dimension that is slow to learn, here the orientation's (docs/lab-notes.md).
    "sprites": {
        "independence": "joint_entropy",
        "uniformity": 1.0,
        "weights": {"salient": 100.0, "independence": 10.0},
        "null_pairs": True,
        "mix": 0.0,
    },
    # Records differ by more than beats do (docs/lab-notes.md). A normal beat of a new subject is
    # often taken for a target's: the null vector outweighs, and is large.
    "mitdb": {
        "mix": 0.0,
        "grouped": True,
        "independence": "hsic",
        "null_radius": 2.0,
        "weights": {"background": 3000.0},
    },
}
# k-JEM at λ = 10, on two views of the samples alone.
PUBLISHED: Change = {
    "independence": "joint_entropy",
    "weights": {"background": 1000.0, "independence": 10.0},
    "null_pairs": True,
    "mix": 0.0,
    "grouped": False,
    "null_radius": 0.0,
    "sharing": 0,
}
TERMS = {"kjem": "joint_entropy", "hsic": "hsic", "crosscov": "cross_covariance"}


def sepclr(task: Any, **change: Any) -> Change:
    """Our settings for the task's data, and what is changed in them; a block per attribute."""
    found: Change = {"objective": merged(merged(SEPCLR, OF_DATA.get(task.data_name, {})), change)}
    if task.attributes:
        own = [{"name": name, "size": 1, "role": "salient"} for name in task.attributes]
        found["latent"] = [task.blocks[0], *own]
    return found


METHODS = {
    "sepclr": Method(sepclr),
    "sepclr-published": Method(lambda task: sepclr(task, **PUBLISHED)),
    **{
        f"sepclr-{name}": Method(lambda task, term=term: sepclr(task, independence=term))
        for name, term in TERMS.items()
    },
}
