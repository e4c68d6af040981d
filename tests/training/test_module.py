"""The Lightning module in a Trainer of one's own."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as L
import pytest
import torch
from tests.training import toys
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.objectives import StructuredContrastive
from triptych.training import NonFiniteLossError, StructuredModule, fit_module
from triptych.training.settings import Training
from triptych.transforms import PhaseShift

pytestmark = [
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no"),
]


def module(seed: int = 0) -> StructuredModule:
    schema = LatentSchema(
        Block("shape", 6, invariant_to="phase_shift"), Block("timing", 2, variant_to="phase_shift")
    )
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Flatten(), nn.Linear(toys.LENGTH, 16), nn.GELU(), nn.Dropout(0.5))
    objective = StructuredContrastive(schema, [PhaseShift(0.2, toys.RATE)])
    encoder = BlockHeads(trunk, schema, features=16)
    return StructuredModule(encoder, objective, settings=Training(epochs=2, seed=seed))


class Rates(L.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.steps: list[float] = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        self.steps.append(optimizer.param_groups[0]["lr"])


def trainer(*callbacks: L.Callback, epochs: int = 2) -> L.Trainer:
    return L.Trainer(
        callbacks=list(callbacks),
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_it_trains_on_anybodys_loaders() -> None:
    rates = Rates()
    made, run = module(), trainer(rates)
    signals = TensorDataset(toys.windows().signals)
    plain = DataLoader(toys.windows(24, 1).signals, batch_size=8)
    run.fit(made, DataLoader(signals, batch_size=16, shuffle=True), plain)
    assert {"train/total", "validation/total", "train/invariance/phase_shift"} <= set(
        run.callback_metrics
    )
    assert made.eval()(toys.windows().centred).shape == (48, 8)
    assert len(rates.steps) == 6
    assert max(rates.steps) > 1e3 * rates.steps[-1]  # one cycle, as long as the training


def test_views_and_dropout_come_from_the_seed() -> None:
    loader = DataLoader(toys.windows().signals, batch_size=16)
    weights: list[torch.Tensor] = []
    for seed in (0, 0, 1):
        made = module(seed)
        torch.manual_seed(len(weights))  # what was drawn before does not matter
        trainer().fit(made, loader)
        weights.append(torch.cat([p.detach().flatten() for p in made.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_infinite_signals_are_named_by_term_epoch_and_step() -> None:
    signals = toys.windows().signals
    signals[20] = torch.inf
    with pytest.raises(NonFiniteLossError, match=r"'invariance/phase_shift' .* epoch 1, step 2;"):
        trainer().fit(module(), DataLoader(signals, batch_size=16))


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.1), (2, 0.5), (10, 0.1), (3, 0.0)])
def test_a_training_of_few_steps_takes_them(steps: int, warmup: float) -> None:
    made, rates = module(), Rates()
    made.settings = Training(epochs=1, batch=4, warmup=warmup)
    before = torch.cat([p.detach().flatten() for p in made.parameters()])
    x = toys.windows(4 * steps).signals
    fit_module(made, x, torch.zeros(len(x)), device="cpu", callbacks=[rates])
    assert len(rates.steps) == steps
    assert max(rates.steps) <= 2e-3 * (1 + 1e-9)
    if warmup * steps == 1:  # one step of warming up, and then the largest rate
        assert rates.steps[0] == pytest.approx(2e-3 / 25)
    assert not torch.equal(before, torch.cat([p.detach().flatten() for p in made.parameters()]))
