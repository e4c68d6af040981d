"""What each row of the contrastive-analysis study trains, on each of its data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from triptych.latent import Block, BlockHeads, LatentSchema, TwoEncoders
from triptych.networks import ConvDecoder, ConvEncoder
from triptych.objectives import Objective, Plain, Separation, SimCLR, SupCon
from triptych.training.settings import Training
from triptych.transforms import Gain, NoiseSNR, PhaseShift, Transform, context_of
from triptych_studies.contrastive_data import CONTEXT_S, Populations
from triptych_studies.contrastive_vae import KINDS, ContrastiveVAE
from triptych_studies.image_networks import ImageDecoder, PatchEncoder
from triptych_studies.image_transforms import ImageCrop, ImageTone
from triptych_studies.recipes import merged

LINEAR = "contrastive-pca"
RIVALS = ("random", LINEAR, "simclr", "supcon", *KINDS)
OWN = ("sepclr-kjem", "sepclr-hsic", "sepclr-crosscov", "sepclr")  # the published one is a rival
METHODS = (*RIVALS, "sepclr-published", *OWN)
UNDIVIDED = ("simclr", "supcon")  # one latent vector stands for both spaces
EPOCHS = {"smoke": 1, "quick": 25, "full": 100}
MOST_EPOCHS = {"mitdb": 25}  # longer learns the training people by heart (docs/lab-notes.md)
BASE: dict[str, Any] = {"common": 16, "salient": 16, "batch": 192, "learning_rate": 4e-3}
# The salient term outweighs independence, so that it is the common latents that give way.
SEPCLR: dict[str, Any] = {
    "independence": "canonical_correlation",
    "weights": {"common": 1.0, "salient": 1000.0, "background": 1000.0, "independence": 15.0},
    "uniformity": 2.0,
    "bandwidth": 0.5,
    "null_pairs": False,
    "spread_targets": True,
    "mix": 0.8,
}
# Choices beyond the above; they stand in a recipe only where they are taken.
OFF: dict[str, Any] = {"grouped": False, "null_radius": 0.0, "sharing": 0}
SEPCLR_OF_DATA: dict[str, dict[str, Any]] = {
    # A quarter of a batch's targets share the background blended into them (docs/lab-notes.md).
    "digits": {"independence": "hsic", "mix": 0.6, "sharing": 24},
    # The published terms and weights for supervised attributes: canonical correlation empties a
    # dimension that is slow to learn, here the orientation's (docs/lab-notes.md).
    "sprites": {
        "independence": "joint_entropy",
        "uniformity": 1.0,
        "weights": {"salient": 100.0, "independence": 10.0},
        "null_pairs": True,
        "mix": 0.0,
    },
    # Records differ by more than beats do (docs/lab-notes.md). A normal beat of somebody new is
    # often taken for a target's: the null vector outweighs, and is large.
    "mitdb": {
        "mix": 0.0,
        "grouped": True,
        "independence": "hsic",
        "null_radius": 2.0,
        "weights": {"background": 3000.0},
    },
}
# k-JEM at λ = 10, on two views of the samples alone
PUBLISHED: dict[str, Any] = {
    "independence": "joint_entropy",
    "weights": {"background": 1000.0, "independence": 10.0},
    "null_pairs": True,
    "mix": 0.0,
    **OFF,
}
CHANGES: dict[str, dict[str, Any]] = {
    "random": {"objective": "none"},
    LINEAR: {"objective": "none"},
    "simclr": {"objective": "simclr"},
    "supcon": {"objective": "supcon"},
    **{kind: {"objective": kind} for kind in KINDS},
    "sepclr-published": {"objective": "separation", **PUBLISHED},
    "sepclr-kjem": {"objective": "separation", "independence": "joint_entropy"},
    "sepclr-hsic": {"objective": "separation", "independence": "hsic"},
    "sepclr-crosscov": {"objective": "separation", "independence": "cross_covariance"},
    "sepclr": {"objective": "separation"},
}
# What the names of the rows do not say; networks, views, batch and pace are the study's throughout.
DESCRIPTIONS: dict[str, str] = {
    "random": "the encoder, untrained",
    LINEAR: "principal components of the background, and of targets minus background",
    "simclr": "one latent vector, trained on views alone, stands for both spaces",
    "supcon": "one latent vector, trained to tell background from target, stands for both spaces",
    "cvae": "contrastive VAE without total correlation",
    "mm-cvae": "a variant of MM-cVAE: one kernel as wide as the latents, both discrepancies weigh "
    "100 beside the mean loss of a sample",
    "mm-cvae-published": "MM-cVAE with its authors' terms and weights: 13 kernels, 10,000 for the "
    "common and 1,000 for the salient discrepancy beside a batch's summed loss",
    "sepvae": "a variant of SepVAE: salient prior of the background N(0, 0.1²), its variance "
    "learned, KL, classifier and shared information weigh 1",
    "sepvae-published": "SepVAE with its authors' terms and weights for CelebA: salient prior of "
    "the background N(0, 0.025), its variance held at 0.1, KL weighs 0.5, the classifier 1e-9, "
    "shared information 2",
    "sepclr-published": "SepCLR with its authors' terms and weights: k-JEM, two views of the "
    "samples alone (of sprites: the supervised terms)",
    "sepclr-kjem": "sepclr with k-JEM as its independence term",
    "sepclr-hsic": "sepclr with HSIC as its independence term",
    "sepclr-crosscov": "sepclr with cross-covariance as its independence term",
    "sepclr": "SepCLR with our settings for each data set (of sprites: the authors' supervised "
    "terms and weights, on both views)",
}
TERMS = {"beta_s": "salient", "beta_r": "background", "lambda": "independence"}


def _ablated(**change: Any) -> dict[str, Any]:
    return {"objective": "separation", **change}


# What the ablation changes in `sepclr`: one command, one table. `times` multiplies weights.
ABLATIONS: dict[str, dict[str, Any]] = {
    "sepclr": _ablated(),
    "no common term": _ablated(times={"common": 0.0}),
    "no salient term": _ablated(times={"salient": 0.0}),
    "no null vector": _ablated(times={"background": 0.0}),
    "no independence": _ablated(independence=None),
    "null pairs counted": _ablated(null_pairs=True),
    "uniformity of the background alone": _ablated(spread_targets=False),
    "no background blended in": _ablated(mix=0.0, sharing=0),
    "each its own background": _ablated(sharing=0),
    "groups not told": _ablated(grouped=False),
    "no null radius": _ablated(null_radius=0.0),
    **{
        f"{name} x {factor:g}": _ablated(times={term: factor})
        for name, term in TERMS.items()
        for factor in (0.1, 10.0)
    },
}


@dataclass(frozen=True)
class Parts:
    """What is trained: encoder, objective, blocks and pace; `length` of a signal or image row."""

    encoder: nn.Module
    objective: Objective
    schema: LatentSchema
    settings: Training
    length: int

    @property
    def parameters(self) -> int:
        """Weights of the encoder."""
        return sum(each.numel() for each in self.encoder.parameters())


def recipe_of(change: Mapping[str, Any], data: Populations) -> dict[str, Any]:
    """A method's recipe on a data set, as plain data."""
    base = BASE
    if change["objective"] == "separation":
        base = merged(merged(base, SEPCLR), SEPCLR_OF_DATA.get(data.data_name, {}))
    epochs = EPOCHS[data.options.budget]
    epochs = min(epochs, MOST_EPOCHS.get(data.data_name, epochs))
    recipe: dict[str, Any] = merged(base, change) | {"epochs": epochs}
    recipe = {name: value for name, value in recipe.items() if value or name not in OFF}
    times: dict[str, float] = recipe.pop("times", {})
    if times:
        weights: dict[str, float] = recipe["weights"]
        recipe["weights"] = {name: times.get(name, 1) * weights[name] for name in weights}
    return recipe


