"""Frame projections and pseudo-negatives: transforms with their laws, losses by definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from triptych.errors import InputError
from triptych.objectives import FrameProjections, terms
from triptych.objectives.frames import fourier_frame, wavelet_frame
from triptych.objectives.pseudo_negative import MARGIN, PseudoNegative
from triptych.objectives.views import Change
from triptych.transforms import PhaseShift

SHIFT = PhaseShift(max_shift=0.25, rate=40.0)
X = torch.randn(6, 2, 60, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("time", [40, 41])
def test_the_fourier_frame_keeps_the_energy(time: int) -> None:
    x = torch.randn(3, 2, time, dtype=torch.float64)
    frame = fourier_frame(x)
    assert frame.shape == (3, 4, time // 2 + 1)
    counted = torch.full((time // 2 + 1,), 2.0, dtype=torch.float64)
    counted[0] = 1
    if time % 2 == 0:
        counted[-1] = 1
    energy = (frame.square() * counted).sum(dim=2).unflatten(1, (2, 2)).sum(dim=1)
    torch.testing.assert_close(energy, x.square().sum(dim=2))


@pytest.mark.parametrize("scale", [2, 9, 15])
def test_a_sinusoid_is_loudest_at_its_own_scale_wherever_it_begins(scale: int) -> None:
    time, scales = 512, 16
    low = 2 / time
    cycles = round(time * low * (0.4 / low) ** (scale / 15))
    steps = torch.arange(time, dtype=torch.float64) / time
    x = torch.stack([torch.sin(2 * torch.pi * (cycles * steps + p)) for p in (0.0, 0.3)])[:, None]
    frame = wavelet_frame(x, scales)
    assert frame.shape == (2, 16, 128)
    assert frame.mean(dim=2).argmax(dim=1).tolist() == [scale, scale]
    torch.testing.assert_close(frame[0], frame[1])


def test_the_loss_is_a_contrast_with_either_frame_and_a_map_to_it() -> None:
    objective = FrameProjections(5, [SHIFT], projection=4, temperature=0.3, mapping=0.5)
    objective.attach(nn.Identity(), (2, 40))
    views = objective.views(X)
    assert views.signals.shape == (6, 2, 40)
    z = torch.randn(6, 5)
    found = objective(z, views)
    total = 0.0
    for name, frame in objective._frames(views.signals).items():
        a, b = objective.projector(z), objective.encoders[name](frame)
        odds = (normalize(a) @ normalize(b).T / 0.3).exp()
        forward, back = (odds.diagonal() / odds.sum(dim=d) for d in (1, 0))
        contrast = -(forward.log().mean() + back.log().mean()) / 2
        torch.testing.assert_close(found.terms[f"contrast/{name}"], contrast)
        total = total + contrast + 0.5 * (objective.mappers[name](a) - b).abs().mean()
    assert isinstance(total, Tensor)
    torch.testing.assert_close(found.total, total)


def test_a_missing_sample_leaves_the_rest_of_a_frame() -> None:
    objective, x = FrameProjections(5, [SHIFT], scales=4), X[..., :40].clone()
    whole = objective._frames(x)
    x[0, 0, 20] = torch.nan
    for name, frame in objective._frames(x).items():
        assert frame.isfinite().all()
        torch.testing.assert_close(frame[1:], whole[name][1:])
        assert float((frame[0] - whole[name][0]).abs().mean()) < float(whole[name][0].abs().mean())


def test_symmetric_info_nce_of_equal_rows_is_the_log_of_their_number() -> None:
    z = torch.ones(7, 3, dtype=torch.float64)
    assert float(terms.symmetric_info_nce(z, z, 0.2)) == pytest.approx(torch.tensor(7.0).log())


def test_what_cannot_be_is_refused() -> None:
    for settings in ({"scales": 1}, {"mapping": -1.0}, {"projection": 0}, {"temperature": 0.0}):
        with pytest.raises(InputError):
            FrameProjections(5, [SHIFT], **settings)
    objective = FrameProjections(5, [SHIFT])
    with pytest.raises(InputError, match="attach"):
        objective(torch.zeros(6, 5), objective.views(X))
    with pytest.raises(InputError, match="shape"):
        objective.attach(nn.Identity())


def test_a_block_that_ignores_the_transform_pays_the_margin() -> None:
    mechanism = PseudoNegative(SHIFT, 3).double()
    a, b = (SHIFT.sample(8, torch.Generator().manual_seed(k)).double() for k in (0, 1))
    change = Change(SHIFT.relative(a, b), SHIFT.distance(a, b))
    first, second = torch.randn(2, 8, 3, dtype=torch.float64)
    weight = torch.ones(8, dtype=torch.float64)
    predicted, total = mechanism.predict(first, change.delta).detach(), 0.0
    for x, y, guess in zip(first, second, predicted, strict=True):
        error, away = (1 - float(normalize(v, dim=0) @ normalize(y, dim=0)) for v in (guess, x))
        total += max(0.0, MARGIN + error - away) / 8
    found = mechanism(first, second, change, weight, first[:, :0])
    assert float(found.detach()) == pytest.approx(total, abs=1e-12)
    for last in mechanism.head[-1].parameters():
        nn.init.zeros_(last)
    same = mechanism(first, first, change, weight, first[:, :0])
    assert float(same.detach()) == pytest.approx(MARGIN)
