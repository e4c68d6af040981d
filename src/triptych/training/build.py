"""From a recipe to modules: front-end, encoder, decoder, heads, and the Lightning module."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from triptych import networks
from triptych.errors import InputError
from triptych.latent import BlockHeads, LatentSchema, TwoEncoders
from triptych.model import Model, Preprocessing
from triptych.objectives import Objective
from triptych.training.heads import TaskHeads
from triptych.training.losses import Teacher
from triptych.training.recipe import Recipe
from triptych.training.settings import Named

if TYPE_CHECKING:
    from triptych.training.module import StructuredModule


@dataclass(frozen=True)
class Parts:
    """The trainable parts of a recipe, for windows of one shape."""

    front_end: nn.Sequential
    encoder: nn.Module
    decoder: nn.Module | None
    heads: TaskHeads | None
    objective: Objective
    schema: LatentSchema
    channels: int


def build(recipe: Recipe, channels: int, length: int, seen_first: Tensor | None = None) -> Parts:
    """Make the parts; their initial weights come from torch's global random state.

    Parameters
    ----------
    channels, length
        Shape of a window without context; of images the height, which is the width.
    seen_first
        Training windows ``(n, channels, length)``, for encoders of fixed features.

    Raises
    ------
    InputError
        If a name or a setting of the encoder is unknown or does not fit.
    """
    schema = recipe.schema_of_latent
    front_end = _front_end(recipe)
    seen = front_end.shape(channels, length)
    name, settings = recipe.encoder.name, recipe.encoder.settings
    if name == "guaranteed":
        settings = settings | {"raw": _raw(front_end, channels, settings.get("raw"))}
    kind = networks.ENCODERS.get(name)
    shape = inspect.signature(kind).parameters if kind else ()
    if "rate" in shape:
        settings = {"rate": recipe.data.rate, **settings}
    given = dict(zip(shape, seen, strict=False)) | settings
    trunks = [networks.encoder(name, **given) for _ in range(1 + recipe.encoder.two)]
    trunk = TwoEncoders(*trunks) if recipe.encoder.two else trunks[0]
    parts = Parts(
        nn.Sequential(*([] if front_end.raw else [networks.Standardize()]), front_end),
        _fixed(trunk, schema, name)
        if isinstance(trunk, networks.FixedFeatures)
        else BlockHeads(trunk, schema, hidden=recipe.encoder.head_hidden),
        networks.ConvDecoder(schema.size, *seen) if recipe.decoder else None,
        TaskHeads(schema, recipe.classes) if recipe.classes else None,
        recipe.make_objective(),
        schema,
        channels,
    )
    if isinstance(parts.encoder, networks.FixedFeatures) and seen_first is not None:
        parts.encoder.fit(parts.front_end(seen_first))
    parts.objective.attach(nn.Sequential(parts.front_end, parts.encoder), (channels, length))
    return parts


def _fixed(encoder: networks.FixedFeatures, schema: LatentSchema, name: str) -> nn.Module:
    """Fixed features are the latents themselves, and so there is nothing to be said of blocks."""
    if schema.size != encoder.features or schema.transforms:
        raise InputError(
            f"encoder {name!r} gives {encoder.features} fixed features, which are the latents; "
            f"write latent: [{{name: features, size: {encoder.features}}}], without relations"
        )
    return encoder


def _front_end(recipe: Recipe) -> networks.FrontEnd:
    given = recipe.encoder.front_end
    chosen = given if isinstance(given, Named) else Named(name=given)
    settings, kind = chosen.settings, networks.FRONT_ENDS.get(chosen.name)
    if kind is not None and "rate" in inspect.signature(kind).parameters:
        settings = {"rate": recipe.data.rate, **settings}
    return networks.front_end(chosen.name, **settings)


def _raw(front_end: networks.FrontEnd, channels: int, asked: int | None) -> int:
    """Channels that `GuaranteedEncoder` must not take for invariant ones."""
    raw = front_end.raw_channels(channels)
    if raw is None:
        raise InputError(
            "encoder 'guaranteed' needs channels that are invariant and others beside them; write "
            "front_end: invariants_beside"
        )
    if asked not in (None, raw):
        raise InputError(
            f"encoder 'guaranteed' got raw={asked}, but {raw} channels of the front-end are not "
            "invariant; leave raw out"
        )
    return raw


def build_module(
    recipe: Recipe, parts: Parts, teachers: Mapping[str, Model] | None = None
) -> StructuredModule:
    """Put the parts into the Lightning module, the trained models of `recipe.teachers` beside."""
    from triptych.training.module import StructuredModule

    return StructuredModule(
        parts.encoder,
        parts.objective,
        schema=parts.schema,
        front_end=parts.front_end,
        decoder=parts.decoder,
        heads=parts.heads,
        weights=recipe.weights,
        augment=recipe.make_augment(),
        **{name: _predictions(model) for name, model in (teachers or {}).items()},
        settings=recipe.training,
    )


def _predictions(teacher: Model) -> Teacher:
    def predictions(x: Tensor) -> Tensor:
        model = teacher.to(x.device)
        with torch.no_grad():
            return model.heads["invariant"](model(x.float())).softmax(dim=1).to(x.dtype)

    return predictions


def build_model(
    recipe: Recipe, parts: Parts, channels: Sequence[str] | None, info: dict[str, Any]
) -> Model:
    """Put trained parts into a model on the CPU, in float32, ready to embed."""
    names = tuple(channels or (f"channel {i}" for i in range(parts.channels)))
    if len(names) != parts.channels:
        raise InputError(
            f"{len(names)} channel names ({', '.join(names)}) for windows of {parts.channels} "
            "channels; name every one"
        )
    data = recipe.data
    model = Model(
        Preprocessing(data.rate, names, recipe.length, data.low, data.high),
        parts.encoder,
        parts.schema,
        front_end=parts.front_end,
        heads=parts.heads.by_name() if parts.heads else {},
        decoder=parts.decoder,
        info={"recipe": recipe.to_dict(), **info},
    )
    return model.float().cpu().eval()
