"""PLITA: successive windows are successive, both terms by definition, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import Plita
from triptych.objectives.plita import tempo
from triptych.transforms import Gain, PhaseShift

SHIFT = PhaseShift(max_shift=1.0, rate=20.0)  # windows of 20 samples, 20 on either side
SCHEMA = LatentSchema(
    Block("steady", 3, invariant_to=("phase_shift", "gain")),
    Block("tempo", 2, variant_to="phase_shift", invariant_to="gain"),
    Block("rest", 1),
)
X = torch.randn(4, 1, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def made(**settings: Any) -> tuple[Plita, nn.Module]:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(20, 6)).double()
    objective = Plita(SCHEMA, [SHIFT, Gain()], windows=3, projection=4, **settings).double()
    objective.attach(encoder)
    return objective, encoder


def test_views_are_successive_windows_each_under_its_own_draw_of_the_rest() -> None:
    views = made()[0].views(X, torch.Generator().manual_seed(1))
    assert views.params["phase_shift"][:, 0, 0].tolist() == [-1, 0, 1]
    parts = X.unflatten(2, (3, 20)).permute(2, 0, 1, 3).flatten(0, 1)
    ratio = views.signals / parts
    torch.testing.assert_close(ratio, ratio[:, :, :1].expand_as(ratio))
    assert len(set(views.params["gain"].flatten().tolist())) == 12


def test_terms_are_the_definitions() -> None:
    objective, encoder = made(momentum=0.9, order=0.5)
    with torch.no_grad():
        for each in encoder.parameters():
            each.add_(0.3)
    views = objective.views(X, torch.Generator().manual_seed(1))
    z = encoder(views.signals)
    found = objective(z, views)
    assert objective.copy is not None
    slow = list(objective.copy.parameters())[:2]
    for copied, weight in zip(slow, encoder.parameters(), strict=True):
        torch.testing.assert_close(copied, (weight - 0.9 * 0.3).detach())
    target = objective.projector  # the copy of the projector has not moved: it is the same
    old = nn.functional.linear(views.signals.flatten(1), slow[0], slow[1])
    aims = normalize(target(old[:, :3])).detach().view(3, 4, -1)
    guesses = normalize(objective.predictor(target(z[:, :3]))).view(3, 4, -1)
    total = 0.0
    for i in range(3):
        for other in ((i + 1) % 3, (i - 1) % 3):
            total += float((2 - 2 * (guesses[i] * aims[other]).sum(dim=1)).sum().detach()) / 24
    assert float(found.terms["invariance"].detach()) == pytest.approx(total)
    own = objective.tempo_projector(z[:, 3:5]).view(3, 4, -1)
    assert float(found.terms["tempo"].detach()) == pytest.approx(by_hand(own))
    parts = found.terms["invariance"] + 0.5 * found.terms["tempo"]
    torch.testing.assert_close(found.total, parts)


def by_hand(z: Tensor) -> float:
    total, k = 0.0, len(z)
    for row in normalize(z, dim=2).detach().transpose(0, 1):
        for i in range(k):
            for j in range(k):
                if i != j:
                    ideal = 1 - abs(i - j) / (k - 1)
                    total += (float(row[i] @ row[j]) - ideal) ** 2 / (k * (k - 1))
    return total / z.shape[1]


def test_windows_in_order_cost_nothing_and_a_collapsed_block_does() -> None:
    angle = torch.tensor([0.0, torch.pi / 3, torch.pi / 2], dtype=torch.float64)
    ordered = torch.stack([angle.cos(), angle.sin()], dim=1)[:, None]
    assert tempo(ordered).item() == pytest.approx((3**0.5 / 2 - 0.5) ** 2 / 3)
    assert tempo(ordered).item() < tempo(ordered[[1, 0, 2]]).item()
    assert tempo(torch.ones(5, 2, 3)).item() == pytest.approx(0.3125)  # never apart: not in order


def test_what_cannot_be_is_refused() -> None:
    circular = PhaseShift(max_shift=1.0, rate=20.0, mode="circular")
    for schema, transforms, settings in (
        (SCHEMA, [circular, Gain()], {}),
        (SCHEMA, [Gain()], {}),
        (SCHEMA, [SHIFT], {"windows": 2}),
        (SCHEMA, [SHIFT], {"momentum": 1.0}),
        (SCHEMA, [SHIFT], {"order": -1.0}),
        (LatentSchema(Block("steady", 3, invariant_to="phase_shift")), [SHIFT], {}),
    ):
        with pytest.raises(InputError):
            Plita(schema, transforms, **settings)
    objective = Plita(SCHEMA, [SHIFT, Gain()])
    with pytest.raises(InputError, match="attach"):
        objective(torch.zeros(20, 6), objective.views(X.float()))
