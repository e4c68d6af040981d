from __future__ import annotations

from typing import Any

import lightning.pytorch as L
import pytest
import torch
from tests.training import toys
from tests.training.test_module import trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from triptych.errors import InputError
from triptych.training import AuditCallback, fit
from triptych.transforms import Gain, NoiseSNR, PhaseShift, Rotation

SHIFT = PhaseShift(0.2, toys.RATE)


class Anybody(L.LightningModule):
    """A module of somebody else's: no schema, latents by a method of another name."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(toys.LENGTH, 4)

    def encode(self, x: Tensor) -> Tensor:
        assert not self.training
        return self.layer(x[:, 0])

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        assert self.training
        return self.layer(batch[:, 0]).square().mean()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), 0.01)


@pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers")
def test_it_works_in_anybodys_run() -> None:
    callback = AuditCallback(toys.windows(), SHIFT, [0.0, 0.05], every=2, embed="encode")
    run = trainer(callback, epochs=4)
    run.fit(Anybody(), DataLoader(toys.windows().centred, batch_size=16))
    assert [row["epoch"] for row in callback.history] == [2, 4]
    assert set(callback.history[0]) == {
        "epoch", "audit/cosine@0", "audit/cosine@0.05", "audit/cosine_between"
    }  # fmt: skip
    assert callback.history[0]["audit/cosine@0"] == pytest.approx(1, abs=1e-6)
    assert float(run.callback_metrics["audit/cosine@0.05"]) == pytest.approx(
        callback.history[1]["audit/cosine@0.05"], abs=1e-6
    )


def test_blocks_are_audited_apart_and_logged() -> None:
    callback = AuditCallback(toys.windows(), SHIFT, [0.1], every=2)
    fitted = fit(
        toys.recipe(training__epochs=3), toys.windows(), None, callbacks=[callback], device="cpu"
    )
    names = {"audit/cosine@0.1", "audit/morphology/cosine@0.1", "audit/timing/cosine_between"}
    assert names <= set(fitted.history[1])
    assert not names & (set(fitted.history[0]) | set(fitted.history[2]))
    z = fitted.model.embed(SHIFT.apply(toys.windows().signals, torch.full((48, 1), 0.1)))
    assert z.all.shape == (48, 16)


def test_an_encoder_that_is_constant_is_seen_by_its_between_record_level() -> None:
    callback = AuditCallback(toys.windows(), SHIFT, [0.1], embed=lambda x: torch.ones(len(x), 3))
    figures = callback.measure(Anybody())
    assert figures == {"cosine@0.1": 1.0, "cosine_between": 1.0}


def test_noise_of_the_embedding_is_told_from_the_transform() -> None:
    callback = AuditCallback(toys.windows(), SHIFT, [0.1], embed=lambda x: torch.randn(len(x), 3))
    assert callback.measure(Anybody())["again"] == pytest.approx(1, abs=0.2)


def test_single_numbers_and_zeros_are_no_cosines() -> None:
    def level(x: Tensor) -> Tensor:
        return 600 + x.square().mean(dim=(1, 2), keepdim=True)[:, 0]

    one = AuditCallback(toys.windows(), Gain(), [6.0], embed=level).measure(Anybody())
    assert set(one) == {"agreement@6", "agreement_between"}
    assert one["agreement@6"] < 0.5
    assert one["agreement_between"] == pytest.approx(0, abs=1e-9)

    def half(x: Tensor) -> Tensor:
        return x.flatten(1) * (torch.arange(len(x)) % 2)[:, None]

    some = AuditCallback(toys.windows(), Gain(), [6.0], embed=half).measure(Anybody())
    assert some["cosine@6"] == pytest.approx(1, abs=1e-6)
    assert some["zeros"] == 0.5


def test_parameters_of_several_numbers() -> None:
    turn = [0.0, 0.0, 1.0, 0.0]
    callback = AuditCallback(
        toys.windows(channels=3), Rotation(), [turn], embed=lambda x: x.mean(dim=2)
    )
    assert set(callback.measure(Anybody())) == {"cosine@0,0,1,0", "cosine_between"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((toys.windows(), SHIFT, []), "got 0 θ"),
        ((toys.windows(), SHIFT, [0.1], 0), "every 0 epochs"),
        (
            (toys.windows(context=3), SHIFT, [0.1]),
            "3 samples .*20",
        ),
        ((toys.windows(2).take([0]), Gain(), [1.0]), "at least two"),
        ((toys.windows(), NoiseSNR(), [3.0]), "expected"),
    ],
)
def test_a_fault_is_named(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        AuditCallback(*arguments)
