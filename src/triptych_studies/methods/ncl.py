"""Non-negative contrast: NCL, with gates BayesNCL, and SCL with the same gates."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method
from triptych_studies.methods.scl import scl
from triptych_studies.recipes import merged

# Developed on the digits' training and validation images (docs/lab-notes.md); top-k was not tuned.
GATE = {"prior": 0.8, "start": 0.9}
TOP_K = 8


def ncl(**settings: Any) -> Method:
    """Wang et al. 2024 (arXiv 2403.12459): SimCLR after a ReLU, without a projector."""
    return Method(lambda task: {"objective": {"name": "ncl", "projection": 0, **settings}})


def gated(weight: float | None = None, **settings: Any) -> Method:
    """BayesNCL (Cui et al. 2026, arXiv 2605.28441): SimCLR on a block with gates.

    `settings` are the gates', `weight` is that of their prior where it is not the task's.
    """

    def change(task: Any) -> Change:
        block = {"name": "latent", "size": task.size, "gate": GATE | settings}
        return {"latent": [block]} | ({} if weight is None else {"weights": {"gate": weight}})

    return Method(change)


def scl_gate(task: Any) -> Change:
    """SCL with gates on its invariant block.

    Cosines of non-negative latents span half of the range: at SCL's own temperature and alignment
    windows of one class become alike (docs/lab-notes.md).
    """
    invariant, variant = task.blocks("variant")
    latent = [invariant | {"gate": GATE}, variant]
    objective = {"temperature": 0.07, "weights": {"alignment": 3.0}}
    return merged(scl(task), {"latent": latent, "objective": objective})


ABLATIONS = {  # one choice of `bayesncl-ste` changed at a time
    "soft": gated(mode="soft"),
    "attached": gated(detach=False),
    **{f"depth-{n}": gated(depth=n) for n in (1, 3)},
    "temperature-0.5": gated(temperature=0.5),
    "start-0.5": gated(start=0.5),
    **{f"prior-{p}": gated(prior=p) for p in (0.5, 0.2)},
    "weight-0": gated(0.0),
    "weight-1e-3": gated(1e-3),
    "prior-0.05-weight-1e-3": gated(1e-3, prior=0.05),
}
METHODS = {
    "ncl": ncl(),
    "ncl-topk": ncl(top_k=TOP_K),
    "bayesncl-ste": gated(),
    "bayesncl-gumbel": gated(mode="gumbel"),
    "scl+gate": Method(scl_gate),
    **ABLATIONS,
}
