from __future__ import annotations

import numpy as np
import pytest

from triptych.metrics.logistic import logistic


def latents(n: int, d: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Standardised latents whose directions differ in size by a factor of 300, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    z = (rng.normal(size=(n, d)) + rng.normal(size=(classes, d))[y]) * np.geomspace(1, 1 / 300, d)
    z = z @ turn
    return (z - z.mean(axis=0)) / z.std(axis=0), y


@pytest.mark.parametrize(("n", "d", "classes"), [(600, 20, 4), (600, 5, 2), (40, 60, 3)])
def test_it_is_what_scikit_learn_finds_at_the_end(n: int, d: int, classes: int) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    x, y = latents(n, d, classes)
    weights, offset = logistic(x, y)
    reference = linear.LogisticRegression(
        class_weight="balanced", solver="newton-cholesky", tol=1e-12, max_iter=200
    ).fit(x, y)
    expected = reference.decision_function(x).reshape(n, -1)
    found = x @ weights + offset
    if classes == 2:
        found = found[:, 1:] - found[:, :1]
    else:
        found, expected = (each - each.mean(axis=1, keepdims=True) for each in (found, expected))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_neither_the_order_of_rows_nor_rounding_decides_an_answer() -> None:
    x, y = latents(900, 60, 4)
    unseen = latents(900, 60, 4, seed=1)[0]
    rng = np.random.default_rng(2)

    order = rng.permutation(len(x))
    moved = (x * (1 + 1e-6 * rng.normal(size=x.shape)))[order]

    def off(logits: list[np.ndarray]) -> float:
        a, b = (each - each.mean(axis=1, keepdims=True) for each in logits)
        return float(np.abs(a - b).max())

    fits = [logistic(*rows) for rows in ((x, y), (moved, y[order]))]
    assert off([unseen @ weights + offset for weights, offset in fits]) < 1e-3


def test_constant_columns_carry_no_weight() -> None:
    x, y = latents(200, 4, 3)
    wide = np.c_[x, np.zeros((200, 2))]
    weights, _ = logistic(wide, y)
    expected = logistic(x, y)
    np.testing.assert_allclose(weights[:4], expected[0], atol=1e-4)
    np.testing.assert_array_equal(weights[4:], 0)
    # classes of equal weight: those of unequal size have no head start
    assert np.ptp(logistic(np.zeros((100, 2)), np.repeat([0, 1], [90, 10]))[1]) < 1e-5
