"""Windows that stay in a file or a store: as those in memory, and read in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit import tiny

from triptych import datasets
from triptych.datasets import from_parquet, from_windows
from triptych.datasets.coded import Coded, distinct
from triptych.datasets.gathered import Gathered
from triptych.errors import InputError
from triptych.training import Recipe, fit


class Store:
    """What gives rows for slices and sorted numbers only, and counts them, like zarr or HDF5."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.read = values, values.shape, [0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        if not isinstance(rows, slice):
            assert (np.diff(rows) > 0).all()
        held = self.values[rows]
        self.read.append(len(held))
        return held


@given(data=st.data())
@settings(max_examples=30)
def test_rows_and_spans_are_those_of_the_array(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(9, 2, 6), (7, 6)]))
    values = np.random.default_rng(0).standard_normal(shape)
    plain = torch.as_tensor(values, dtype=torch.float32).reshape(shape[0], -1, 6)
    held: Any = Gathered(Store(values))
    rows = np.array(data.draw(st.lists(st.integers(0, shape[0] - 1), min_size=1, max_size=9)))
    first, end = data.draw(st.sampled_from([(0, 6), (1, 5), (2, 3)]))
    if data.draw(st.booleans()):
        plain, held = plain[torch.as_tensor(rows)], held.take(rows)
    plain, held = plain[..., first:end], held[..., first:end]
    if data.draw(st.booleans()):
        plain, held = plain[::2], held.take(np.arange(len(held))[::2])
    assert held.shape == plain.shape
    again = torch.as_tensor(data.draw(st.lists(st.integers(0, len(plain) - 1), max_size=9))).long()
    assert torch.equal(held.index_select(0, again), plain.index_select(0, again))
    assert torch.equal(held[1:], plain[1:])
    assert torch.equal(held[len(plain) - 1], plain[-1])


WORDS = st.lists(st.text("ab\u00e9 ", max_size=3), min_size=1, max_size=20).map(np.array)


@given(words=WORDS, data=st.data())
@settings(max_examples=50)
def test_coded_words_answer_as_an_array_of_words(words: np.ndarray, data: st.DataObject) -> None:
    coded: Any = Coded.of(words)
    rows = np.array(data.draw(st.lists(st.integers(0, len(words) - 1), min_size=1, max_size=9)))
    if data.draw(st.booleans()):
        coded, words = coded[rows], words[rows]
    word = data.draw(st.sampled_from(words.tolist()))
    assert len(coded) == len(words)
    assert coded.tolist() == list(coded) == words.tolist()
    assert coded[-1] == words[-1]
    assert coded[:2].tolist() == words[:2].tolist()
    for ours, theirs in (
        (coded == word, words == word), (coded != word, words != word),
        (np.isin(coded, [word]), words == word), (np.unique(coded), np.unique(words)),
        (distinct(coded), np.unique(words)), (np.concatenate([coded, words[:1]])[-1:], words[:1]),
        (coded == words, np.full(len(words), True)),
    ):  # fmt: skip
        np.testing.assert_array_equal(ours, theirs)


def test_one_word_for_all_takes_no_memory_in_a_choice_either() -> None:
    windows = from_windows(np.zeros((50, 1, 4)), rate=1.0, subjects="a").take(np.arange(50) > 9)
    assert windows.subject.tolist() == ["a"] * 40
    assert windows.start.strides == (0,)


def mapped(folder: Path, n: int = 64, length: int = 120) -> np.ndarray:
    """Windows of 80 samples with 20 on either side, in a mapped file."""
    values = np.random.default_rng(0).standard_normal((n, 1, length)).astype(np.float32)
    np.save(folder / "x.npy", values)
    return np.load(folder / "x.npy", mmap_mode="r")


