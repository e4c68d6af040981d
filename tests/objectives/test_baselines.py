"""Plain, augmentation and SimCLR."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from triptych.errors import InputError
from triptych.objectives import Augmentation, Plain, SimCLR, SupCon, terms
from triptych.transforms import PhaseShift

SHIFT = PhaseShift(max_shift=0.25, rate=40.0)
X = torch.randn(6, 1, 60, generator=torch.Generator().manual_seed(0))


def test_plain_sees_the_signal_as_it_is():
    views = Plain([SHIFT]).views(X)
    assert torch.equal(views.signals, X[..., 10:50])
    losses = Plain([SHIFT])(torch.randn(6, 3), views)
    assert float(losses.total) == 0
    assert losses.terms == {}


def test_augmentation_draws_anew_and_repeats_with_the_seed():
    objective = Augmentation([SHIFT])
    a = objective.views(X, torch.Generator().manual_seed(1)).signals
    b = objective.views(X, torch.Generator().manual_seed(1)).signals
    c = objective.views(X, torch.Generator().manual_seed(2)).signals
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_simclr_is_nt_xent_of_the_projection():
    objective = SimCLR(5, [SHIFT], temperature=0.3)
    views = objective.views(X, torch.Generator().manual_seed(1))
    assert views.signals.shape == (12, 1, 40)
    z = torch.randn(12, 5)
    projected = objective.projector(z)
    expected = terms.nt_xent(projected[:6], projected[6:], 0.3)
    assert torch.allclose(objective(z, views).total, expected)


def test_simclr_refuses_a_temperature_of_zero():
    with pytest.raises(InputError, match="temperature"):
        SimCLR(5, [SHIFT], temperature=0)


def test_supcon_is_the_formula_on_the_projection_of_both_views():
    objective = SupCon(5, [SHIFT], temperature=0.3)
    labels = torch.tensor([0, 1, 0, 1, -1, -1])  # the last two: nothing but their own other view
    views = replace(objective.views(X), labels=labels)
    z = torch.randn(12, 5)
    groups = torch.tensor([0, 1, 0, 1, 2, 3]).repeat(2)
    expected = terms.supcon(objective.projector(z), groups, 0.3)
    torch.testing.assert_close(objective(z, views).total, expected)


def test_supcon_without_labels_says_so():
    objective = SupCon(5, [SHIFT])
    with pytest.raises(InputError, match="needs class labels"):
        objective(torch.randn(12, 5), objective.views(X))
