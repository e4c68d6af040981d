"""Capsules that roll with the main nuisance: the Topographic VAE, where that has a cycle."""

from __future__ import annotations

from typing import Any

from triptych import InputError
from triptych.latent import Block, LatentSchema, Mapped
from triptych.model import Model
from triptych_studies.methods import Change, Method

CAPSULES, RING = 8, 8


def topographic(task: Any) -> Change:
    """Full turns of armband or sensor; of a phase shift the window closed to a ring."""
    data = task.recipe(seed=0)["data"]
    cycle = next(dict(each) for each in task.nuisance if each["name"] == task.main)
    if task.main == "phase_shift":
        half, samples = data["length_s"] / 2, round(data["length_s"] * data["rate"])
        cycle |= {"mode": "circular", "max_shift": half, "length": samples}
    elif "max_angle" in cycle:
        raise InputError(
            f"method topographic-vae needs a full cycle, and {task.title} turns by up to "
            f"{cycle['max_angle']:g} degrees"
        )
    others = [dict(e) for e in task.nuisance if e["name"] != task.main and "max_shift" not in e]
    size = CAPSULES * RING
    return {
        "transforms": [cycle, *others],
        "latent": [{"name": "activation", "size": size}, {"name": "scale", "size": size}],
        "objective": {"name": "topographic-vae", "capsules": CAPSULES, "ring": RING},
        "decoder": False,
        "classes": None,
    }


def capsules(task: Any, trained: Any, sides: Any) -> Model:
    """Norms, which a roll does not change, and activations, as blocks of their own."""
    del sides
    model = trained.model
    schema = LatentSchema(
        Block("norms", CAPSULES, invariant_to=task.main),
        Block("capsules", CAPSULES * RING, variant_to=task.main),
    )
    encoder, more = Mapped(model.encoder, trained.projector.cpu()).eval(), {"info": model.info}
    return Model(model.preprocessing, encoder, schema, front_end=model.front_end, **more).eval()


METHODS = {"topographic-vae": Method(topographic, frozen=True, after=capsules)}
