from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.metrics.ranking import (
    near_in_time,
    neighbour_overlap,
    retrieval,
    same_group,
    shape_based_distance,
    top_k,
    top_k_of,
)


def naive(query: np.ndarray, gallery: np.ndarray, barred: np.ndarray, k: int) -> np.ndarray:
    """Nearest by cosine, one query at a time, in float64."""
    out = []
    for x, bar in zip(query, barred, strict=True):
        scores = [
            -2 if b else float(x @ y) / max(np.linalg.norm(x) * np.linalg.norm(y), 1e-300)
            for y, b in zip(gallery, bar, strict=True)
        ]
        out.append(sorted(range(len(scores)), key=lambda i: -scores[i])[:k])
    return np.array(out)


def cohort(n: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    record = rng.choice(["100", "103", "231"], n)
    return rng.normal(size=(n, 8)), record, rng.uniform(0, 60, n)


def test_an_exclusion_table_of_numbers_is_refused() -> None:
    z = np.eye(4)
    with pytest.raises(InputError, match="booleans"):
        top_k(z, z, 1, np.eye(4, dtype=int))


def test_top_k_is_the_naive_loop_under_both_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triptych.metrics.ranking._CHUNK", 13)
    z, record, start = cohort()
    near = (record[:, None] == record) & (np.abs(start[:, None] - start) <= 5)
    own = record[:, None] == record
    for rule, barred in (
        (near_in_time(record, start, record, start), near),
        (same_group(record, record), own),
        (near, near),
        (None, np.zeros_like(own)),
    ):
        index, similarity = top_k(torch.from_numpy(z), z, 10, rule)
        np.testing.assert_array_equal(index, naive(z, z, barred, 10))
        assert (np.diff(similarity, axis=1) <= 0).all()
        assert not np.take_along_axis(barred, index, 1).any()


def test_precision_is_the_share_of_right_neighbours() -> None:
    z, record, start = cohort()
    rule = near_in_time(record, start, record, start)
    found = retrieval(z, z, record, record, rule)
    barred = (record[:, None] == record) & (np.abs(start[:, None] - start) <= 5)
    expected = (record[naive(z, z, barred, 10)] == record[:, None]).mean(axis=1)
    np.testing.assert_allclose(found.per_query, expected)
    assert found.precision == pytest.approx(expected.mean())
    assert found.per_class["103"] == pytest.approx(expected[record == "103"].mean())
    assert set(found.per_class) == set(record)
    assert "per_query" not in found.to_dict()


def test_macro_weighs_classes_equally_and_leaves_out_the_small_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("triptych.metrics.ranking.FINDABLE", 15)
    record = np.repeat(["a", "b", "c"], 40)
    label = np.tile(["N"] * 30 + ["V"] * 10, 3)
    label[np.flatnonzero(label == "V")[:2]] = "F"  # two F, both in record a
    z = np.eye(3)[np.searchsorted(["F", "N", "V"], label)] + 0.01
    rule = same_group(record, record)
    found = retrieval(z, z, label, label, rule, macro=True)
    assert found.per_class == {"N": 1.0, "V": 1.0}
    assert found.precision == 1
    everything = retrieval(z, z, label, label, rule)
    assert everything.per_class["F"] == 0
    monkeypatch.setattr("triptych.metrics.ranking.FINDABLE", 1000)
    nothing = retrieval(z, z, label, label, rule, macro=True)
    assert np.isnan(nothing.precision)
    assert nothing.per_class == {}


def test_shuffled_labels_give_chance() -> None:
    rng = np.random.default_rng(0)
    z = np.repeat(np.eye(4), 200, axis=0) + 0.1 * rng.normal(size=(800, 4))
    label = rng.permutation(np.repeat(list("NSVF"), 200))
    own = np.eye(800, dtype=bool)
    assert retrieval(z, z, label, label, own).precision == pytest.approx(0.25, abs=0.02)


def test_zero_rows_have_cosine_zero() -> None:
    gallery = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    index, similarity = top_k(np.array([[2.0, 0.0], [0.0, 0.0]]), gallery, 3)
    assert index[0].tolist() == [2, 1, 0]
    assert similarity.tolist() == [[1, 0, -1], [0, 0, 0]]


def test_overlap_with_the_ranking_by_shape() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 64))
    by_shape, _ = top_k_of(-shape_based_distance(x, x, 0), 5, np.eye(30, dtype=bool))
    by_cosine, _ = top_k(x, x, 5, np.eye(30, dtype=bool))
    # at lag 0 only, shape-based similarity is the cosine
    np.testing.assert_array_equal(neighbour_overlap(by_shape, by_cosine), np.ones(30))


def test_overlap_is_the_size_of_the_intersection() -> None:
    rng = np.random.default_rng(0)
    a = np.stack([rng.permutation(15)[:10] for _ in range(20)])
    b = np.stack([rng.permutation(15)[:10] for _ in range(20)])
    expected = [len(set(x) & set(y)) / 10 for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(neighbour_overlap(a, b), expected)
    np.testing.assert_array_equal(neighbour_overlap(a, a[:, ::-1]), np.ones(20))


def test_refusals() -> None:
    z, many = np.ones((4, 2)), np.ones((12, 2))
    with pytest.raises(InputError, match="columns"):
        top_k(z, np.ones((4, 3)), 2)
    with pytest.raises(InputError, match="k=5"):
        top_k(z, z, 5)
    with pytest.raises(InputError, match="k=2 among"):
        top_k(z, z, 2, same_group(["a", "a", "a", "b"], ["a", "a", "a", "b"]))
    with pytest.raises(InputError, match="exclusion rule"):
        top_k(z, z, 2, np.zeros((4, 3), bool))
    with pytest.raises(InputError, match="query_labels"):
        retrieval(z, many, ["a"], ["a"] * 12)
    with pytest.raises(InputError, match="gallery_labels"):
        retrieval(z, many, ["a"] * 4, ["a"])
    with pytest.raises(InputError, match="rankings"):
        neighbour_overlap(np.ones((2, 3)), np.ones((2, 4)))


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
def test_shape_based_distance_refuses(q: np.ndarray, g: np.ndarray, lag: int, word: str) -> None:
    with pytest.raises(InputError, match=word):
        shape_based_distance(q, g, lag)
