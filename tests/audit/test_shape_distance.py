from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.audit.shape_distance import shape_based_distance
from triptych.errors import InputError


def direct(q: np.ndarray, g: np.ndarray, max_lag: int) -> float:
    """The definition, lag by lag, in float64; (c, t) windows."""
    t = q.shape[-1]
    norms = np.linalg.norm(q) * np.linalg.norm(g)
    if norms == 0:
        return 1.0
    best = -np.inf
    for lag in range(max_lag + 1):
        ahead = float((q[:, lag:] * g[:, : t - lag]).sum())
        behind = float((q[:, : t - lag] * g[:, lag:]).sum())
        best = max(best, ahead / norms, behind / norms)
    return 1 - best


@settings(max_examples=25)
@given(
    st.integers(1, 3), st.integers(2, 20), st.integers(0, 40), st.integers(0, 2**31), st.booleans()
)
def test_it_is_the_definition(c: int, t: int, lag: int, seed: int, zero: bool) -> None:
    rng = np.random.default_rng(seed)
    lag %= t
    q, g = rng.normal(size=(3, c, t)), rng.normal(size=(4, c, t)) * 10
    if zero:
        q[1], g[2] = 0, 0
    expected = [[direct(a, b, lag) for b in g] for a in q]
    np.testing.assert_allclose(shape_based_distance(q, g, lag), expected, atol=2e-6)


def test_chunks_change_nothing() -> None:
    rng = np.random.default_rng(0)
    q, g = rng.normal(size=(21, 400)), rng.normal(size=(230, 400))
    got = shape_based_distance(torch.from_numpy(q), g, 100)
    assert got.shape == (21, 230)
    rows, columns = [0, 7, 8, 20], [0, 99, 100, 199, 200, 229]
    expected = [[direct(q[i][None], g[j][None], 100) for j in columns] for i in rows]
    np.testing.assert_allclose(got[np.ix_(rows, columns)], expected, atol=2e-6)


def test_a_shift_within_the_lags_is_no_distance_and_beyond_them_is() -> None:
    beat = np.zeros((1, 100))
    beat[0, 45:55] = np.hanning(10)
    shifted = np.concatenate([np.roll(beat, 20), np.roll(beat, -21), -beat])
    got = shape_based_distance(beat, shifted, 20)[0]
    assert got[0] == pytest.approx(0, abs=1e-6)
    assert got[1] > 0.01
    assert got[2] == pytest.approx(1, abs=1e-6)  # upside down: no overlap is the best match


def test_it_is_symmetric_and_blind_to_gain() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 2, 50))
    d = shape_based_distance(x, x * rng.uniform(0.1, 9, (12, 1, 1)), 10)
    np.testing.assert_allclose(d, d.T, atol=1e-6)
    np.testing.assert_allclose(d.diagonal(), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("q", "g", "lag", "word"),
    [
        (np.ones((2, 10)), np.ones((2, 11)), 3, "cut both alike"),
        (np.ones((2, 10)), np.ones((2, 2, 10)), 3, "cut both alike"),
        (np.ones((2, 10)), np.ones((2, 10)), 10, "max_lag"),
        (np.ones((2, 10)), np.ones((2, 10)), -1, "max_lag"),
        (np.ones((2, 10)), np.full((2, 10), np.inf), 3, "gallery"),
        (np.ones(10), np.ones((2, 10)), 3, "dimension"),
    ],
)
def test_refusals(q: np.ndarray, g: np.ndarray, lag: int, word: str) -> None:
    with pytest.raises(InputError, match=word):
        shape_based_distance(q, g, lag)
