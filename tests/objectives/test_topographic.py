"""Capsules by definition, rolls that leave norms alone, cycles that close, and the ELBO."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.networks import Capsules, kl_divergence
from triptych.objectives import TopographicVAE
from triptych.objectives.topographic import in_own_units
from triptych.transforms import ChannelShift, Gain, PhaseShift, Rotation, Transform

RING = PhaseShift(max_shift=0.5, rate=32.0, mode="circular", length=32)
CYCLES: list[tuple[Transform, int, int]] = [
    (ChannelShift(8), 8, 8), (ChannelShift(8), 8, 4), (Rotation(), 6, 8),
    (Rotation("yaw"), 3, 5), (RING, 2, 8),
]  # fmt: skip


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_activations_are_the_definition() -> None:
    made = Capsules(2, 5, coherence=1, spread=1, mean=3.0).double()
    z, u = random(2, 5, 3, 10)
    found = made.along(z, u).view(5, 3, 2, 5)
    for k in range(5):
        for d in range(5):
            variance = 1e-6
            for step in (-1, 0, 1):
                for beside in (-1, 0, 1):
                    place = (d + step + beside) % 5
                    variance = variance + u.view(5, 3, 2, 5)[(k + step) % 5, :, :, place] ** 2
            expected = (z.view(5, 3, 2, 5)[k, :, :, d] + 3) / variance**0.5
            torch.testing.assert_close(found[k, :, :, d], expected)


@torch.no_grad()
@pytest.mark.parametrize("by", [1, 3])
def test_a_roll_of_the_latents_rolls_the_activations_and_leaves_the_norms(by: int) -> None:
    made = Capsules(3, 8).double()
    latents = random(4, 48)
    rolled = latents.view(4, 2, 3, 8).roll(by, dims=3).flatten(1)
    (norms, t), (same, turned) = (made(each).split([3, 24], dim=1) for each in (latents, rolled))
    torch.testing.assert_close(norms, same)
    torch.testing.assert_close(t.view(4, 3, 8).roll(by, dims=2).flatten(1), turned)
    # of a cycle whose latents roll step by step a window by itself tells the same
    cycle = [latents.view(4, 2, 3, 8).roll(k, dims=3).flatten(2) for k in range(8)]
    z, u = torch.stack(cycle).unbind(dim=2)
    torch.testing.assert_close(made.along(z, u)[0], t)


@pytest.mark.parametrize(("transform", "channels", "ring"), CYCLES)
def test_steps_of_a_cycle_come_back(transform: Transform, channels: int, ring: int) -> None:
    objective = TopographicVAE(2 * 3 * ring, [transform, Gain()], capsules=3, ring=ring)
    x = random(5, channels, 32)
    views = objective.views(x, torch.Generator().manual_seed(0))
    signals = views.signals.view(ring, 5, channels, 32)
    step = objective.step
    last = views.params[transform.name][-1]
    begun = views.params[transform.name][0]
    ends = [transform.compose(last, each.expand_as(last)) for each in step]  # pyright: ignore
    away = torch.stack([transform.distance(each, begun) for each in ends]).amin(dim=0)
    assert away.max().item() < 0.05  # one of the ways on from the last one is the first
    assert (signals[0] - signals[1]).abs().amax(dim=(1, 2)).min().item() > 1e-3
    assert (views.params["gain"] == views.params["gain"][0]).all()


def made(**settings: Any) -> tuple[TopographicVAE, nn.Module]:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(8 * 20, 48)).double()
    objective = TopographicVAE(48, [ChannelShift(8)], capsules=3, ring=8, **settings)
    objective.attach(encoder, (8, 20))
    return objective.double(), encoder


@torch.no_grad()
def test_the_loss_is_the_negative_elbo_per_sample() -> None:
    objective, encoder = made(noise=0.5)
    objective.eval()
    assert objective.decoder is not None
    views = objective.views(random(3, 8, 20), torch.Generator().manual_seed(0))
    z = encoder(views.signals)
    variance = objective.log_variance(z)
    t = objective.projector.along(*(each.reshape(8, 3, 24) for each in z.chunk(2, dim=1)))
    aim = in_own_units(views.signals)
    torch.testing.assert_close(aim.square().mean(dim=(1, 2)), torch.ones(24, dtype=torch.float64))
    error = (objective.decoder(t.view(24, 24)) - aim).square().sum(dim=(1, 2))
    elbo = -(error / (2 * 0.5**2)).mean() - kl_divergence(z, variance)
    torch.testing.assert_close(objective(z, views).total, -elbo / 160)


def test_training_draws_and_lowers_the_loss() -> None:
    objective, encoder = made()
    x = random(6, 8, 20)
    optimizer = torch.optim.Adam([*encoder.parameters(), *objective.parameters()], 3e-3)
    losses: list[float] = []
    for _ in range(40):
        views = objective.views(x, torch.Generator().manual_seed(0))
        loss = objective(encoder(views.signals), views).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] != losses[1]
    assert losses[-1] < 0.7 * losses[0]


def test_what_cannot_be_is_refused() -> None:
    crop, short = PhaseShift(rate=32.0), PhaseShift(0.2, rate=32.0, mode="circular", length=32)
    for transform in (crop, short, Gain(), Rotation("tilt")):
        with pytest.raises(InputError):
            TopographicVAE(128, [transform])
    for settings in ({"noise": 0.0}, {"capsules": 3}, {"spread": 4}, {"rolls": "gain"}):
        with pytest.raises(InputError):
            TopographicVAE(128, [ChannelShift(8)], **settings)
    objective = TopographicVAE(128, [ChannelShift(8)])
    with pytest.raises(InputError, match="attach"):
        objective(torch.zeros(16, 128), objective.views(torch.zeros(2, 8, 20)))
    with pytest.raises(InputError, match="latents"):
        objective.projector(torch.zeros(2, 5))
