"""The closest prior art of SCL's blocks: LooC and SIE on the task's own blocks, label-free."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method

SPACE = 16  # dimensions of a space that carries one part of a nuisance


def split(name: str) -> Method:
    """Train the task's blocks by another objective; the free block is never used."""

    def change(task: Any) -> Change:
        related = ("invariant_to", "variant_to")
        blocks = [each for each in task.blocks("variant") if any(key in each for key in related)]
        if name == "looc" and task.kind == "benchmark":  # a space per part of the nuisance
            parts = [each["name"] for each in task.nuisance]
            blocks[1:] = [
                {"name": f"moved_{own}", "size": SPACE, "variant_to": [own],
                 "invariant_to": [each for each in parts if each != own]}
                for own in parts
            ]  # fmt: skip
        return {"latent": blocks, "objective": {"name": name}, "decoder": False, "classes": None}

    return Method(change, frozen=True)


METHODS = {"looc": split("looc"), "sie": split("sie")}
