from __future__ import annotations

import numpy as np
import pytest

from triptych.errors import InputError
from triptych.metrics.semantic import (
    effective_rank,
    rescaled_consistency,
    semantic_consistency,
)

K, N = 4, 20_000
LABEL = np.arange(N) % K


def test_one_dimension_a_class_is_perfect() -> None:
    found = semantic_consistency(np.eye(K)[LABEL], LABEL)
    assert (found.raw, found.corrected, found.entropy) == (1, 1, 0)
    assert (found.active, found.coverage, found.sparsity) == (K, 1, 0.75)
    assert found.effective_rank == pytest.approx(K)
    assert found.shares == pytest.approx(np.eye(K))
    assert (found.opened == np.eye(K, dtype=bool)[LABEL]).all()


def test_dimensions_that_are_always_open_are_at_chance() -> None:
    z = np.abs(np.random.default_rng(0).normal(size=(N, 6))) + 0.1
    found = semantic_consistency(z, LABEL)
    assert found.raw == pytest.approx(1 / K)
    assert found.corrected == pytest.approx(0, abs=1e-12)
    assert found.entropy == pytest.approx(np.log(K))
    assert (found.active, found.sparsity) == (6, 0)


def test_shuffled_labels_are_at_chance() -> None:
    z = np.eye(K)[np.random.default_rng(0).permutation(LABEL)]
    found = semantic_consistency(z, LABEL)
    assert found.corrected == pytest.approx(0, abs=0.02)
    assert found.entropy == pytest.approx(np.log(K), abs=0.02)


def test_a_collapsed_encoder_has_nothing_open() -> None:
    found = semantic_consistency(np.zeros((100, 3)), LABEL[:100])
    assert (found.active, found.coverage, found.sparsity) == (0, 0, 1)
    missing = (found.raw, found.corrected, found.rescaled, found.entropy, found.chance)
    assert np.isnan(missing).all()
    assert found.to_dict()["corrected"] is None
    assert found.effective_rank == 0


def test_classes_of_unequal_size_weigh_the_same_in_the_corrected_figure() -> None:
    label = np.array([0] * 90 + [1] * 10)
    found = semantic_consistency(np.linspace(1, 2, 100)[:, None], label)
    assert found.raw == pytest.approx(0.9)
    assert found.corrected == pytest.approx(0, abs=1e-12)


def test_epsilon_decides_what_is_open() -> None:
    z = np.where(np.eye(2)[np.arange(10) % 2] > 0, 1.0, 0.01)
    assert semantic_consistency(z, np.arange(10) % 2).corrected == pytest.approx(0, abs=1e-12)
    assert semantic_consistency(z, np.arange(10) % 2, epsilon=0.1).corrected == 1


@pytest.mark.parametrize("seed", range(3))
def test_consistency_is_that_of_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = np.maximum(rng.normal(size=(60, 5)) - 0.5, 0)
    label = rng.integers(0, 3, 60)
    raw = []
    for column in z.T:
        inside = label[column > 0]
        if len(inside):
            raw.append(np.bincount(inside).max() / len(inside))
    assert semantic_consistency(z, label).raw == pytest.approx(np.mean(raw))


def test_effective_rank_of_equal_directions_counts_them() -> None:
    assert effective_rank(np.vstack([np.eye(5), -np.eye(5)])) == pytest.approx(5)
    assert effective_rank(np.ones((8, 3))) == pytest.approx(1)


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="1 class"):
        semantic_consistency(np.ones((4, 2)), ["a"] * 4)


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.03, 0.1, 0.3, 0.9])
@pytest.mark.parametrize("k", [2, 10])
def test_dimensions_that_open_by_chance_are_at_chance_however_seldom(rate: float, k: int) -> None:
    rng = np.random.default_rng(int(1000 * rate) + k)
    label = rng.choice(k, 800, p=np.arange(1, k + 1) / (k * (k + 1) / 2))  # unequal classes
    z = (rng.random((800, 400)) < rate) * rng.uniform(0.1, 1, (800, 400))
    found = semantic_consistency(z, label)
    assert abs(found.corrected) < 0.035
    assert found.entropy == pytest.approx(found.entropy_chance, abs=0.03)
    assert found.rescaled == pytest.approx(found.chance, abs=0.03)
    assert found.rescaled > 0.3 or rate > 0.005  # what it would be without the correction
    pure = z * np.eye(k)[label][:, rng.integers(0, k, 400)]
    assert semantic_consistency(pure, label).corrected == pytest.approx(1)


def test_what_one_sample_opens_counts_for_nothing() -> None:
    z = np.concatenate([np.eye(60), np.eye(3)[np.arange(60) % 3]], axis=1)
    found = semantic_consistency(z, np.arange(60) % 3)
    assert found.corrected == pytest.approx(1)
    alone = semantic_consistency(np.eye(60), np.arange(60) % 3)
    assert (alone.rescaled, alone.chance) == (1, 1)
    assert np.isnan(alone.corrected)


def test_the_level_of_chance_is_that_of_every_order_of_the_labels() -> None:
    # two samples among four of two classes: the same class in 2 of 6 draws, else half and half
    z = np.array([[1.0, 0.2], [1.0, 0.3], [0.0, 0.4], [0.0, 0.5]])
    found = semantic_consistency(z, [0, 0, 1, 1])
    assert found.levels[0] == pytest.approx(1 / 3 + 2 / 3 * 0.5, abs=0.01)
    assert found.levels[1] == 0.5
    assert found.entropy_chance == pytest.approx((2 / 3 * np.log(2) + np.log(2)) / 2, abs=0.01)
    again = semantic_consistency(z[::-1], [1, 1, 0, 0])
    assert again.corrected == found.corrected


def test_the_quick_consistency_is_the_whole_ones() -> None:
    rng = np.random.default_rng(5)
    z = rng.uniform(0.1, 1, (60, 7)) * (rng.random((60, 7)) < 0.4)
    label = rng.integers(0, 4, 60)
    quick = rescaled_consistency((z > 0).astype(float), label, 4)
    assert quick == pytest.approx(semantic_consistency(z, label).rescaled)
    assert rescaled_consistency((z > 0).astype(float), label, 9) == pytest.approx(quick)
    assert np.isnan(rescaled_consistency(np.zeros((60, 7)), label, 4))
