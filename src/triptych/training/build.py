"""From a recipe to modules: front-end, encoder, decoder, heads, and the Lightning module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from triptych import networks
from triptych.errors import InputError
from triptych.latent import BlockHeads, LatentSchema, LinearHead, Target, TwoEncoders
from triptych.model import Model
from triptych.networks.abilities import takes_gaps
from triptych.networks.statistics import fit_statistics
from triptych.objectives import Objective
from triptych.training.heads import TaskHeads
from triptych.training.losses import Teacher
from triptych.training.recipe import Recipe
from triptych.training.seeds import same_random_state

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


def build(
    recipe: Recipe,
    channels: int,
    length: int,
    target: Target | None = None,
    balance: Tensor | None = None,
    seen_first: Tensor | None = None,
) -> Parts:
    """Make the parts; their initial weights come from torch's global random state.

    Parameters
    ----------
    channels, length
        Shape of a window without context; of images (an encoder that is registered for them)
        the height, which is the width.
    target, balance
        What heads say, if it is more than the recipe's classes, and weights of the labels; see
        `TaskHeads`.
    seen_first
        Training windows ``(n, channels, length)``, for encoders of fixed features or statistics.

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
    shape = networks.ENCODERS.parameters(name)
    if "rate" in shape:
        settings = {"rate": recipe.data.rate, **settings}
    given = dict(zip(shape, seen, strict=False)) | settings
    trunks = [networks.encoder(name, **given) for _ in range(1 + recipe.encoder.two)]
    trunk = TwoEncoders(*trunks) if recipe.encoder.two else trunks[0]
    if recipe.takes_gaps and not takes_gaps(front_end, trunk):
        raise InputError(
            f"missing samples are to be trained on, but front-end {type(front_end).__name__} with "
            f"encoder {name!r} cannot mask them; take front_end standardize or one of the rotation "
            "front-ends with encoder conv, resnet or guaranteed, or interpolate (missing: "
            "interpolate, or fill: interpolate of the transform gaps)"
        )
    told = target or recipe.classes
    parts = Parts(
        nn.Sequential(*([] if front_end.raw else [networks.Standardize()]), front_end),
        _fixed(trunk, schema, name)
        if isinstance(trunk, networks.FixedFeatures)
        else BlockHeads(trunk, schema, hidden=recipe.encoder.head_hidden),
        networks.ConvDecoder(schema.size, *seen) if recipe.decoder else None,
        TaskHeads(schema, told, balance) if told else None,
        recipe.make_objective(),
        schema,
        channels,
    )
    if isinstance(parts.encoder, networks.FixedFeatures) and seen_first is not None:
        parts.encoder.fit(parts.front_end(seen_first))
    elif seen_first is not None:
        fit_statistics(nn.Sequential(parts.front_end, parts.encoder), seen_first)
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
    chosen = recipe.encoder.before
    settings = chosen.settings
    if "rate" in networks.FRONT_ENDS.parameters(chosen.name):
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
            head = cast(LinearHead, model.heads["invariant"])
            return head.target.decode(head(model(x.float()))).to(x.dtype)

    return predictions


def build_model(
    recipe: Recipe, parts: Parts, channels: Sequence[str] | None, info: dict[str, Any]
) -> Model:
    """Put trained parts into a model on the CPU, in float32, ready to embed."""
    model = Model(
        recipe.data.preprocessing(names_of(channels, parts.channels)),
        parts.encoder,
        parts.schema,
        front_end=parts.front_end,
        heads=parts.heads.by_name() if parts.heads else {},
        decoder=parts.decoder,
        info={"recipe": recipe.to_dict(), **info},
    )
    return model.float().cpu().eval()


def names_of(channels: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Names of so many channels; raises InputError if others are given."""
    names = tuple(channels or (f"channel {i}" for i in range(count)))
    if len(names) != count:
        raise InputError(
            f"{len(names)} channel names ({', '.join(names)}) for windows of {count} channels; "
            "name every one"
        )
    return names


def untrained(
    recipe: Recipe, channels: Sequence[str] | int, seen_first: Tensor | None = None
) -> Model:
    """Model of a recipe with its first weights, which are what a trained one is compared with.

    Built and drawn as where `fit` begins, but from a seed of its own, and without heads, which
    would say nothing of the latents. Torch's random state stays as it was.

    Parameters
    ----------
    channels
        Names of the channels of a window, or how many there are.
    seen_first
        Training windows ``(n, channels, length)``, for encoders of fixed features or statistics.

    Raises
    ------
    InputError
        If a name or a setting of the encoder is unknown or does not fit.
    """
    names, count = (None, channels) if isinstance(channels, int) else (channels, len(channels))
    with same_random_state():
        torch.manual_seed(recipe.training.seed)  # pyright: ignore[reportUnknownMemberType]
        parts = replace(build(recipe, count, recipe.length, seen_first=seen_first), heads=None)
    return build_model(recipe, parts, names, {})