def test_a_file_is_embedded_and_trained_on_as_an_array_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triptych.datasets.gathered.PIECE", 10)
    monkeypatch.setattr("triptych.signals.preprocessing.PIECE", 10)
    monkeypatch.setattr("triptych.datasets.gathered.HELD", 1000)
    monkeypatch.setattr("triptych.datasets.memory.windows.PIECE", 10)
    values = mapped(tmp_path)
    who = np.repeat(["a", "b", "c", "d"], 16)
    lazily = from_windows(values, rate=100.0, subjects=who, context=20)
    assert isinstance(lazily.subject, Coded)
    assert lazily.subject.codes.itemsize == 1
    plain = datasets.Windows(
        torch.tensor(values), 100.0, 20, lazily.record, who, lazily.start, lazily.label,
        lazily.event_offset,
    )  # fmt: skip
    model = tiny.model()
    z = model.embed(plain.centred).all
    torch.testing.assert_close(model.embed(lazily.centred).all, z)
    out = np.lib.format.open_memmap(tmp_path / "z.npy", "w+", np.float32, (64, 16))
    model.embed(lazily.centred, out=out)
    np.testing.assert_allclose(np.load(tmp_path / "z.npy"), z.numpy(), atol=1e-6)
    recipe = Recipe.model_validate(
        {
            "name": "tiny",
            "data": {"name": "folder", "rate": 100.0, "length_s": 0.8},
            "transforms": [{"name": "phase_shift", "max_shift": 0.2}],
            "latent": [{"name": "shape", "size": 4, "invariant_to": "phase_shift"}],
            "encoder": {"widths": [8], "kernels": [7], "strides": [4]},
            "training": {"epochs": 1, "batch": 16, "seed": 1},
        }
    )
    held = np.isin(who, ["d"])
    fitted = [
        fit(recipe, each.take(~held), each.take(held), device="cpu", progress=False)
        for each in (lazily, plain)
    ]
    ours, theirs = ({k: v for k, v in f.history[0].items() if k != "seconds"} for f in fitted)
    assert ours == theirs


def test_a_parquet_column_is_written_once_and_mapped(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    values = np.random.default_rng(0).standard_normal((50, 2, 8)).astype(np.float32)
    table = pa.table(
        {"signal": values.reshape(50, -1).tolist(), "odd": [[1.0] * (i + 1) for i in range(50)]}
    )
    parquet.write_table(table, tmp_path / "x.parquet", row_group_size=7)
    options: dict[str, Any] = {"kept": tmp_path / "x.npy", "channels": 2, "rate": 50.0}
    windows = from_parquet(tmp_path / "x.parquet", "signal", **options)
    assert torch.equal(windows.take([3, 1]).centred[:], torch.as_tensor(values[[3, 1]]))
    for column in ("odd", "none"):
        with pytest.raises(InputError):
            from_parquet(tmp_path / "x.parquet", column, **{**options, "kept": tmp_path / "y.npy"})
    assert not (tmp_path / "y.npy").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"X": np.zeros(5)}, {"X": [[1.0]]}, {"rate": 0.0}, {"context": 4},
        {"subjects": ["a", "b"]}, {"attributes": {"device": ["w"] * 4}},
    ],
)  # fmt: skip
def test_what_are_no_windows_is_refused(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"X": np.zeros((5, 8)), "rate": 10.0, **wrong}
    with pytest.raises(InputError):
        from_windows(given.pop("X"), **given)


def test_a_fault_far_into_a_file_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triptych.signals.preprocessing.PIECE", 10)
    values = np.zeros((30, 1, 80), np.float32)
    values[23] = np.nan
    windows = from_windows(values, rate=100.0)
    with pytest.raises(InputError, match=r"window 3 .*from 20"):
        tiny.model().embed(windows.centred)


@pytest.mark.parametrize("library", ["zarr", "h5py", "dask.array"])
def test_windows_of_a_store_of_another_library_are_read(tmp_path: Path, library: str) -> None:
    module: Any = pytest.importorskip(library)
    values = np.random.default_rng(0).standard_normal((40, 2, 16)).astype(np.float32)
    if library == "h5py":
        held = module.File(tmp_path / "x.h5", "w").create_dataset("x", data=values)
    else:
        held = module.array(values) if library == "zarr" else module.from_array(values, chunks=7)
    windows = from_windows(held, rate=50.0).take([3, 39, 3, 8])
    assert torch.equal(windows.signals[:], torch.as_tensor(values[[3, 39, 3, 8]]))
    some = windows.signals.index_select(0, torch.tensor([3, 1]))
    assert torch.equal(some, torch.as_tensor(values[[8, 39]]))
