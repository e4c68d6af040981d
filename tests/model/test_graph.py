"""Graphs that filter by themselves, and graphs in 8 bits: what they give is the model's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from triptych.audit import compare_graphs, graph_table
from triptych.datasets import cut, preprocess, simulated
from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.model import Model, Preprocessing, load_graph
from triptych.model.quantised import quantised
from triptych.model.raw_input import TAIL, CausalFilter
from triptych.model.stream import Stream
from triptych.transforms import NoiseSNR

RATE, LENGTH = 50.0, 64
FORMS = {
    "band": Preprocessing(RATE, ("a", "b", "c", "d"), LENGTH, 0.5, 20.0, "causal"),
    "low": Preprocessing(RATE, ("a",), LENGTH, None, 8.0, "causal"),
    "gravity": Preprocessing(RATE, ("a", "b", "c", "d"), LENGTH, None, 20.0, "causal", False),
}


def recording(channels: int, samples: int = 3000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (5 + 0.1 * rng.normal(size=(channels, samples)).cumsum(axis=1)).astype(np.float32)


@settings(max_examples=15)
@given(st.sampled_from(sorted(FORMS)), st.integers(LENGTH, 3000), st.integers(0, 9))
def test_the_layer_is_the_recursive_filter(name: str, end: int, seed: int) -> None:
    how = FORMS[name]
    layer, x = CausalFilter(how), recording(len(how.channels), seed=seed)
    begin = max(0, end - LENGTH - layer.lead_in)
    given_ = torch.as_tensor(x[None, :, begin:end])
    expected = how.apply(x.astype(np.float64))[:, end - LENGTH : end]
    allowed = TAIL * np.abs(x - x[:, begin : begin + 1]).max() * len(how.filters() or ()) + 5e-5
    np.testing.assert_allclose(layer(given_)[0].numpy(), expected, rtol=0, atol=allowed)


def test_what_no_graph_can_filter_is_refused() -> None:
    with pytest.raises(InputError, match="causal"):
        CausalFilter(Preprocessing(RATE, ("a",), LENGTH, 0.5, 20.0))
    with pytest.raises(InputError, match="120 s"):
        CausalFilter(Preprocessing(RATE, ("a",), LENGTH, 0.001, 20.0, "causal"))


def companion_of(path: Path) -> Any:
    beside = path.with_name(f"{path.stem}_stream.py")
    spec = importlib.util.spec_from_file_location(beside.stem, beside)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shipped model with its filter inside; made once, as it takes seconds."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path_factory.mktemp("graph") / "raw.onnx"
    Model.from_pretrained("ecg-1lead").export(path, raw=True)
    return path


def test_a_shipped_model_takes_raw_samples(graph: Path) -> None:
    model, loaded, x = Model.from_pretrained("ecg-1lead"), load_graph(graph), recording(1)
    how, step = model.preprocessing, round(model.preprocessing.rate)
    lead = loaded.preprocessing.length - how.length
    expected = model.embed(model.prepare(x, how.rate, 1.0)).all
    later = range(-(-lead // step), len(expected))
    windows = np.stack([x[:, k * step - lead : k * step + how.length] for k in later])
    for batch in (1, 7):
        found = loaded.embed(windows[:batch]).all
        rows = expected[later.start :][:batch]
        torch.testing.assert_close(found, rows, rtol=1e-4, atol=1e-4)
    # a recording begins: there is nothing before its first window
    first = loaded(torch.as_tensor(x[None, :, : how.length]))
    torch.testing.assert_close(first, expected[:1], rtol=1e-4, atol=1e-4)


def test_its_companion_gives_what_the_stream_gives(graph: Path) -> None:
    """The stream keeps its filter's state, the companion leaves filtering to the graph."""
    model, x = Model.from_pretrained("ecg-1lead"), recording(1)
    companion, stream = companion_of(graph).Stream(graph, 1.0), Stream(model, 1.0)
    for at, end in ((0, 1100), (1090, 1107), (1150, 3000)):  # some again, some lost
        theirs, ours = companion.push(x[:, at:end], at), stream.push(x[:, at:end], at)
        np.testing.assert_allclose(theirs[0] / model.preprocessing.rate, ours.start_s)
        for block, z in theirs[1].items():
            np.testing.assert_allclose(z, ours.latents[block].numpy(), rtol=1e-4, atol=1e-4)


def test_without_a_filter_raw_samples_are_windows(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    how = Preprocessing(RATE, ("a",), LENGTH, phase="causal")
    schema = LatentSchema(Block("shape", LENGTH))
    Model(how, nn.Flatten(), schema).export(tmp_path / "m.onnx", raw=True)
    told = runtime.InferenceSession(tmp_path / "m.onnx").get_modelmeta().custom_metadata_map
    assert (told["takes"], told["lead_in"]) == ('"raw samples"', "0")
    assert load_graph(tmp_path / "m.onnx").preprocessing == how


def test_eight_bits_are_smaller_and_keep_the_blocks_and_the_filter(
    graph: Path, tmp_path: Path
) -> None:
    onnx: Any = pytest.importorskip("onnx")
    made = quantised(onnx.load(graph))
    onnx.save(made, tmp_path / "int8.onnx")
    kinds = [node.op_type for node in made.graph.node]
    assert kinds.count("ConvInteger") == 5  # the encoder's
    assert kinds.count("Conv") == 1  # the filter
    how = load_graph(graph).preprocessing
    cohort = simulated.load("ecg", 4, seconds=40).map(lambda each: preprocess(each, how))
    windows = cut(cohort, how.length / how.rate, starts=2.0)
    paths = {"float32": graph, "int8": tmp_path / "int8.onnx"}
    found = compare_graphs(paths, windows, [NoiseSNR(low=5.0, high=30.0)])
    whole, small = found["float32"], found["int8"]
    assert small.megabytes < 0.6 * whole.megabytes
    assert 0.99 < min(small.like_first.values()) < 1
    for key, gap in whole.gaps.items():
        assert small.gaps[key] == pytest.approx(gap, abs=0.02)
    table = graph_table(found, "simulated")
    assert table.header == ("", "float32", "int8")
    assert len(table.rows) == 3 + 3 + len(whole.gaps)


def test_other_files_are_no_graphs(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "no.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="ONNX"):
        load_graph(tmp_path / "no.onnx")
