from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from triptych.errors import InputError
from triptych.metrics.ranking import top_k
from triptych.metrics.similarity import between_groups, cosine, different_pairs, separation

ROWS = hnp.arrays(np.float64, (5, 3), elements=st.floats(-10, 10, width=32))


def naive_auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


@given(ROWS, ROWS)
def test_cosine_is_the_definition_row_by_row(a: np.ndarray, b: np.ndarray) -> None:
    got = cosine(a, b)
    for row, x, y in zip(got, a, b, strict=True):
        norms = np.linalg.norm(x) * np.linalg.norm(y)
        assert row == pytest.approx(float(x @ y) / norms if norms > 0 else 0, abs=1e-6)
    assert np.all(np.abs(got) <= 1)


@pytest.mark.parametrize("size", [1e-25, 1e25])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_rows_of_any_size_have_a_direction(size: float, kind: str) -> None:
    z = np.random.default_rng(0).standard_normal((6, 4))
    moved = (size**6 if kind == "f8" else size) * z
    np.testing.assert_allclose(cosine(z, moved.astype(kind)), 1, rtol=1e-5)
    rows, similarity = top_k(moved.astype(kind), z, 1)
    assert rows[:, 0].tolist() == list(range(6))
    np.testing.assert_allclose(similarity, 1, rtol=1e-5)


def test_cosine_takes_tensors_of_any_precision_and_zero_rows() -> None:
    z = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]], dtype=torch.bfloat16, requires_grad=True)
    np.testing.assert_array_equal(cosine(z, -z), [-1, 0, -1])


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        (np.ones((3, 2)), np.ones((4, 2)), "same rows"),
        (np.ones((3, 2)), np.ones((3, 5)), "same rows"),
        (np.ones(3), np.ones(3), "dimension"),
        (np.ones((0, 2)), np.ones((0, 2)), "at least one"),
        (np.array([[1.0], [np.nan]]), np.ones((2, 1)), "row 1"),
    ],
)
def test_cosine_refuses(a: np.ndarray, b: np.ndarray, word: str) -> None:
    with pytest.raises(InputError, match=word):
        cosine(a, b)


@given(
    hnp.arrays(np.float64, st.integers(1, 12), elements=st.integers(-3, 3)),
    hnp.arrays(np.float64, st.integers(1, 12), elements=st.integers(-3, 3)),
)
def test_separation_is_the_pairwise_definition(positive: np.ndarray, negative: np.ndarray) -> None:
    got = separation(positive, negative)
    assert got == pytest.approx(naive_auroc(positive, negative))
    assert got + separation(negative, positive) == pytest.approx(1)


def test_separation_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(0.3, 1, 500), rng.normal(0, 1, 700)
    truth = np.repeat([1, 0], [500, 700])
    expected = metrics.roc_auc_score(truth, np.concatenate([positive, negative]))
    assert separation(positive, negative) == pytest.approx(expected)


def test_a_constant_encoder_is_perfectly_invariant_and_separates_nothing() -> None:
    rng = np.random.default_rng(0)
    # what a collapsed float32 network gives: one vector, up to rounding
    z = np.tile(rng.normal(size=64), (400, 1)) * (1 + 1e-7 * rng.normal(size=(400, 64)))
    z = z.astype(np.float32)
    within = cosine(z, z[::-1])
    between = between_groups(z, np.arange(400) // 40, pairs=5000)
    assert within.mean() == pytest.approx(1, abs=1e-9)
    assert between.mean() == pytest.approx(1, abs=1e-9)
    assert separation(within, between) == 0.5


def test_pairs_come_from_different_groups_all_equally_often() -> None:
    groups = np.array(["a"] * 5 + ["b"] * 1 + ["c"] * 2)[[3, 7, 0, 5, 1, 6, 2, 4]]
    i, j = different_pairs(groups, 200_000, seed=1)
    assert (groups[i] != groups[j]).all()
    count = np.zeros((8, 8))
    np.add.at(count, (i, j), 1)
    allowed = groups[:, None] != groups[None]
    share = count[allowed] / count.sum() * allowed.sum()
    assert np.abs(share - 1).max() < 0.1  # a pair is drawn about 5,900 times
    again = different_pairs(groups, 200_000, seed=1)
    np.testing.assert_array_equal(np.stack([i, j]), np.stack(again))


def test_between_groups_sees_only_other_groups() -> None:
    z = np.repeat(np.eye(3), 10, axis=0)
    got = between_groups(z, np.repeat([0, 1, 2], 10), pairs=500)
    assert got.shape == (500,)
    assert not got.any()


def test_between_groups_refuses_one_group_and_wrong_lengths() -> None:
    z = np.ones((4, 2))
    with pytest.raises(InputError, match="at least two"):
        between_groups(z, ["a"] * 4)
    with pytest.raises(InputError, match="groups"):
        between_groups(z, ["a", "b"])
