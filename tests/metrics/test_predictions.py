from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, f1_score

from triptych.errors import InputError
from triptych.metrics.predictions import macro_f1, prediction_consistency


def test_a_class_that_is_lost_is_seen_whatever_its_share() -> None:
    found = prediction_consistency([0] * 91 + [1] * 9, [0] * 100, 2)
    assert (found.raw, found.balanced, found.chance, found.corrected) == (0.91, 0.5, 0.5, 0)
    assert found.flow.tolist() == [[91, 0], [9, 0]]
    assert found.independent == pytest.approx(0.91)  # no better than an independent answer


@given(st.integers(2, 6), st.integers(0, 10**6))
def test_it_is_the_balanced_accuracy_of_the_answers_before(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.permutation(np.repeat(np.arange(k), rng.integers(5, 40, k)))
    after = np.where(rng.random(len(before)) < 0.5, before, rng.integers(0, k, len(before)))
    found = prediction_consistency(before, after, k)
    assert found.balanced == pytest.approx(balanced_accuracy_score(before, after))
    adjusted = balanced_accuracy_score(before, after, adjusted=True)
    assert found.corrected == pytest.approx(adjusted)
    kappa = (found.raw - found.independent) / (1 - found.independent)
    assert kappa == pytest.approx(cohen_kappa_score(before, after))


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.95, 0.05), (0.7, 0.2, 0.1)])
def test_constant_and_independent_answers_are_at_chance(shares: tuple[float, ...]) -> None:
    k, rng = len(shares), np.random.default_rng(0)
    before, after = (rng.choice(k, 200_000, p=shares) for _ in range(2))
    for answer in (after, np.zeros_like(before), np.full_like(before, k - 1)):
        found = prediction_consistency(before, answer, k)
        assert found.balanced == pytest.approx(1 / k, abs=0.01)
        assert found.corrected == pytest.approx(0, abs=0.02)
    assert prediction_consistency(before, after, k).raw == pytest.approx(
        np.square(shares).sum(), abs=0.01
    )


def test_a_class_of_few_windows_is_in_the_flow_but_in_no_mean() -> None:
    before = np.array([0] * 50 + [1] * 50 + [2] * 4)
    found = prediction_consistency(before, np.where(before == 2, 0, before), 3)
    assert found.balanced == 1
    assert found.flow[2].tolist() == [4, 0, 0]
    only = prediction_consistency([0] * 50 + [1] * 4, [0] * 54, 2)
    assert np.isnan(only.balanced)
    assert np.isnan(only.corrected)


def test_several_draws_are_pooled() -> None:
    before, draws = np.repeat([0, 1], 20), np.stack([np.repeat([0, 1], 20), np.zeros(40, int)])
    assert prediction_consistency(before, draws, 2).balanced == 0.75


def test_macro_f1_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 4, 200), rng.integers(0, 5, 200)
    hits = np.bincount(truth[truth == guess], minlength=5)
    own, read = (np.bincount(each, minlength=5) for each in (truth, guess))
    expected = f1_score(truth, guess, average="macro", labels=range(4))
    assert macro_f1(hits, own, read) == pytest.approx(expected)
    assert np.isnan(macro_f1(np.zeros(2), np.zeros(2), np.ones(2)))


@pytest.mark.parametrize("after", [[0, 1], [0, 1, 2], [0.0, 1.0, 0.0], [0, -1, 0]])
def test_answers_that_do_not_fit_are_refused(after: list[float]) -> None:
    with pytest.raises(InputError, match="after"):
        prediction_consistency([0, 1, 0], after, 2)
