"""From a recipe as plain data to a model, for the cells of any study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from triptych.datasets import Windows
from triptych.model import Model
from triptych_studies.base import Progress


def fitted_model(
    content: Mapping[str, Any],
    train: Windows,
    validation: Windows,
    *,
    channels: Sequence[str],
    device: str,
    untrained: bool,
    progress: Progress,
    shared_people: bool = False,
    callbacks: Sequence[Any] = (),
) -> tuple[Model, nn.Module | None, int]:
    """Model of a recipe, SimCLR's projector if it has one, and the epochs that were run.

    `untrained` leaves the weights as they are drawn: the row "random" of every study, and those of
    fixed features, whose scale is the training windows'. `callbacks` are lightning's.
    """
    from triptych.training import Recipe, fit
    from triptych.training.build import build, build_model

    recipe = Recipe.of(content)
    if untrained:
        torch.manual_seed(recipe.training.seed)  # pyright: ignore[reportUnknownMemberType]
        parts = build(recipe, train.signals.shape[1], recipe.length, train.centred)
        parts = replace(parts, heads=None)  # untrained heads would say nothing of the latents
        return build_model(recipe, parts, channels, {}), None, 0
    progress("training")
    fitted = fit(
        recipe,
        train,
        validation,
        device=device,
        channels=channels,
        progress=False,
        shared_people=shared_people,
        callbacks=callbacks,
    )
    return fitted.model, getattr(fitted.objective, "projector", None), fitted.epochs
