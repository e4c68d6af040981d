"""What a recipe of two populations is made of: encoder, blocks of its latents, objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from triptych.latent import BlockHeads, LatentSchema, TwoEncoders
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

OBJECTIVES: dict[str, type[Objective]] = {
    "plain": Plain,
    "simclr": SimCLR,
    "supcon": SupCon,
    "separation": BlendedSeparation,
}


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


def parts_of(recipe: Mapping[str, Any], data: Populations) -> tuple[PopulationModel, Objective]:
    """Model and objective of a recipe; its seed gives their first weights."""
    torch.manual_seed(recipe["training"]["seed"])  # pyright: ignore[reportUnknownMemberType]
    schema, transforms = schema_of(recipe), _transforms(data)
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
    settings = dict(recipe["objective"])
    if (name := settings.pop("name")) in FORMS:
        kind = ConvDecoder if data.rate else ImageDecoder
        decoder = kind(schema.size, channels, length, widths=(48, 32, 16))
        return model, ContrastiveVAE(schema, transforms, decoder, FORMS[name])
    if name == "separation":
        settings["attributes"] = data.attributes
    return model, OBJECTIVES[name].of(schema, transforms, **settings)


def schema_of(recipe: Mapping[str, Any]) -> LatentSchema:
    """Blocks of a recipe's latents."""
    return LatentSchema.from_dict({"blocks": recipe["latent"]})


def _transforms(data: Populations) -> tuple[Transform, ...]:
    """What the views differ in, and neither population is told by."""
    if data.rate:
        return PhaseShift(CONTEXT_S, data.rate), Gain(3.0), NoiseSNR(10.0, 30.0)
    return ImageCrop(max_zoom=0.2, max_shift=0.1), ImageTone(max_contrast=0.5, max_offset=0.15)
