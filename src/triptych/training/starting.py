"""Weights that a training starts from: those of a model that is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from triptych.errors import InputError
from triptych.model import Model, saved
from triptych.training.build import Parts
from triptych.training.recipe import Recipe


def start_from(
    folder: str | Path, recipe: Recipe, parts: Parts, channels: Sequence[str] | None
) -> None:
    """Put a model's weights into the parts of a recipe, which are built like it.

    The decoder's too, if both have one, and those of heads that learn the very same.

    Raises
    ------
    InputError
        If there is no model, or channels, rate, band, length, blocks or networks differ.
    """
    model = Model.from_pretrained(folder)
    was, data = model.preprocessing, recipe.data
    names = tuple(channels) if channels and named(channels) and named(was.channels) else None
    pairs: dict[str, tuple[Any, Any]] = {
        "channels": (was.channels, names) if names else (len(was.channels), parts.channels),
        "a rate in Hz": (was.rate, data.rate),
        "a band in Hz": ((was.low, was.high), (data.low, data.high)),
        "windows in samples": (was.length, recipe.length),
        "blocks": (model.schema.to_dict()["blocks"], parts.schema.to_dict()["blocks"]),
        "a front-end": (saved.describe(model.front_end), saved.describe(parts.front_end)),
        "an encoder": (saved.describe(model.encoder), saved.describe(parts.encoder)),
    }
    for what, (there, here) in pairs.items():
        if there != here:
            raise InputError(
                f"init_from: the model in {folder} has {what} {_said(there)}, but the recipe has "
                f"{_said(here)}; make them the same (recipe.yaml beside the model says how it was "
                "trained)"
            )
    parts.front_end.load_state_dict(model.front_end.state_dict())
    parts.encoder.load_state_dict(model.encoder.state_dict())
    decoders = (model.decoder, parts.decoder)
    if decoders[0] is not None and decoders[1] is not None:
        decoders[1].load_state_dict(decoders[0].state_dict())
    trained: dict[str, Any] = dict(model.heads.items())
    for name, head in parts.heads.by_name().items() if parts.heads else ():
        known = trained.get(name)
        if known is not None and known.settings == head.settings:
            head.load_state_dict(known.state_dict())
    # what an objective keeps of the encoder, such as MoCo's copy, is of the weights that it has now
    network = nn.Sequential(parts.front_end, parts.encoder)
    parts.objective.attach(network, (parts.channels, recipe.length))


def named(channels: Sequence[str]) -> bool:
    """Whether channels have names of their own, which then have to agree."""
    return not any(each.removeprefix("channel ").isdecimal() for each in channels)


def _said(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType]
    return text if len(text) <= 300 else f"{text[:297]}..."
