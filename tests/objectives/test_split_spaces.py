"""LooC and SIE: views that share θ, and losses written from their definitions, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import SIE, LooC, StructuredContrastive, redundancy
from triptych.objectives.hypernetwork import Hypernetwork
from triptych.objectives.registry import make
from triptych.objectives.views import Change
from triptych.transforms import Gain, PhaseShift, Rotation, Transform

SHIFT, GAIN = PhaseShift(max_shift=0.25, rate=40.0), Gain()
X = torch.randn(6, 1, 60, generator=torch.Generator().manual_seed(0))
SCHEMA = LatentSchema(
    Block("all", 4, invariant_to=("phase_shift", "gain")),
    Block("shift", 3, variant_to="phase_shift", invariant_to="gain"),
    Block("size", 2, variant_to="gain", invariant_to="phase_shift"),
)


def test_keys_of_a_space_repeat_the_theta_of_its_own_transform() -> None:
    views = LooC(SCHEMA, [SHIFT, GAIN]).views(X, torch.Generator().manual_seed(1))
    assert views.signals.shape == (24, 1, 40)
    for name, own in (("phase_shift", 2), ("gain", 3)):
        query, *keys = views.params[name]
        equal = [torch.equal(query, each) for each in keys]
        assert equal == [place == own for place in (1, 2, 3)]
    alike = SHIFT.apply(X, views.params["phase_shift"][2])
    again = GAIN.apply(alike, views.params["gain"][2])
    torch.testing.assert_close(views.signals[12:18], again)


def test_looc_equals_the_definition() -> None:
    objective = LooC(SCHEMA, [SHIFT, GAIN], temperature=0.3)
    views = objective.views(X)
    z = torch.randn(24, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    losses: list[float] = []
    for place, blocks in ((1, slice(0, 4)), (2, slice(4, 7)), (3, slice(7, 9))):
        rows = [normalize(each[:, blocks]) for each in z.chunk(4)]
        total = 0.0
        for i in range(6):
            odds = [(rows[0][i] @ rows[place][k] / 0.3).exp() for k in range(6)]
            left_out = [k for k in (1, 2, 3) if k != place] if place > 1 else []
            others = [(rows[0][i] @ rows[k][i] / 0.3).exp() for k in left_out]
            total -= float((odds[i] / sum(odds + others)).log())
        losses.append(total / 6)
    found = objective(z, views)
    assert [float(each) for each in found.terms.values()] == pytest.approx(losses, abs=1e-12)
    assert float(found.total) == pytest.approx(sum(losses) / 3, abs=1e-12)


@pytest.mark.parametrize("transform", [SHIFT, Rotation()])
def test_the_hypernetwork_starts_near_the_identity_and_equals_the_definition(
    transform: Transform,
) -> None:
    mechanism = Hypernetwork(transform, 3).double()
    generator = torch.Generator().manual_seed(0)
    a, b = (transform.sample(8, generator).double() for _ in range(2))
    change = Change(transform.relative(a, b), transform.distance(a, b))
    first, second = torch.randn(2, 8, 3, dtype=torch.float64, generator=generator)
    predicted = mechanism.predict(first, change.delta).detach()
    assert float((predicted - first).square().mean()) < 0.25 * float(first.square().mean())
    ones = torch.ones(8, dtype=torch.float64)
    found = mechanism(first, second, change, ones, first[:, :0])
    parts = redundancy.vicreg(first, second)
    expected = (predicted - second).square().mean()
    floor = redundancy.vicreg(predicted, predicted)["variance"]
    expected = expected + (10 * (parts["variance"] + floor) + parts["covariance"]) / 4.5
    torch.testing.assert_close(found.detach(), expected)


def test_sie_learns_a_linear_map_that_scl_with_its_settings_learns_too() -> None:
    schema = LatentSchema(
        Block("same", 4, invariant_to="phase_shift"), Block("moved", 2, variant_to="phase_shift")
    )
    objective = SIE(schema, [SHIFT], weights={"variation": 1.0})
    assert SIE(schema, [SHIFT]).weights["variation"] == 4.5
    assert SIE.of(schema, [SHIFT], vicreg=(1, 1, 1)).vicreg == (1, 1, 1)
    same = StructuredContrastive(
        schema, [SHIFT], base="vicreg", vicreg=(10, 10, 1), variation="hypernetwork",
        weights={"alignment": 0, "variation": 1},
    )  # fmt: skip
    same.load_state_dict(objective.state_dict())
    views = objective.views(X)
    z = torch.randn(12, 6)
    torch.testing.assert_close(objective(z, views).total, same(z, views).total)

    mechanism, generator = Hypernetwork(SHIFT, 2), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(mechanism.parameters(), 0.05)

    def error() -> Tensor:
        a, b = (SHIFT.sample(64, generator) for _ in range(2))
        delta, z = SHIFT.relative(a, b), torch.randn(64, 2, generator=generator)
        moved = z + 3 * delta * z.flip(1) * torch.tensor([-1.0, 1.0])
        return (mechanism.predict(z, delta) - moved).square().mean()

    before = float(error().detach())
    for _ in range(60):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()
    assert float(error().detach()) < 0.02 * before


@pytest.mark.parametrize(
    ("blocks", "settings"),
    [
        (SCHEMA.blocks[:2], {}),
        (SCHEMA.blocks[1:], {}),
        ((*SCHEMA.blocks, Block("other", 2, invariant_to="gain")), {}),
        (SCHEMA.blocks, {"temperature": 0.0}),
    ],
)
def test_looc_refuses_other_schemas(blocks: tuple[Block, ...], settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        make("looc", LatentSchema(*blocks), [SHIFT, GAIN], settings)
