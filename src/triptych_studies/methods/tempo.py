"""A block for time beside an invariant one: PLITA, where windows have neighbours in time."""

from __future__ import annotations

from typing import Any

from triptych import InputError
from triptych_studies.methods import Change, Method
from triptych_studies.methods.contrastive import LABEL_FREE

SIZES = (64, 16, 48)


def plita(task: Any) -> Change:
    """Successive windows, which do not overlap, under the views of `simclr` otherwise."""
    first, length = task.contrasted[0], task.recipe(seed=0)["data"]["length_s"]
    shift, reach = first["name"], first.get("max_shift", 0.0)
    if reach < length:
        raise InputError(
            f"method plita needs successive windows, and views of {task.title} reach {reach:g} s "
            f"from a window of {length:g} s"
        )
    others = [each["name"] for each in task.contrasted[1:]]
    tempo = {"variant_to": [shift], "invariant_to": others}
    return LABEL_FREE | {
        "transforms": task.contrasted,
        "latent": [
            {"name": "steady", "size": SIZES[0], "invariant_to": [shift, *others]},
            {"name": "tempo", "size": SIZES[1], **tempo},
            {"name": "rest", "size": SIZES[2]},
        ],
        "objective": {"name": "plita", "windows": 1 + 2 * int(reach // length)},
    }


METHODS = {"plita": Method(plita, frozen=True)}
