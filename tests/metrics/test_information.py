from __future__ import annotations

import numpy as np
import pytest

from triptych.metrics.information import information


@pytest.mark.parametrize(
    ("correlation", "off"), [(0.0, 0.02), (0.3, 0.02), (0.5, 0.02), (0.8, 0.09)]
)
def test_information_of_gaussians_is_the_known_one_with_few_rows(
    correlation: float, off: float
) -> None:
    # before: 0.18 too much at 0 and 0.5; 20 bins lose some of a strong dependence
    true = -0.5 * np.log(1 - correlation**2)
    found: list[float] = []
    for seed in range(40):
        x, noise = np.random.default_rng(seed).normal(size=(2, 500))
        found.append(information(x, correlation * x + np.sqrt(1 - correlation**2) * noise).nats)
    assert np.mean(found) == pytest.approx(true, abs=off)


def test_it_is_adjusted_as_scikit_learn_adjusts() -> None:
    cluster = pytest.importorskip("sklearn.metrics.cluster")
    rng = np.random.default_rng(0)
    b = rng.integers(0, 5, 300)
    a = np.where(rng.random(300) < 0.4, b, rng.integers(0, 7, 300))
    table = np.zeros((7, 5), np.int64)
    np.add.at(table, (a, b), 1)
    chance = cluster.expected_mutual_information(table, 300)
    entropy = cluster.mutual_info_score(b, b)
    found = information(a, b)
    expected = (cluster.mutual_info_score(a, b) - chance) / (entropy - chance)
    assert found.share == pytest.approx(expected)
    assert found.nats == pytest.approx(expected * entropy)
    assert information(b, b).share == pytest.approx(1)


def test_chance_is_zero_and_its_spread_is_known() -> None:
    rng = np.random.default_rng(1)
    n = 2000
    found = [information(rng.normal(size=n), rng.integers(0, 4, n)) for _ in range(100)]
    error = found[0].error
    assert max(each.nats for each in found) < 5 * error
    # of a normal variable whose negative half is set to 0 the mean is σ/√2π
    assert np.mean([each.nats for each in found]) == pytest.approx(error / 2.507, rel=0.4)


def test_a_constant_and_a_label_of_every_row_say_nothing() -> None:
    factor = np.random.default_rng(0).integers(0, 3, 50)
    assert information(np.ones(50), factor).share == 0
    assert information(np.arange(50), factor).share == 0
    assert information(np.arange(50), factor).nats == 0
