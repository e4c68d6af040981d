"""Label-free learning of one latent vector by other losses than SimCLR's: docs/methods.md.

Each row has its published settings, with a projector of the size that pays on small signal sets.
"""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method


def label_free(name: str, *, contrast: bool = False) -> Method:
    """Train by an objective of the library alone: no decoder, no labels, its own defaults.

    On the benchmark a `contrast` of two views sees what `simclr` and `scl` see.
    """

    def change(task: Any) -> Change:
        change: Change = {"objective": {"name": name}, "decoder": False, "classes": None}
        if contrast and task.kind == "benchmark":
            change["transforms"] = task.contrasted
        return change

    return Method(change, frozen=True)


METHODS = {name: label_free(name, contrast=True) for name in ("vicreg", "barlow", "moco")}
METHODS["frame-projections"] = label_free("frame-projections")
