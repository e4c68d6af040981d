"""Recipes with gates: trained, saved, loaded, exported; their KL in the loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training import toys
from torch import nn

from triptych.errors import InputError
from triptych.latent import BernoulliGate, BlockHeads, LatentSchema
from triptych.model import Model
from triptych.objectives import NonNegative, Plain
from triptych.training import CombinedLoss, Recipe, fit
from triptych.training.build import build

LATENT = [
    {
        "name": "morphology", "size": 8, "invariant_to": "phase_shift",
        "gate": {"prior": 0.7, "hidden": 8, "mode": "gumbel"},
    },
    {"name": "timing", "size": 4, "variant_to": "phase_shift"},
    {"name": "detail", "size": 4},
]  # fmt: skip


def gated(**changes: Any) -> Recipe:
    return toys.recipe(latent=LATENT, **changes)


def loss(made: Recipe) -> CombinedLoss:
    torch.manual_seed(0)
    parts = build(made, 1, made.length)
    return CombinedLoss(
        parts.encoder, parts.objective, schema=parts.schema, front_end=parts.front_end,
        decoder=parts.decoder, heads=parts.heads, weights=made.weights,
    )  # fmt: skip


def test_scl_with_a_gated_block_trains_and_is_saved_with_its_gates(tmp_path: Path) -> None:
    made = gated(training__epochs=2, classes=["slow", "fast"])
    fitted = fit(made, toys.windows(), toys.windows(24, 1), device="cpu", out=tmp_path)
    assert fitted.history[-1]["train/gate/morphology"] > 0
    x = toys.windows().centred
    loaded, model = Model.load(tmp_path), fitted.model
    assert loaded.schema["morphology"].gate == BernoulliGate(prior=0.7, hidden=8, mode="gumbel")
    z = model.embed(x)
    assert torch.equal(loaded.embed(x).all, z.all)
    assert (z["morphology"] >= 0).all()
    assert (z["timing"] < 0).any()
    assert 0 < (z["morphology"] > 0).float().mean() < 1
    names = [name for name, _ in loaded.named_parameters()]
    assert any("gates.morphology" in name for name in names)


def test_the_kl_of_a_gated_block_reaches_the_loss_with_its_weight() -> None:
    x = toys.windows(8).signals
    totals: list[float] = []
    for weight in (0.0, 2.0):
        made = loss(gated(weights__gate=weight, decoder=False))
        torch.manual_seed(1)  # of the gates' draw
        found = made(x, None, torch.Generator().manual_seed(0))
        totals.append(found["total"].item())
    encoder = made.encoder
    assert isinstance(encoder, BlockHeads)
    views = made.objective.views(x, torch.Generator().manual_seed(0))
    probability = encoder.outputs(made.front_end(views.signals)).probabilities["morphology"]
    kl = BernoulliGate(prior=0.7).kl(probability).item()
    assert found["gate/morphology"].item() == pytest.approx(kl, rel=1e-5)
    assert totals[1] - totals[0] == pytest.approx(2 * kl, rel=1e-4)
    assert Recipe.of(toys.CONTENT).weights.gate == 3e-5


def test_a_gate_needs_block_heads() -> None:
    schema = LatentSchema.from_dict({"blocks": LATENT})
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(toys.LENGTH, 16))
    with pytest.raises(InputError, match="block 'morphology' needs"):
        CombinedLoss(encoder, Plain(), schema=schema)


def test_ncl_is_made_by_name() -> None:
    ncl = toys.recipe(objective={"name": "ncl", "top_k": 5}).make_objective()
    assert isinstance(ncl, NonNegative)
    assert ncl.top_k == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objective": {"name": "bayesncl"}}, "retired: give"),
        ({"objective": {"name": "ncl", "gate": {}}}, "retired: give"),
        ({"latent": [{**LATENT[0], "gate": {"temperature": 0}}]}, "temperature is 0"),
        ({"latent": [{**LATENT[0], "gate": True}]}, "True, expected settings"),
        ({"objective": {"name": "ncl", "top_k": "all"}}, "cannot be made"),
        ({"latent": [{**LATENT[0], "gate": {"prior": 2}}]}, "gate's prior"),
        ({"weights": {"gate": -1}}, "weights.gate' is -1"),
    ],
)
def test_a_wrong_gate_in_a_recipe_is_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        toys.recipe().replace(changes)
    assert "\n" not in str(caught.value)