def parts_of(recipe: Mapping[str, Any], data: Populations, seed: int) -> Parts:
    """Make the parts of a recipe; the same seed gives the same first weights."""
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    divided = recipe["objective"] not in UNDIVIDED
    schema = _schema(recipe, data.attributes, divided)
    shape = data.train.x.shape[1:]
    transforms = _transforms(data)
    length = shape[-1] - 2 * max(context_of(each) for each in transforms)
    trunk = _trunk(shape[0], length, bool(data.rate))
    if divided:
        trunk = TwoEncoders(trunk, _trunk(shape[0], length, bool(data.rate)))
    pace = {name: recipe[name] for name in ("epochs", "batch", "learning_rate")}
    return Parts(
        BlockHeads(trunk, schema),
        _objective(recipe, schema, transforms, data, (shape[0], length)),
        schema,
        Training(**pace, seed=seed),
        length,
    )


def _schema(
    recipe: Mapping[str, Any], attributes: Mapping[str, str], divided: bool
) -> LatentSchema:
    common, salient = recipe["common"], recipe["salient"]
    if not divided:
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


def _trunk(channels: int, length: int, signals: bool) -> nn.Module:
    if signals:
        return ConvEncoder(
            channels, length, widths=(16, 32, 48), kernels=(15, 7, 5), strides=(4, 2, 2)
        )
    return PatchEncoder(channels, length)


def _objective(
    recipe: Mapping[str, Any],
    schema: LatentSchema,
    transforms: tuple[Transform, ...],
    data: Populations,
    shape: tuple[int, int],
) -> Objective:
    name = recipe["objective"]
    if name == "simclr":
        return SimCLR(schema.size, transforms)
    if name == "supcon":
        return SupCon(schema.size, transforms)
    if name in KINDS:
        decoder = ConvDecoder if data.rate else ImageDecoder
        made = decoder(schema.size, *shape, widths=(48, 32, 16))
        return ContrastiveVAE(schema, transforms, made, kind=name)
    if name == "none":
        return Plain(transforms)
    chosen = {key: recipe[key] for key in SEPCLR}
    chosen |= {key: recipe[key] for key in ("grouped", "sharing") if key in recipe}
    return Separation(schema, transforms, attributes=data.attributes, **chosen)
