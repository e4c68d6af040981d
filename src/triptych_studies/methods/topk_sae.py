"""The post-hoc rival of declared blocks: a TopK dictionary of SimCLR's frozen latents.

Its features are put into blocks by what they do on validation windows (`metrics.moved_share`): the
third of the active ones that the nuisance moves least is taken for invariant, the third that it
moves most for variant, so that the same figures are measured as of SCL's blocks.
"""

from __future__ import annotations

from typing import Any

import torch

from triptych import InputError
from triptych.latent import Block, LatentSchema, Mapped
from triptych.metrics import moved_share
from triptych.model import Model
from triptych.networks import TopKSAE
from triptych_studies.methods import Method
from triptych_studies.methods.contrastive import simclr

SETTINGS = {"features": 512, "active": 16, "epochs": 50, "groups": 3}
SEED = 5  # of the validation windows' views


def dictionary(task: Any, trained: Any, sides: Any) -> Model:
    """Learn the dictionary of the training windows, and group its features."""
    model, settings = trained.model, dict(SETTINGS)
    groups, epochs = settings.pop("groups"), settings.pop("epochs")
    chain, windows = task.chain(tested=False), sides.validation
    theta = chain.sample(len(windows), torch.Generator().manual_seed(SEED))
    moved = chain.apply(windows.with_context(chain.context).signals, theta)
    sparse = TopKSAE(model.schema.size, **settings)
    sparse.fit(model.embed(sides.train.centred).all, epochs=epochs)
    with torch.no_grad():
        still, after = (sparse(model.embed(x).all) for x in (windows.centred, moved))
    active = (still > 0).any(dim=0)
    share = torch.as_tensor(moved_share(still, after)).masked_fill(~active, torch.inf)
    if (used := int(active.sum())) < groups:
        raise InputError(
            f"{used} features of the dictionary are active, too few for {groups} groups"
        )
    order, size = share.argsort(stable=True), used // groups
    ends = torch.tensor([size, used - size, used])
    first, middle, last, unused = order.tensor_split(ends)
    sparse.reorder(torch.cat([first, last, middle, unused]))
    schema = LatentSchema(
        Block("steady", size, invariant_to=tuple(part.name for part in chain.parts)),
        Block("moved", size, variant_to=task.main),
        Block("rest", sparse.features - 2 * size),
    )
    encoder = Mapped(model.encoder, sparse).eval()
    return Model(
        model.preprocessing, encoder, schema, front_end=model.front_end, info=model.info
    ).eval()


METHODS = {"topk-sae": Method(simclr, frozen=True, after=dictionary, settings=SETTINGS)}
