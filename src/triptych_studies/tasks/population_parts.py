"""What a recipe of two populations is made of: encoder, blocks of its latents, objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from triptych.latent import Block, BlockHeads, LatentSchema, TwoEncoders
from triptych.networks import ConvDecoder, ConvEncoder
from triptych.objectives import Objective, Plain, SimCLR, SupCon
from triptych.transforms import Gain, NoiseSNR, PhaseShift, Transform, context_of
from triptych_studies.images.networks import ImageDecoder, PatchEncoder
from triptych_studies.images.transforms import ImageCrop, ImageTone
from triptych_studies.methods.blended_separation import BlendedSeparation
from triptych_studies.methods.contrastive_vae import FORMS
from triptych_studies.methods.vae_objective import ContrastiveVAE
from triptych_studies.tasks.population_beats import CONTEXT_S
from triptych_studies.tasks.population_samples import Populations

UNDIVIDED = {"simclr": SimCLR, "supcon": SupCon}  # one latent vector stands for both spaces
PACE = ("epochs", "batch", "learning_rate")
ELSEWHERE = (*PACE, "objective", "common", "salient", "null_radius")  # not the objective's own


class PopulationModel(nn.Module):
    """An encoder of signals or images and the blocks of its latents.

    It takes the middle `length` samples of a signal, and images of that width.
    """

    def __init__(self, encoder: nn.Module, schema: LatentSchema, length: int) -> None:
        super().__init__()
        self.encoder, self.schema, self.length = encoder, schema, length

    def embed(self, x: Tensor) -> Tensor:
        """Latents ``(n, size)`` of samples ``(n, channels, ...)``."""
        context = (x.shape[-1] - self.length) // 2
        cut = x[..., context : context + self.length]
        with torch.no_grad():
            starts = range(0, len(cut), 1024)
            return torch.cat([self.encoder(cut[start : start + 1024]) for start in starts])


def parts_of(
    recipe: Mapping[str, Any], data: Populations, seed: int
) -> tuple[PopulationModel, Objective]:
    """Model and objective of a recipe; the same seed gives the same first weights."""
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    schema, transforms = schema_of(recipe, data.attributes), _transforms(data)
    channels, *_, length = data.train.x.shape[1:]
    length -= 2 * max(context_of(each) for each in transforms)

    def trunk() -> nn.Module:
        if data.rate:
            return ConvEncoder(
                channels, length, widths=(16, 32, 48), kernels=(15, 7, 5), strides=(4, 2, 2)
            )
        return PatchEncoder(channels, length)

    trunks = TwoEncoders(trunk(), trunk()) if schema.common else trunk()
    model = PopulationModel(BlockHeads(trunks, schema), schema, length)
    name = recipe["objective"]
    if name == "none":
        return model, Plain(transforms)
    if name in UNDIVIDED:
        return model, UNDIVIDED[name](schema.size, transforms)
    if name in FORMS:
        kind = ConvDecoder if data.rate else ImageDecoder
        decoder = kind(schema.size, channels, length, widths=(48, 32, 16))
        return model, ContrastiveVAE(schema, transforms, decoder, FORMS[name])
    own = {key: value for key, value in recipe.items() if key not in ELSEWHERE}
    return model, BlendedSeparation(schema, transforms, attributes=data.attributes, **own)


def schema_of(recipe: Mapping[str, Any], attributes: Mapping[str, str]) -> LatentSchema:
    """Blocks of a recipe's latents: common and salient, or one that stands for both."""
    common, salient = recipe["common"], recipe["salient"]
    if recipe["objective"] in UNDIVIDED:
        return LatentSchema(Block("latent", common + salient))
    radius = recipe.get("null_radius", 0.0)
    own = [Block("salient", salient, role="salient", null_radius=radius)]
    if attributes and recipe["objective"] == "separation":
        own = [Block(name, 1, role="salient") for name in attributes]
    return LatentSchema(Block("common", common, role="common"), *own)


def _transforms(data: Populations) -> tuple[Transform, ...]:
    """What the views differ in, and neither population is told by."""
    if data.rate:
        return PhaseShift(CONTEXT_S, data.rate), Gain(3.0), NoiseSNR(10.0, 30.0)
    return ImageCrop(max_zoom=0.2, max_shift=0.1), ImageTone(max_contrast=0.5, max_offset=0.15)
