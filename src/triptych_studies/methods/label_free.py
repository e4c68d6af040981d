"""Label-free learning of one latent vector by other losses than SimCLR's: docs/methods.md.

Each row has its published settings, with a projector of the size that pays on small signal sets.
"""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method


def label_free(name: str, **settings: Any) -> Method:
    """Train by an objective of the library alone: no decoder, no labels, its own defaults."""

    def change(task: Any) -> Change:
        del task
        objective = {"name": name, **settings}
        return {"objective": objective, "decoder": False, "classes": None}

    return Method(change, frozen=True)


METHODS = {name: label_free(name) for name in ("vicreg", "barlow", "moco", "frame-projections")}
