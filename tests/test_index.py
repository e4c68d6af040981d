"""Search over latents, held against a plain loop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import triptych.index.gallery
from triptych.errors import InputError
from triptych.files import held
from triptych.index import Index, Matches


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
        patch.setattr(triptych.index.gallery, "CHUNK", chunk)
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
    monkeypatch.setattr(triptych.index.gallery, "CHUNK", chunk)
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
    sliced = torch.as_tensor(whole.astype("f4"))[:, 2:5]
    again = Index.build(tmp_path / "slice", sliced, {"a": table[::-1, 0]})
    np.testing.assert_array_equal(again.latents, whole[:, 2:5])
    np.testing.assert_array_equal(again.meta["a"][:], table[::-1, 0])
    np.testing.assert_array_equal(Index(whole[::-1]).latents, whole[::-1])


META = {
    "record": np.array(["100", "ä/../b", ""]),
    "start": np.array([0.5, np.nan, 3.0]),
    "row": np.arange(3),
    "paced": np.array([True, False, True]),
}


def test_an_index_comes_back_whole(tmp_path: Path) -> None:
    z, query = torch.randn(3, 4), torch.randn(2, 4)
    index = Index(z, META, "dot", blocks={"a": 3, "b": 1}, default="a")
    Index.build(
        tmp_path / "odd name", z, META, "dot", blocks={"a": 3, "b": 1}, default="a",
        about={"model": "sha256:1"},
    )  # fmt: skip
    again = Index.open(tmp_path / "odd name", model="sha256:1")
    assert (again.metric, again.blocks, again.default) == ("dot", {"a": 3, "b": 1}, ("a",))
    np.testing.assert_array_equal(again.latents, z)
    assert list(again.meta) == list(META)
    for key, values in META.items():
        np.testing.assert_array_equal(again.meta[key][:], values)
    assert torch.equal(again.search(query, 3).rows, index.search(query, 3).rows)
    with pytest.raises(InputError, match="another model"):
        Index.open(tmp_path / "odd name", model="sha256:2")


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_rows_that_are_appended_are_found_as_if_they_had_been_there(
    sizes: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    parts = [
        (rng.standard_normal((n, 3)), {"word": rng.choice(["b", "a", "ü"], n), "at": rng.random(n)})
        for n in sizes
    ]
    whole = Index(
        np.concatenate([z for z, _ in parts]),
        {name: np.concatenate([meta[name] for _, meta in parts]) for name in ("word", "at")},
    )
    with tempfile.TemporaryDirectory() as folder:
        grown = Index.build(Path(folder) / "i", *parts[0])
        if len(parts) > 1:
            grown.append(*parts[1])
        if len(parts) > 2:
            grown.append(iter(parts[2:]))
        for index in (grown, Index.open(Path(folder) / "i")):
            np.testing.assert_array_equal(index.latents, whole.latents)
            for name in ("word", "at"):
                np.testing.assert_array_equal(index.meta[name][:], whole.meta[name][:])
        # numpy's own reader agrees on the file
        np.testing.assert_array_equal(np.load(Path(folder) / "i" / "latents.npy"), whole.latents)


def test_rows_of_a_failed_append_do_not_count(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "i", np.eye(3), {"word": ["a", "b", "c"]})

    def parts() -> Iterator[tuple[np.ndarray, dict[str, list[str]]]]:
        yield np.ones((2, 3)), {"word": ["d", "e"]}
        yield np.full((1, 3), np.nan), {"word": ["f"]}

    with pytest.raises(InputError, match="NaN"):
        index.append(parts())
    for wrong in ({}, {"word": [1.0]}, {"word": ["g"], "more": [1]}):
        with pytest.raises(InputError):
            index.append(np.ones((1, 3)), wrong)
    with pytest.raises(InputError, match=r"\(q, 3\)"):
        index.append(np.ones((1, 2)), {"word": ["g"]})
    assert len(Index.open(tmp_path / "i")) == 3
    index.append(np.ones((1, 3)), {"word": ["z"]})
    again = Index.open(tmp_path / "i")
    assert again.meta["word"][:].tolist() == ["a", "b", "c", "z"]
    np.testing.assert_array_equal(again.latents[3], np.ones(3))


def test_a_folder_is_built_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="NaN"):
        Index.build(tmp_path / "i", np.full((2, 2), np.nan))
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="expected cosine"):
        Index.build(tmp_path / "i", np.eye(2), metric="euclidean")  # pyright: ignore[reportArgumentType]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="new name"):
        Index.build(".", np.eye(2))
    Index.build(tmp_path / "i", np.eye(2))
    with pytest.raises(InputError, match="exists"):
        Index.build(tmp_path / "i", np.eye(2))
    with pytest.raises(InputError, match="in a folder"):
        Index(np.eye(2)).append(np.eye(2))


def test_rows_of_an_append_that_was_killed_are_not_read(tmp_path: Path) -> None:
    z, meta = np.eye(3), {"word": ["a", "b", "c"], "at": [0.5, 1, 2]}
    Index.build(tmp_path / "i", z, meta)
    for file in (tmp_path / "i").glob("*.npy"):  # as `grow` leaves it: the count, not all rows
        held = np.load(file)
        with open(file, "r+b") as handle:
            head = {"descr": held.dtype.str, "fortran_order": False,
                    "shape": (9, *held.shape[1:])}  # fmt: skip
            np.lib.format.write_array_header_1_0(handle, head)
            handle.seek(0, 2)
            handle.write(b"half")
    index = Index.open(tmp_path / "i")
    np.testing.assert_array_equal(index.latents, z)
    index.append(z, meta)
    again = Index.open(tmp_path / "i")
    np.testing.assert_array_equal(again.latents, np.tile(z, (2, 1)))
    assert again.meta["word"][:].tolist() == [*"abcabc"]
    assert again.meta["at"][:].tolist() == [0.5, 1, 2] * 2


@pytest.mark.parametrize(
    ("kind", "more", "kept"),
    [("i8", [0.5], False), ("u1", [-1], False), ("u1", [300], False), ("?", [2], False),
     ("i8", [np.nan], False), ("i8", [4.0], True), ("f4", [0.1], True), ("f8", [7], True)],
)  # fmt: skip
def test_numbers_that_a_column_cannot_keep_are_refused(
    tmp_path: Path, kind: str, more: list[float], kept: bool
) -> None:
    index = Index.build(tmp_path / "i", np.eye(2), {"n": np.array([0, 1], kind)})
    if not kept:
        with pytest.raises(InputError, match="keep"):
            index.append(np.ones((1, 2)), {"n": more})
        assert len(Index.open(tmp_path / "i")) == 2
        return
    index.append(np.ones((1, 2)), {"n": more})
    assert index.meta["n"][2] == np.array(more, kind)[0]


@pytest.mark.parametrize(
    ("column", "wanted", "rows"),
    [
        (np.array([0.1, 0.2, 0.1], "f4"), 0.1, {0, 2}),
        (np.array([0.1, 0.2, 0.1], "f4"), ["0.2", 0.1], {0, 1, 2}),
        (2**53 + np.arange(3), 2**53 + 1, {1}),
        (2**53 + np.arange(3), str(2**53 + 1), {1}),
        (np.array([True, False, True]), "True", {0, 2}),
        (np.array([True, False, True]), False, {1}),
        (np.array([1, 2, 3], "u1"), 2.0, {1}),
    ],
)
def test_filters_find_the_very_number(
    column: np.ndarray, wanted: object, rows: set[int], tmp_path: Path
) -> None:
    index = Index(np.eye(3), {"n": column})
    assert set(index.search(np.eye(3)[:1], len(rows), where={"n": wanted}).rows[0].tolist()) == rows
    with pytest.raises(InputError, match="rows"):
        index.search(np.eye(3)[:1], len(rows) + 1, where={"n": wanted})


@pytest.mark.parametrize("wanted", [None, 2.5, 258, 10**30, "old", np.nan])
def test_no_row_has_a_number_that_its_column_cannot_hold(wanted: object) -> None:
    index = Index(np.eye(3), {"n": np.array([1, 2, 3], "u1")})
    assert index.search(np.eye(3)[:1], 3, own={"n": [wanted]}).rows.shape == (1, 3)
    with pytest.raises(InputError, match="no row"):
        index.search(np.eye(3)[:1], 1, where={"n": wanted})


def test_only_one_process_adds_at_a_time(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "i", np.eye(2))
    with held(tmp_path / "i" / ".lock") as free:
        assert free
        with pytest.raises(InputError, match="another process"):
            index.append(np.eye(2))


def labelled(n: int = 40) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    meta = {
        "label": np.array(["N", "V"])[np.arange(n) % 2],
        "subject": np.array([f"s{i}" for i in np.arange(n) // 8]),
        "age": (np.arange(n) // 8).astype(float),
    }
    return rng.standard_normal((n, 6)), meta


def test_filters_own_and_unique_leave_the_best_of_the_rest() -> None:
    z, meta = labelled()
    index = Index(z, meta)
    order = index.search(z[:1], len(z)).rows[0].numpy()
    for wanted, kept in (
        ({"where": {"label": "V"}}, meta["label"] == "V"),
        ({"where": {"label": ["V", "N"], "age": 2}}, meta["age"] == 2),
        ({"own": {"subject": ["s0"]}}, meta["subject"] != "s0"),
        ({"own": {"subject": ["unknown"]}}, np.ones(40, bool)),
        ({"own": {"age": [1.0]}, "where": {"label": "N"}},
         (meta["age"] != 1) & (meta["label"] == "N")),
        ({"exclude": meta["label"] == "N", "where": {"age": "3"}},
         (meta["label"] == "V") & (meta["age"] == 3)),
    ):  # fmt: skip
        np.testing.assert_array_equal(
            index.search(z[:1], 4, **wanted).rows[0], order[kept[order]][:4]
        )
    found = index.search(z[:2], 5, unique="subject").rows
    assert all(len(set(meta["subject"][rows.numpy()])) == 5 for rows in found)
    assert int(found[0, 0]) == 0  # the query itself, whose subject is found by it
    firsts = {who: next(r for r in order if meta["subject"][r] == who) for who in meta["subject"]}
    assert sorted(found[0].tolist()) == sorted(firsts.values())


def test_blocks_are_near_and_far() -> None:
    gallery = np.array([[1.0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0]])
    index = Index(gallery, blocks={"shape": 2, "phase": 2}, default="shape")
    query = np.array([[2.0, 0, 3, 0]])
    assert index.search(query, 2).similarity.tolist() == [[1, 1]]
    assert set(index.search(query, 2, near="phase").rows[0].tolist()) == {0, 2}
    both = index.search(query, 3, near="shape", far="phase")
    assert both.rows.tolist() == [[1, 0, 2]]
    assert both.similarity.tolist() == [[1, 0, -1]]
    assert index.search(query, 1, near=["phase", "shape"]).rows.tolist() == [[0]]
    assert index.named(["shape", "shape"]) == ("shape",)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"where": {"label": "Q"}}, "N, V"),
        ({"where": {"colour": "red"}}, "label, subject, age"),
        ({"where": {"age": "old"}}, "age"),
        ({"own": {"subject": "s0"}}, "one entry"),
        ({"unique": "colour"}, "column"),
        ({"unique": "subject", "k": 6}, "5 different"),
        ({"where": {"label": "V"}, "k": 21}, "20 rows"),
        ({"near": "shape"}, "latents"),
        ({"far": ()}, "block"),
        ({"far": "latents"}, "at once"),
    ],
)
def test_searches_that_name_what_is_not_there_are_refused(asked: dict, word: str) -> None:
    z, meta = labelled()
    with pytest.raises(InputError, match=word):
        Index(z, meta).search(z[:1], **asked)


@pytest.mark.parametrize(
    ("latents", "settings", "message"),
    [
        (torch.randn(5), {}, r"shape \(5,\)"),
        (torch.randn(0, 3), {}, "at least"),
        (torch.tensor([[1.0], [float("nan")]]), {}, "row 1"),
        (torch.randn(3, 2), {"meta": {"record": ["a", "b"]}}, "entry per latent"),
        (torch.randn(2, 2), {"meta": {"record": [object(), None]}}, "numbers, booleans or"),
        (torch.randn(2, 2), {"metric": "manhattan"}, "expected cosine"),
        (torch.randn(2, 2), {"blocks": {"a": 3}}, "dimensions"),
        (torch.randn(2, 2), {"default": "a"}, "latents"),
    ],
)
def test_impossible_galleries_are_refused(latents: object, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Index(latents, **settings)


@pytest.mark.parametrize(
    ("query", "settings", "message"),
    [
        (torch.randn(2, 3), {}, r"query .*\(2, 3\), .*\(q, 4\)"),
        (torch.randn(4), {}, r"latents \(q, 4\)"),
        (torch.full((1, 4), float("inf")), {}, "row 0"),
        (torch.randn(1, 4), {"k": 7}, "k=7 among 6"),
        (torch.randn(1, 4), {"k": 0}, "expected 1"),
        (torch.randn(1, 4), {"k": 4, "exclude": np.arange(6) < 3}, "k=4 among 3"),
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


@pytest.mark.parametrize("damage", ["cut", "other", "missing", "words", "column", "pickle"])
def test_folders_that_are_no_index_are_refused(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "i"
    Index.build(folder, torch.randn(30, 4), {"record": ["a"] * 30})
    latents, about = folder / "latents.npy", folder / "index.json"
    if damage == "cut":
        latents.write_bytes(latents.read_bytes()[:-50])
    elif damage == "other":
        about.write_text("not an index")
    elif damage == "missing":
        about.unlink()
    elif damage == "words":
        about.write_text(about.read_text().replace("metric", "matric"))
    elif damage == "column":
        np.save(folder / "column-0.npy", np.zeros(30))
    else:
        np.save(latents, np.array([{}] * 30, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="index"):
        Index.open(folder)


# --- lists of faiss ------------------------------------------------------------------------------


def clustered(n: int, d: int = 24, clusters: int = 60, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((clusters, d))
    return centres[rng.integers(0, clusters, n)] + 0.3 * rng.standard_normal((n, d))


def recall(found: Matches, truth: Matches) -> float:
    """Share of the right number of rows that are as near as the right ones."""
    return float((found.similarity >= truth.similarity[:, -1:] - 1e-5).float().mean())


def test_lists_find_nearly_the_same_under_every_filter(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    z, query = clustered(6000), clustered(40, seed=1)
    rng = np.random.default_rng(2)
    meta = {"subject": rng.choice([f"s{i}" for i in range(12)], 6000),
            "rare": np.where(np.arange(6000) % 100 == 0, "yes", "no"),
            "cluster": np.array(["low", "high"])[(z[:, 0] > 0).astype(int)]}  # fmt: skip
    exact = Index(z, meta, approximate=False)
    Index.build(tmp_path / "i", z[:5000], {k: v[:5000] for k, v in meta.items()}, approximate=True)
    walked = Index.open(tmp_path / "i")
    walked.append(z[5000:5010], {k: v[5000:5010] for k, v in meta.items()})  # beside the lists
    assert len(list((tmp_path / "i").glob("lists-5000.faiss"))) == 1
    walked.append(z[5010:], {k: v[5010:] for k, v in meta.items()})  # enough to sort anew
    assert [each.name for each in (tmp_path / "i").glob("*.faiss")] == ["lists-6000.faiss"]
    walked = Index.open(tmp_path / "i")
    assert walked.approximate
    assert not exact.approximate
    own = rng.choice(meta["subject"], 40)
    for asked in (
        {},
        {"where": {"cluster": "low"}},
        {"where": {"rare": "yes"}},
        {"own": {"subject": own}},
        {"unique": "subject"},
        {"exclude": rng.random((40, 6000)) < 0.5},
    ):
        found, truth = (index.search(query, 10, **asked) for index in (walked, exact))
        assert recall(found, truth) >= 0.98, asked
        np.testing.assert_allclose(found.similarity[:, 0], truth.similarity[:, 0], atol=2e-2)
        assert all(len(set(rows.tolist())) == 10 for rows in found.rows)
    assert (meta["subject"][walked.search(query, 10, own={"subject": own}).rows.numpy()]
            != own[:, None]).all()  # fmt: skip
    with pytest.raises(InputError, match="12 different"):
        walked.search(query[:1], 13, unique="subject")


def test_rows_appended_since_the_lists_were_made_are_found(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    index = Index.build(tmp_path / "i", clustered(3000), approximate=True)
    new = 5 * np.eye(24)[:3]
    index.append(new)
    assert index.search(new, 1).rows[:, 0].tolist() == [3000, 3001, 3002]


@pytest.mark.parametrize("k", [10, 600])
def test_duplicates_are_rows_like_others(k: int) -> None:
    pytest.importorskip("faiss")
    z = np.repeat(clustered(7), 900, axis=0)
    found = Index(z, approximate=True).search(z[::900], k)
    assert int(found.rows.min()) >= 0
    truth = Index(z, approximate=False).search(z[::900], k)
    assert recall(found, truth) == 1
    assert all(len(set(rows.tolist())) == k for rows in found.rows)
    same = Index(np.ones((3000, 4)), approximate=True).search(np.ones((1, 4)), 20)
    assert len(set(same.rows[0].tolist())) == 20
    assert int(same.rows.min()) >= 0


def test_latents_without_clusters_are_searched_exactly() -> None:
    pytest.importorskip("faiss")
    z = np.random.default_rng(0).standard_normal((3000, 64))
    assert not Index(z, approximate=True).approximate


def test_damaged_lists_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    Index.build(tmp_path / "i", clustered(3000), approximate=True)
    (lists,) = (tmp_path / "i").glob("*.faiss")
    whole = lists.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"nothing of the kind" * 50):
        lists.write_bytes(damaged)
        with pytest.raises(InputError, match="delete"):
            Index.open(tmp_path / "i")
    lists.unlink()
    assert not Index.open(tmp_path / "i").approximate


def test_a_filter_on_a_label_that_no_row_has_says_so() -> None:
    index = Index(np.eye(3, dtype=np.float32), meta={"label": ["", "", ""]})
    with pytest.raises(InputError, match="empty"):
        index.search(np.eye(3, dtype=np.float32)[:1], where={"label": "V"})
