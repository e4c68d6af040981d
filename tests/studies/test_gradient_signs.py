"""Sign flips: a dimension that is pulled back and forth flips, another does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from tests.training import toys
from torch import nn

from triptych.training import fit
from triptych_studies.tasks.gradient_signs import GradientSigns


class Pull(nn.Module):
    """Σ direction · z of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 0

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        self.step += 1
        return (z * torch.tensor([1.0, (-1.0) ** self.step] + [1.0] * 18)).sum()


@pytest.mark.parametrize(("often", "rate"), [(0, 0.0), (1, 1.0)])
def test_flips_of_the_common_dimensions_are_counted(often: int, rate: float) -> None:
    objective, watch = Pull(), GradientSigns(10)
    module: Any = SimpleNamespace(loss=SimpleNamespace(objective=objective))
    trainer = cast(Any, None)
    watch.on_fit_start(trainer, module)
    z = torch.zeros(8, 20)
    z[:, often] = 1.0  # the one that all samples open; another is open in a quarter of them
    z[:2, 1 - often] = 1.0
    for _ in range(6):
        seen = z.clone().requires_grad_()
        objective(seen).backward()
    objective(z)  # a validation step: nothing to watch
    watch.on_train_epoch_end(trainer, module)
    watch.on_fit_end(trainer, module)
    assert watch.flips == [rate]
    assert watch.open == [1.0]
    objective(z.clone().requires_grad_()).backward()
    assert not watch._opened  # it has let go


def test_watching_changes_no_training() -> None:
    gate = [{"name": "morphology", "size": 16, "gate": {"hidden": 8}}]
    made = toys.recipe(
        latent=gate, objective={"name": "simclr", "projection": 0}, decoder=False, transforms=[]
    )
    watch = GradientSigns(16)
    plain, watched = (
        fit(made, toys.windows(context=0), None, device="cpu", callbacks=each)
        for each in ([], [watch])
    )
    for a, b in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert len(watch.flips) == 3
    assert all(0 <= each <= 1 for each in (*watch.flips, *watch.open))
