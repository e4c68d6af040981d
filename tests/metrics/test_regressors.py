from __future__ import annotations

import numpy as np
import pytest

from triptych.errors import InputError
from triptych.metrics.regressors import (
    Pairs,
    best_regressor,
    boosting,
    folds,
    mlp,
    r2,
    ridge,
    ridge_weights,
)


def pairs(n: int = 400, d: int = 3, seed: int = 0) -> Pairs:
    z = np.random.default_rng(seed).normal(size=(2, n, d)) * [1, 10, 100] + [5, 0, -50]
    return Pairs.standardised(z[0], z[1], np.arange(n) < n // 2)


def test_a_column_is_not_compared_with_a_row() -> None:
    with pytest.raises(InputError, match=r"\(3, 1\) and \(3,\)"):
        r2(np.zeros((3, 1)), np.arange(3.0))


def test_standardised_by_the_fitted_rows_only() -> None:
    ours = pairs()
    known = np.concatenate([ours.z1[:200], ours.z2[:200]])
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(known.std(axis=0), 1, atol=1e-5)
    noise = 1e-9 * np.random.default_rng(0).normal(size=(400, 2))
    dead = Pairs.standardised(7 + noise, 7 - noise, np.ones(400, bool))
    assert not dead.z1.any()
    assert not dead.z2.any()


def test_features_are_both_sides_their_difference_and_projected_products() -> None:
    ours = pairs()
    features = ours.with_products()
    assert features.shape == (400, 9 + 1024)
    np.testing.assert_array_equal(features[:, :9], ours.plain())
    np.testing.assert_allclose(features[:, 6:9], ours.z2 - ours.z1)
    # an outer product has rank one, and it is bilinear: doubling one side doubles it
    products = features[:, 9:].reshape(-1, 32, 32)
    assert np.linalg.matrix_rank(products[0], tol=1e-3) == 1
    doubled = Pairs(ours.z1 * 2, ours.z2).with_products()[:, 9:].reshape(-1, 32, 32)
    np.testing.assert_allclose(doubled, 2 * products, rtol=1e-4, atol=1e-5)


def test_ridge_agrees_with_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    ours = pairs()
    y = np.random.default_rng(1).normal(size=400) + ours.z1[:, 0] * ours.z2[:, 1]
    got = ridge(ours, y, (0.1, 1.0))(ours)
    x = ours.with_products().astype(np.float64)
    x = (x - x.mean(0)) / x.std(0)
    for column, alpha in enumerate((0.1, 1.0)):
        expected = linear.Ridge(alpha=alpha * 400).fit(x, y).predict(x)
        np.testing.assert_allclose(got[:, column], expected, atol=1e-3)


@pytest.mark.parametrize(("n", "d"), [(200, 12), (30, 80)])
@pytest.mark.parametrize("targets", [(), (3,)])
def test_ridge_is_scikit_learns_to_rounding(n: int, d: int, targets: tuple[int, ...]) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, d)) * np.geomspace(1, 1e-3, d), rng.normal(size=(n, *targets))
    x[:, :2] = 0.0
    centred, aim = x - x.mean(axis=0), y - y.mean(axis=0)
    with np.errstate(all="raise"):
        found = ridge_weights(centred, aim, (1e-4, 1.0))
        assert not ridge_weights(centred, 0 * aim, (1e-4,)).any()
    for weights, alpha in zip(found, (1e-4, 1.0), strict=True):
        expected = linear.Ridge(alpha=alpha * n, solver="svd").fit(x, y).coef_.T
        np.testing.assert_allclose(weights, expected, rtol=1e-9, atol=1e-12)


def test_what_is_constant_divides_by_nothing() -> None:
    ours, y = pairs(60), np.random.default_rng(0).normal(size=60)
    still = Pairs(0 * ours.z1, 0 * ours.z2)
    with np.errstate(all="raise"):
        np.testing.assert_allclose(ridge(still, y)(still), y.mean())
        np.testing.assert_allclose(ridge(ours, np.ones(60))(ours), 1)
        assert np.isnan(r2(y, np.ones(60)))
        assert np.isnan(r2(y[:1], y[:1]))


def test_folds_hold_whole_groups_once() -> None:
    groups = np.random.default_rng(0).integers(0, 7, 100)
    masks = list(folds(groups, 3, seed=0))
    np.testing.assert_array_equal(np.sum(masks, axis=0), 1)
    for held in masks:
        assert not set(groups[held]) & set(groups[~held])


def test_r2_is_not_clipped() -> None:
    y = np.array([-1.0, 0.0, 1.0])
    assert r2(y, y) == 1
    assert r2(np.zeros(3), y) == 0
    assert r2(-3 * y, y) == -15


def test_each_regressor_reads_what_it_can() -> None:
    train, test = pairs(1500), pairs(500, seed=1)
    groups = np.arange(1500) % 6
    kink = lambda p: np.abs(p.z1[:, 0]).astype(np.float64)  # noqa: E731 - no line reads it
    assert r2(ridge(train, kink(train), (0.1,))(test)[:, 0], kink(test)) < 0.2
    assert r2(boosting(train, kink(train), 0)(test), kink(test)) > 0.9
    assert r2(mlp(train, kink(train), groups, 0)(test), kink(test)) > 0.9


def test_the_mlp_repeats_and_stops_early_without_a_record_to_spare() -> None:
    train, test = pairs(600), pairs(200, seed=1)
    y, one_record = train.z2[:, 1].astype(np.float64), np.zeros(600, np.int64)
    first, again = (mlp(train, y, one_record, 3)(test) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert r2(first, test.z2[:, 1]) > 0.9


def test_the_best_is_chosen_for_what_it_reads() -> None:
    train, test = pairs(600), pairs(300, seed=1)
    groups = np.arange(600) % 6
    product = train.z1[:, 0].astype(np.float64) * train.z2[:, 1]
    predict = best_regressor(train, product, groups, 0)
    assert r2(predict(test), test.z1[:, 0] * test.z2[:, 1]) > 0.5
    kink = np.abs(train.z1[:, 0]).astype(np.float64)  # the products read it only in part
    predict = best_regressor(train, kink, groups, 0)
    assert r2(predict(test), np.abs(test.z1[:, 0])) > 0.8
