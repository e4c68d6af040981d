"""Search over latents, held against a plain loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import triptych.index
from triptych.errors import InputError
from triptych.index import Index


def naive(gallery: np.ndarray, query: np.ndarray, k: int, metric: str) -> np.ndarray:
    if metric == "cosine":
        gallery, query = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (gallery, query))
    rows = [
        sorted(range(len(gallery)), key=lambda row: -float(gallery[row] @ one)) for one in query
    ]
    return np.array(rows)[:, :k]


@pytest.mark.parametrize("metric", ["cosine", "dot"])
@given(
    n=st.integers(1, 30), q=st.integers(1, 7), d=st.integers(1, 9), seed=st.integers(0, 999),
    chunk=st.sampled_from([1, 50, 10**6]), data=st.data(),
)  # fmt: skip
@settings(max_examples=25)
def test_search_is_the_plain_loop(
    metric: str, n: int, q: int, d: int, seed: int, chunk: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    gallery, query = rng.standard_normal((n, d)), rng.standard_normal((q, d))
    k = data.draw(st.integers(1, n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triptych.index, "CHUNK", chunk)
        found = Index(gallery, metric=metric).search(query, k)
    assert found.rows.shape == found.similarity.shape == (q, k)
    chosen = torch.as_tensor(gallery)[found.rows]
    similarity = (chosen * torch.as_tensor(query)[:, None]).sum(-1)
    if metric == "cosine":
        similarity /= chosen.norm(dim=-1) * torch.as_tensor(query).norm(dim=-1)[:, None]
    torch.testing.assert_close(found.similarity.double(), similarity, atol=1e-5, rtol=1e-5)
    if d > 1:  # in one dimension all cosines are 1 or -1
        np.testing.assert_array_equal(found.rows, naive(gallery, query, k, metric))


def test_a_row_is_most_similar_to_itself_at_any_length() -> None:
    z = torch.randn(20, 6)
    found = Index(z).search(1e-3 * z, 1)
    assert found.rows[:, 0].tolist() == list(range(20))
    torch.testing.assert_close(found.similarity[:, 0], torch.ones(20))


def test_a_zero_vector_is_similar_to_nothing() -> None:
    found = Index(torch.tensor([[0.0, 0.0], [-1.0, 0.0]])).search(torch.tensor([[1.0, 0.0]]), 2)
    assert found.similarity.tolist() == [[0.0, -1.0]]


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("chunk", [10, 10**6])
def test_excluded_rows_are_never_found(
    each: bool, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triptych.index, "CHUNK", chunk)
    z = torch.randn(12, 4)
    record = np.repeat(["a", "b", "c"], 4)
    own = record[:, None] == record[None] if each else record == "a"
    found = Index(z, {"record": record}).search(z, 8, exclude=own)
    if each:
        assert all((record[row] != record[query]).all() for query, row in enumerate(found.rows))
    else:
        assert (record[found.rows.numpy()] != "a").all()


def test_slices_and_foreign_arrays_are_kept_as_they_are(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).standard_normal((6, 8)).astype(">f4")
    table = np.arange(12.0).reshape(6, 2)
    index = Index(torch.as_tensor(whole.astype("f4"))[:, 2:5], {"a": table[::-1, 0]})
    index.save(tmp_path / "slice")
    again = Index.load(tmp_path / "slice")
    np.testing.assert_array_equal(again.latents.numpy(), whole[:, 2:5])
    np.testing.assert_array_equal(again.meta["a"], table[::-1, 0])
    np.testing.assert_array_equal(Index(whole[::-1]).latents.numpy(), whole[::-1])


@pytest.mark.parametrize("name", ["gallery.safetensors", "odd name.index"])
def test_an_index_comes_back_whole(tmp_path: Path, name: str) -> None:
    meta = {
        "record": np.array(["100", "ä/../b", ""]),
        "start": np.array([0.5, np.nan, 3.0]),
        "row": np.arange(3),
        "paced": np.array([True, False, True]),
    }
    index = Index(torch.randn(3, 4), meta, metric="dot")
    index.save(tmp_path / name)
    again = Index.load(tmp_path / name)
    assert again.metric == "dot"
    assert torch.equal(again.latents, index.latents)
    assert list(again.meta) == list(meta)
    for key, values in meta.items():
        np.testing.assert_array_equal(again.meta[key], values)
    query = torch.randn(2, 4)
    assert torch.equal(again.search(query, 3).rows, index.search(query, 3).rows)


@pytest.mark.parametrize(
    ("latents", "settings", "message"),
    [
        (torch.randn(5), {}, r"shape \(5,\), expected latents"),
        (torch.randn(0, 3), {}, "at least one row"),
        (torch.tensor([[1.0], [float("nan")]]), {}, "row 1 of the gallery holds NaN"),
        (torch.randn(3, 2), {"meta": {"record": ["a", "b"]}}, "one entry a latent"),
        (torch.randn(2, 2), {"meta": {"record": [object(), None]}}, "numbers, booleans or"),
        (torch.randn(2, 2), {"metric": "manhattan"}, "expected cosine or dot"),
        (torch.randn(2, 2), {"backend": "annoy"}, "expected torch or faiss"),
    ],
)
def test_impossible_galleries_are_refused(latents: object, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Index(latents, **settings)


@pytest.mark.parametrize(
    ("query", "settings", "message"),
    [
        (torch.randn(2, 3), {}, r"the query has shape \(2, 3\), expected latents \(q, 4\)"),
        (torch.randn(4), {}, r"expected latents \(q, 4\)"),
        (torch.full((1, 4), float("inf")), {}, "row 0 of the query holds NaN or infinity"),
        (torch.randn(1, 4), {"k": 7}, "k=7 among 6 rows"),
        (torch.randn(1, 4), {"k": 0}, "expected 1 <= k <= 6"),
        (torch.randn(1, 4), {"k": 4, "exclude": np.arange(6) < 3}, "k=4 among 3 rows"),
        (torch.randn(1, 4), {"k": 1, "exclude": np.arange(6)}, "expected booleans"),
        (
            torch.randn(1, 4),
            {"k": 1, "exclude": np.zeros((2, 6), bool)},
            r"shape \(6,\) or \(1, 6\)",
        ),
    ],
)
def test_impossible_searches_are_refused(query: object, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Index(torch.randn(6, 4)).search(query, **{"k": 2, **settings})


@pytest.mark.parametrize("damage", ["cut", "other", "missing", "words"])
def test_files_that_are_no_index_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "i"
    Index(torch.randn(30, 4), {"record": ["a"] * 30}).save(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif damage == "other":
        path.write_text("not an index")
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"words", b"wards"))
    with pytest.raises(InputError, match="is not a whole triptych index"):
        Index.load(path)


def test_faiss_finds_nearly_the_same() -> None:
    pytest.importorskip("faiss")
    torch.manual_seed(0)
    z, query = torch.randn(2000, 16), torch.randn(50, 16)
    exact = Index(z).search(query, 10)
    walked = Index(z, backend="faiss")
    found = walked.search(query, 10)
    overlap = [
        len(set(a.tolist()) & set(b.tolist())) for a, b in zip(exact.rows, found.rows, strict=True)
    ]
    assert np.mean(overlap) >= 9.5
    torch.testing.assert_close(found.similarity[:, 0], exact.similarity[:, 0], atol=0.05, rtol=0)
    with pytest.raises(InputError, match="exclude needs backend='torch'"):
        walked.search(query, 1, exclude=np.zeros(2000, bool))
