"""Parts of a window against each other: T-Loss, and TS2Vec with the common encoder and its own."""

from __future__ import annotations

from typing import Any

from triptych_studies.methods import Change, Method
from triptych_studies.methods.label_free import label_free


def with_its_own_encoder(task: Any) -> Change:
    """TS2Vec as published: dilated convolutions, masked time steps, 320 features.

    Depth 5 instead of 10: the last kernel then spans 64 steps, and a cell takes minutes.
    """
    unset = {key: None for key in task.recipe(seed=0)["encoder"] if key != "front_end"}
    encoder = {"name": "dilated", "depth": 5, "mask": 0.5}
    return label_free("ts2vec").change(task) | {"encoder": unset | encoder}


def of_steps(task: Any) -> Change:
    """TS2Vec on the common encoder's maps: what does not come from time steps is left out."""
    unset = dict.fromkeys({"statistics"} & set(task.recipe(seed=0)["encoder"]))
    return label_free("ts2vec").change(task) | ({"encoder": unset} if unset else {})


METHODS = {
    "t-loss": label_free("t-loss"),
    "ts2vec": Method(of_steps, frozen=True),
    "ts2vec-dilated": Method(with_its_own_encoder, frozen=True),
}
