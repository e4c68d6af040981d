from __future__ import annotations

import numpy as np
import pytest

from triptych.audit.glassbox import Factor, glass_box
from triptych.audit.permutation import exchanged, permuted, smallest_p
from triptych.audit.regressors import folds, r2, ridge_weights
from triptych.latent import Block, LatentSchema

SUBJECTS = np.repeat(np.arange(8), 6)
N = len(SUBJECTS)


def test_rows_change_places_within_subjects_and_subjects_where_the_truth_is_theirs() -> None:
    subjects = np.repeat([f"s{k}" for k in range(4)], [3, 5, 2, 6])
    rng = np.random.default_rng(0)
    varying, own = rng.normal(size=16), np.repeat([1, 1, 2, 3], [3, 5, 2, 6])
    for order in exchanged(varying, subjects, 20, rng):
        assert sorted(order) == list(range(16))
        np.testing.assert_array_equal(subjects[order], subjects)
    for order in exchanged(own, subjects, 20, rng):
        moved = own[order]
        of_each = {name: set(moved[subjects == name]) for name in np.unique(subjects)}
        assert {len(values) for values in of_each.values()} == {1}
        assert sorted(min(values) for values in of_each.values()) == [1, 1, 2, 3]


def test_truths_of_one_kind_are_shuffled_together() -> None:
    rows = [np.random.default_rng(k).normal(size=N) for k in range(2)]
    orders = [next(exchanged(v, SUBJECTS, 1, np.random.default_rng(5))) for v in rows]
    np.testing.assert_array_equal(*orders)


def crossed(seed: int, columns: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Noise, and what the ridge of each half reads of it in the other half."""
    rng = np.random.default_rng(seed)
    z, y = rng.normal(size=(N, columns)), rng.normal(size=(N, 1))
    read = np.zeros_like(y)
    for held in folds(SUBJECTS, 2, 0):
        x, mean = z[~held], y[~held].mean()
        (weights,) = ridge_weights(x - x.mean(axis=0), y[~held] - mean, [10.0])
        read[held] = (z[held] - x.mean(axis=0)) @ weights + mean
    return read, y


def test_p_is_uniform_where_nothing_is_known() -> None:
    def fit(guess: np.ndarray, truth: np.ndarray) -> float:
        return -float(np.square(guess - truth).sum())  # orders as R² does

    halves, pooled, joined = [], [], []
    for seed in range(800):
        read, y = crossed(seed)
        rng = np.random.default_rng(seed)
        both = [permuted(fit, read[h], y[h], SUBJECTS[h], 39, rng).p for h in folds(SUBJECTS, 2, 0)]
        halves.append(both[0])
        joined.append(smallest_p(both))
        if seed < 400:
            pooled.append(permuted(fit, read, y, SUBJECTS, 39, rng).p)
    for level in (0.05, 0.1, 0.25, 0.5):
        spread = 3 * np.sqrt(level * (1 - level) / 800)
        assert np.mean(np.array(halves) <= level + 1e-9) == pytest.approx(level, abs=spread)
        share = np.mean(np.array(joined) <= level + 1e-9)
        assert level / 2 - spread < share < level + spread
    # the failing side: both halves at once, as if they shared nothing
    assert np.mean(np.array(pooled) <= 0.05 + 1e-9) > 0.075


def test_the_matrix_calls_noise_known_no_more_often_than_it_says() -> None:
    schema, found = LatentSchema(Block("block", 2)), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        z, label = rng.normal(size=(N, 2)), rng.integers(0, 2, N)
        factor = Factor("class", label, SUBJECTS, {"block": z})
        found.append(glass_box([factor], schema, permutations=39).cells[0].p)
    assert np.mean(np.array(found) <= 0.1) < 0.1 + 3 * np.sqrt(0.09 / 60)


def test_ties_and_what_is_undefined_count_as_chance() -> None:
    rng = np.random.default_rng(0)
    guess, truth, groups = np.zeros(20), np.ones(20), np.arange(20)
    assert permuted(r2, guess, truth, groups, 19, rng).p == 1
    assert permuted(r2, guess, rng.normal(size=20), groups, 19, rng).p == 1


def test_of_several_p_the_smallest_counts_for_all() -> None:
    assert smallest_p([0.01, 0.5]) == 0.02
    assert smallest_p([0.3]) == 0.3
    assert smallest_p([0.8, 0.9]) == 1
