from __future__ import annotations

import numpy as np
import pytest

from triptych.latent import Block, LatentSchema
from triptych.metrics.matrix import Factor, factor_matrix
from triptych.metrics.permutation import exchanged, permuted, smallest_p
from triptych.metrics.regressors import folds, r2, ridge_weights

SUBJECTS = np.repeat(np.arange(8), 6)
N = len(SUBJECTS)


def test_subjects_are_exchanged_whole_each_turned_in_time() -> None:
    rng = np.random.default_rng(0)
    for order in exchanged(SUBJECTS, 20, rng):
        assert sorted(order) == list(range(N))
        for own in np.split(order, 8):
            assert len(set(SUBJECTS[own])) == 1
            assert set((np.diff(own) + 6) % 6) == {1}  # neighbours stay neighbours, in a ring


def test_truths_of_unlike_many_rows_are_repeated_or_cut_off() -> None:
    subjects = np.repeat([f"s{k}" for k in range(4)], [3, 5, 2, 6])
    own = np.repeat([1, 1, 2, 3], [3, 5, 2, 6])
    for order in exchanged(subjects, 20, np.random.default_rng(0)):
        of_each = {name: set(own[order][subjects == name]) for name in np.unique(subjects)}
        assert {len(values) for values in of_each.values()} == {1}
        assert sorted(min(values) for values in of_each.values()) == [1, 1, 2, 3]


def test_a_label_of_people_is_found_though_a_few_windows_differ() -> None:
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(20), 30)
    label = np.repeat(np.arange(20) < 8, 30)
    z = np.c_[label, rng.normal(size=len(label))] + 0.01 * rng.normal(size=(600, 2))
    flipped = np.where(rng.random(600) < 0.02, ~label, label).astype(int)
    factor = Factor("AF", flipped, subjects, {"block": z})
    (cell,) = factor_matrix([factor], LatentSchema(Block("block", 2)), permutations=199).cells
    assert cell.score > 0.85
    assert cell.p < 0.05
    assert cell.score > cell.least


def test_what_drifts_by_itself_is_not_called_known() -> None:
    found, groups = [], np.repeat(np.arange(10), 20)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        drift = rng.normal(size=(3, 10, 20)).cumsum(axis=2).reshape(3, -1)
        factor = Factor("class", (drift[2] > 0).astype(int), groups, {"block": drift[:2].T})
        found.append(
            factor_matrix([factor], LatentSchema(Block("block", 2)), permutations=39).cells[0].p
        )
    assert np.mean(np.array(found) <= 0.1) < 0.1 + 3 * np.sqrt(0.09 / 40)


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

    halves, joined = [], []
    for seed in range(400):
        read, y = crossed(seed)
        rng = np.random.default_rng(seed)
        both = [permuted(fit, read[h], y[h], SUBJECTS[h], 39, rng).p for h in folds(SUBJECTS, 2, 0)]
        halves.append(both[0])
        joined.append(smallest_p(both))
    for level in (0.05, 0.1, 0.25, 0.5):
        spread = 3 * np.sqrt(level * (1 - level) / 400)
        assert np.mean(np.array(halves) <= level + 1e-9) == pytest.approx(level, abs=spread)
        share = np.mean(np.array(joined) <= level + 1e-9)
        assert level / 2 - spread < share < level + spread


def test_the_matrix_calls_noise_known_no_more_often_than_it_says() -> None:
    schema, found = LatentSchema(Block("block", 2)), []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        z, label = rng.normal(size=(N, 2)), rng.integers(0, 2, N)
        factor = Factor("class", label, SUBJECTS, {"block": z})
        found.append(factor_matrix([factor], schema, permutations=39).cells[0].p)
    assert np.mean(np.array(found) <= 0.1) < 0.1 + 3 * np.sqrt(0.09 / 40)


def test_ties_and_what_is_undefined_count_as_chance() -> None:
    rng = np.random.default_rng(0)
    guess, truth, groups = np.zeros(20), np.ones(20), np.arange(20)
    assert permuted(r2, guess, truth, groups, 19, rng).p == 1
    assert permuted(r2, guess, rng.normal(size=20), groups, 19, rng).p == 1


def test_of_several_p_the_smallest_counts_for_all() -> None:
    assert smallest_p([0.01, 0.5]) == 0.02
    assert smallest_p([0.3]) == 0.3
    assert smallest_p([0.8, 0.9]) == 1
