"""Diagnosis: latents that hold exactly what blocks declare, and latents that do not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import Finding, SimCLR, StructuredContrastive, Views
from triptych.transforms import Gain, PhaseShift, Rotation

SHIFT, GAIN, TURN = PhaseShift(max_shift=0.25, rate=40.0), Gain(), Rotation()
SCHEMA = LatentSchema(
    Block("shape", 6, invariant_to=("phase_shift", "gain")),
    Block("time", 2, variant_to="phase_shift"),
    Block("detail", 3),
)
N = 96


def made() -> tuple[StructuredContrastive, Views, Tensor, Tensor]:
    """Objective, views, what is a sample's own ``(v·n, 6)``, and each row's shift ``(v·n, 1)``."""
    generator = torch.Generator().manual_seed(0)
    scl = StructuredContrastive(SCHEMA, [SHIFT, GAIN])
    views = scl.views(torch.randn(N, 1, 60, generator=generator), generator)
    count = len(views.signals) // N
    own = torch.randn(N, 6, generator=generator).repeat(count, 1)
    return scl, views, own, views.params["phase_shift"].reshape(-1, 1)


def findings(scl: StructuredContrastive, z: Tensor, views: Views) -> dict[tuple[str, str], Finding]:
    told = scl.diagnose(z, views)
    assert len(str(told).splitlines()) == len(told.findings)
    return {(each.block, each.transform): each for each in told.findings}


def test_blocks_that_hold_what_they_declare_have_no_fault() -> None:
    scl, views, own, shift = made()
    noise = 0.05 * torch.randn(len(own), 11, generator=torch.Generator().manual_seed(1))
    time = torch.cat([shift, shift.square()], dim=1) / 0.25
    found = findings(scl, torch.cat([own, time, own[:, :3]], dim=1) + noise, views)
    assert [*found] == [("shape", "phase_shift"), ("shape", "gain"), ("time", "phase_shift")]
    assert not any(each.fault for each in found.values())
    assert found["shape", "phase_shift"].gap > 0.9
    read, leak = found["time", "phase_shift"].r2, found["shape", "phase_shift"].r2
    assert read is not None
    assert leak is not None
    assert read > 0.95
    assert leak < 0.1


def test_each_fault_is_named_at_its_own_block() -> None:
    scl, views, own, shift = made()
    random = torch.randn(len(own), 11, generator=torch.Generator().manual_seed(1))
    swapped = findings(scl, random, views)
    assert all(each.fault for each in swapped.values())
    assert "not invariant" in swapped["shape", "gain"].fault
    assert "carry" in swapped["time", "phase_shift"].fault
    leaking = own.clone()
    leaking[:, :1] = 4 * shift
    found = findings(scl, torch.cat([leaking, shift, shift, own[:, :3]], dim=1), views)
    assert "leaks" in found["shape", "phase_shift"].fault
    assert not found["shape", "gain"].fault
    collapsed = findings(scl, torch.cat([1 + 0.01 * own, shift, shift, own[:, :3]], dim=1), views)
    assert "collapsed" in collapsed["shape", "phase_shift"].fault
    assert [each.block for each in scl.diagnose(random, views).violated] == [
        "shape",
        "shape",
        "time",
    ]


def test_a_turned_block_carries_the_rotation() -> None:
    schema = LatentSchema(Block("same", 4, invariant_to="rotation"),
                          Block("where", 6, equivariant_to="rotation"))  # fmt: skip
    scl = StructuredContrastive(schema, [TURN], reference="original")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 3, 2, generator=generator)
    views = scl.views(x, generator)
    same = torch.randn(256, 4, generator=generator).repeat(2, 1)
    where = views.signals.transpose(1, 2).flatten(1)
    told = scl.diagnose(torch.cat([same, where], dim=1), views)
    assert not told.violated, str(told)


def test_too_few_samples_or_other_views_are_refused() -> None:
    scl, views, own, _ = made()
    x = torch.randn(8, 1, 60)
    few = scl.views(x)
    with pytest.raises(InputError, match="at least 64"):
        scl.diagnose(torch.zeros(len(few.signals), 11), few)
    other = SimCLR(11, [SHIFT, GAIN]).views(torch.randn(N, 1, 60))
    with pytest.raises(InputError, match="no pair"):
        scl.diagnose(torch.zeros(2 * N, 11), other)
    with pytest.raises(InputError, match="latents"):
        scl.diagnose(own, views)
