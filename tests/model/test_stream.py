"""A stream gives what whole recordings give, with and without torch."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.errors import InputError
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.model import Model, Preprocessing
from triptych.model.companion import Cutting
from triptych.model.stream import Stream
from triptych.networks import ConvEncoder

RATE, LENGTH = 50.0, 64
SCHEMA = LatentSchema(Block("shape", 6), Block("rest", 3))


def make(channels: int = 1, **how: object) -> Model:
    torch.manual_seed(0)
    settled = {"low": 0.5, "high": 20.0, "phase": "causal", **how}
    trunk = ConvEncoder(channels, LENGTH, widths=(8, 8), kernels=(5, 3), strides=(2, 2), where=2)
    names = tuple("xyzabc"[:channels])
    form = Preprocessing(RATE, names, LENGTH, **settled)  # type: ignore[arg-type]
    return Model(form, BlockHeads(trunk, SCHEMA), SCHEMA).eval()


def recording(channels: int = 1, samples: int = 700, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (100 + rng.normal(size=(channels, samples)).cumsum(axis=1)).astype(np.float32)


@settings(max_examples=10)
@given(
    cuts=st.lists(st.integers(0, 700), max_size=8),
    step=st.integers(10, 150),
    back=st.integers(0, 30),
)
def test_pushes_of_any_size_give_the_windows_of_the_whole(
    cuts: list[int], step: int, back: int
) -> None:
    model, x = make(), recording()
    stream = Stream(model, step / RATE)
    edges = [0, *sorted(cuts), 700]
    pushed = [
        stream.push(x[:, max(0, a - back) : b], at=max(0, a - back))  # the end once more
        for a, b in itertools.pairwise(edges)
    ]
    expected = model.embed(model.prepare(x, RATE, step / RATE))
    found = torch.cat([each.latents.all for each in pushed])
    torch.testing.assert_close(found, expected.all, rtol=1e-5, atol=1e-5)
    starts = np.concatenate([each.start_s for each in pushed])
    np.testing.assert_allclose(starts, np.arange(len(found)) * step / RATE)


def test_behind_lost_samples_a_stream_starts_anew() -> None:
    model, x = make(), recording()
    stream = Stream(model, 0.4)
    first = stream.push(x[:, :300])
    second = stream.push(x[:, 350:], at=350)
    for part, of in ((first, x[:, :300]), (second, x[:, 350:])):
        expected = model.embed(model.prepare(of, RATE, 0.4))
        torch.testing.assert_close(part.latents["shape"], expected["shape"], rtol=1e-5, atol=1e-5)
    assert second.start_s[0] == 350 / RATE


def test_many_streams_are_one_push() -> None:
    model = make(channels=6, gravity=False)
    x = np.stack([recording(6, seed=k) for k in range(5)])
    stream = Stream(model, 1.0)
    stream.push(x[..., :100])
    found = stream.push(x[..., 100:])
    rows = found.latents.all.unflatten(0, (len(found.start_s), 5))
    for k, one in enumerate(x):
        expected = model.embed(model.prepare(one, RATE, 1.0)).all[1:]
        torch.testing.assert_close(rows[:, k], expected, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_streamed_is_refused() -> None:
    with pytest.raises(InputError, match="causal"):
        Stream(make(phase="zero"), 1.0)
    Stream(make(phase="zero", low=None, high=None), 1.0)
    assert Stream(make(), 1.0, rate=RATE).model.preprocessing.rate == RATE
    with pytest.raises(InputError, match=r"125 Hz.* 50 Hz.*not resampled"):
        Stream(make(), 1.0, rate=2.5 * RATE)
    with pytest.raises(InputError, match="step_s"):
        Stream(make(), 0.001)
    stream = Stream(make(), 1.0)
    assert len(stream.push(np.zeros((1, 10))).latents.all) == 0
    for wrong in (np.zeros((2, 10)), np.zeros(10), np.zeros((3, 1, 10))):
        with pytest.raises(InputError, match="shape"):
            stream.push(wrong)
    with pytest.raises(InputError, match="at="):
        stream.push(np.full((1, 10), np.nan))


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_companion_needs_neither_torch_nor_triptych(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    onnx = pytest.importorskip("onnx")
    model, x = make(3, gravity=False), recording(3)
    model.export(tmp_path / "watch.onnx")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np; from watch_stream import Stream\n"
        "s = Stream('watch.onnx', 0.5); x = np.load('x.npy')\n"
        "parts = [s.push(x[:, a : a + 90]) for a in range(0, 700, 90)]\n"
        "assert not {'torch', 'triptych', 'scipy'} & set(sys.modules)\n"
        "np.savez('z.npz', *[p[1]['shape'] for p in parts])\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    found = np.concatenate(list(np.load(tmp_path / "z.npz").values()))
    expected = model.embed(model.prepare(x, RATE, 0.5))["shape"].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    companion = loaded(tmp_path / "watch_stream.py")
    stream = companion.Stream(tmp_path / "watch.onnx", 0.5)
    whole = stream.push(x)[1]["shape"]
    np.testing.assert_allclose(whole, found, rtol=1e-6, atol=1e-6)
    windows = Cutting(LENGTH, 25, model.preprocessing.filters()).push(x)[1]
    direct = stream.session.run(["shape"], {"signals": windows})[0]
    np.testing.assert_allclose(whole, direct, rtol=1e-6, atol=1e-6)

    with pytest.raises(ValueError, match="50 Hz, not 125"):
        companion.Stream(tmp_path / "watch.onnx", 0.5, 125.0)

    zero = onnx.load(tmp_path / "watch.onnx")  # as of a model whose filter is of zero phase
    next(each for each in zero.metadata_props if each.key == "filters").value = "null"
    onnx.save(zero, tmp_path / "zero.onnx")
    with pytest.raises(ValueError, match="backwards"):
        companion.Stream(tmp_path / "zero.onnx", 0.5)
