"""MoCo: the copy follows, the queue turns round, and a resumed training takes the same steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training import toys
from tests.training.test_fitting import Stop, equal
from torch import nn

from triptych.errors import InputError
from triptych.objectives import MoCo, SimCLR, terms
from triptych.training import fit
from triptych.transforms import PhaseShift

SHIFT = PhaseShift(max_shift=0.25, rate=40.0)
X = torch.randn(6, 1, 60, generator=torch.Generator().manual_seed(0))


def made(**settings: Any) -> tuple[MoCo, nn.Module]:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(40, 5)).double()
    objective = MoCo(5, [SHIFT], projection=4, **{"queue": 16, **settings}).double()
    objective.attach(encoder)
    return objective, encoder


def test_a_step_is_the_definition() -> None:
    objective, encoder = made(momentum=0.9, temperature=0.2)
    views = objective.views(X.double())
    before = [each.clone() for each in objective.copy.parameters()]
    with torch.no_grad():
        for each in encoder.parameters():
            each.add_(1.0)
    queue, z = objective.keys.clone(), encoder(views.signals)
    found = float(objective(z, views).total.detach())
    assert objective.copy is not None
    moved = [*encoder.parameters(), *objective.projector.parameters()]
    for slow, old, fast in zip(objective.copy.parameters(), before, moved, strict=True):
        torch.testing.assert_close(slow, 0.9 * old + 0.1 * fast.detach())
    keys = torch.nn.functional.normalize(objective.copy(views.signals))
    q = torch.nn.functional.normalize(objective.projector(z)).detach()
    total = 0.0
    for i in range(12):
        key = keys[(i + 6) % 12]
        odds = torch.stack([q[i] @ k / 0.2 for k in (key, *queue)]).exp()
        total -= float((odds[0] / odds.sum()).log())
    assert found == pytest.approx(total / 12, rel=1e-6)  # the queue was made in float32
    torch.testing.assert_close(objective.keys[:12], keys)
    assert torch.equal(objective.keys[12:], queue[12:])
    objective(z, views)
    assert int(objective.position) == 24 % 16
    with torch.no_grad():
        later = objective.copy(views.signals)
    torch.testing.assert_close(objective.keys[12:], torch.nn.functional.normalize(later)[:4])


def test_info_nce_over_the_other_samples_is_half_of_nt_xent() -> None:
    q, k = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    mine = (terms.info_nce(q[:1], k[:1], torch.cat([q[1:], k[1:]]), 0.3),
            terms.info_nce(q[1:], k[1:], torch.cat([q[:1], k[:1]]), 0.3),
            terms.info_nce(k[:1], q[:1], torch.cat([q[1:], k[1:]]), 0.3),
            terms.info_nce(k[1:], q[1:], torch.cat([q[:1], k[:1]]), 0.3))  # fmt: skip
    assert float(sum(mine)) / 4 == pytest.approx(float(terms.nt_xent(q, k, 0.3)))


def test_measuring_moves_nothing_and_the_copy_is_not_trained() -> None:
    objective, encoder = made()
    objective.eval()
    state = {name: each.clone() for name, each in objective.state_dict().items()}
    views = objective.views(X.double())
    objective(encoder(views.signals), views)
    assert all(torch.equal(state[name], each) for name, each in objective.state_dict().items())
    assert {name.split(".")[0] for name, p in objective.named_parameters() if p.requires_grad} == {
        "projector"
    }


def test_a_resumed_training_takes_the_same_steps(tmp_path: Path) -> None:
    def interrupt(_module: Any) -> None:
        raise KeyboardInterrupt

    recipe = toys.recipe(
        objective={"name": "moco", "queue": 128}, decoder=False, training__epochs=2
    )
    data = toys.windows(), toys.windows(24, 1)
    options: dict[str, Any] = {"device": "cpu", "progress": False}
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, *data, out=tmp_path, callbacks=[Stop(1, 1, interrupt)], **options)
    resumed, whole = (
        fit(recipe, *data, out=tmp_path, resume=True, **options),
        fit(recipe, *data, **options),
    )
    assert equal(whole.model, resumed.model)
    assert equal(whole.objective, resumed.objective)
    assert {"keys", "position"} <= set(whole.objective.state_dict())


def test_what_cannot_be_is_refused() -> None:
    for settings in ({"momentum": 1.0}, {"queue": 100_000}, {"temperature": 0.0}):
        with pytest.raises(InputError):
            made(**settings)
    objective, encoder = made(queue=8)
    views = objective.views(X.double())
    with pytest.raises(InputError, match="12 keys"):
        objective(encoder(views.signals), views)
    with pytest.raises(InputError, match="attach"):
        MoCo(5, [SHIFT])(torch.zeros(12, 5), SimCLR(5, [SHIFT]).views(X))
    with pytest.raises(InputError, match="not known yet"):
        MoCo(5, [SHIFT]).attach(nn.LazyLinear(5))
