from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from triptych.errors import InputError
from triptych.model.foreign import ForeignModel, open_model

X = torch.randn(5, 1, 80, generator=torch.Generator().manual_seed(0))


class Both(nn.Module):
    """Mean and largest value: two outputs (n, channels)."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"mean": x.mean(-1), "largest": x.amax(-1)}


def onnx_file(
    path: Path,
    shape: tuple[Any, ...] = ("n", 1, 80),
    inputs: int = 1,
    outputs: tuple[str, ...] = ("mean",),
    kind: int = 1,
    rate: str = "",
) -> str:
    """A graph that averages over time; `kind` 1 is float, 7 a whole number."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    h = onnx.helper
    nodes = [
        h.make_node("ReduceMean", ["x0"], [name], axes=[-1], keepdims=k) for k, name in
        enumerate(outputs)
    ]  # fmt: skip
    graph = h.make_graph(
        nodes,
        "means",
        [h.make_tensor_value_info(f"x{k}", kind, shape) for k in range(inputs)],
        [h.make_tensor_value_info(name, kind, None) for name in outputs],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=8)
    if rate:
        h.set_model_props(model, {"rate": rate})
    onnx.save(model, path)
    return str(path)


def script(path: Path, module: nn.Module) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module).save(str(path))
    return str(path)


def test_onnx_is_run_as_it_is_and_says_what_it_needs(tmp_path: Path) -> None:
    model = open_model(onnx_file(tmp_path / "m.onnx", rate="100"))
    assert (model.channels, model.length, model.rate, model.warning) == (1, 80, 100.0, "")
    np.testing.assert_allclose(model.embed(X), X.mean(-1).numpy(), atol=1e-6)
    with pytest.raises(InputError, match=r"cannot run .*\(5, 2, 80\)"):
        model.embed(torch.zeros(5, 2, 80))


def test_onnx_of_one_batch_size_is_run_in_such_batches(tmp_path: Path) -> None:
    model = open_model(onnx_file(tmp_path / "m.onnx", shape=(2, 1, 80)))
    np.testing.assert_allclose(model.embed(X), X.mean(-1).numpy(), atol=1e-6)


def test_an_output_is_chosen_by_name(tmp_path: Path) -> None:
    two = onnx_file(tmp_path / "m.onnx", outputs=("a", "b"))
    assert open_model(two, output="b").embed(X).shape == (5, 1)  # (5, 1, 1) laid flat
    for output in (None, "c"):
        with pytest.raises(InputError, match="--output NAME"):
            open_model(two, output=output)
    both = script(tmp_path / "m.pt", Both())
    largest = open_model(both, allow_code=True, output="largest").embed(X)
    np.testing.assert_allclose(largest, X.amax(-1).numpy())
    with pytest.raises(InputError, match="outputs mean, largest"):
        open_model(both, allow_code=True).embed(X)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shape": ("n", 80)}, "floats .windows, channels"),
        ({"inputs": 2}, "expected one"),
        ({"kind": 7}, "expected one"),
        ({"rate": "fast"}, "rate 'fast'"),
    ],
)
def test_onnx_with_other_inputs_is_refused(
    settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        open_model(onnx_file(tmp_path / "m.onnx", **settings))


def test_malformed_files_are_refused(tmp_path: Path) -> None:
    for kind in ("onnx", "pt", "ts", "pt2"):
        path = tmp_path / f"m.{kind}"
        for content in (b"", b"PK" + b"x" * 60):
            path.write_bytes(content)
            with pytest.raises(InputError, match="cannot be read"):
                open_model(str(path), allow_code=True)
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(InputError, match="not weights alone"):
        open_model(str(tmp_path / "weights.pt"), allow_code=True)
    (tmp_path / "m.h5").touch()
    with pytest.raises(InputError, match="unknown kind"):
        open_model(str(tmp_path / "m.h5"))
    with pytest.raises(InputError, match="there is no"):
        open_model(str(tmp_path / "nothing.onnx"))


def test_nothing_runs_code_without_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("strangers.py").write_text(
        "import pathlib\npathlib.Path('it ran').touch()\ndef f(x): return x.mean(-1)\n"
    )
    script(tmp_path / "m.pt", Both())
    Path("m.pt2").touch()
    for name in ("strangers:f", "m.pt", "m.pt2"):
        with pytest.raises(InputError, match="pass --allow-code"):
            open_model(name)
    assert not Path("it ran").exists()
    model = open_model("strangers:f", allow_code=True)
    assert Path("it ran").exists()
    assert "module runs" in model.warning
    np.testing.assert_allclose(model.embed(X), X.mean(-1).numpy(), atol=1e-6)
    assert "" not in sys.path


def test_functions_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ("n = 3", "def short(x): return x[1:, 0]", "def flat(x): return x[:, 0, 0]",
             "def worse(x): raise ValueError('too loud')")  # fmt: skip
    Path("odd.py").write_text("\n".join(lines))
    for name in ("odd:nothing", "no_such_module:f"):
        with pytest.raises(InputError, match="cannot be imported"):
            open_model(name, allow_code=True)
    with pytest.raises(InputError, match="no function"):
        open_model("odd:n", allow_code=True)
    for name, said in (
        ("odd:short", "one row a window"),
        ("odd:flat", "one row a window"),
        ("odd:worse", "ValueError: too loud"),
    ):
        with pytest.raises(InputError, match=said):
            open_model(name, allow_code=True).embed(X)


def test_the_form_is_the_models_or_what_is_asked_of_it() -> None:
    recorded = 120.0, ("MLII",)
    free = ForeignModel("m", lambda x: {"z": x})
    assert free.form(*recorded, 100, 0.8).shape == (1, 80)
    assert free.form(*recorded, None, 1).rate == 120.0  # the recordings'
    with pytest.raises(InputError, match="long: --window S"):
        free.form(*recorded)
    strict = ForeignModel("m", lambda x: {"z": x}, None, 2, 80, 100.0)
    assert strict.form(*recorded).channels == ("0", "1")
    with pytest.raises(InputError, match="100 Hz"):
        strict.form(*recorded, 50)
    with pytest.raises(InputError, match="80 samples"):
        strict.form(*recorded, None, 1)
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(InputError, match="--model-rate"):
            free.form(*recorded, wrong, 1)
        with pytest.raises(InputError, match="--window"):
            free.form(*recorded, None, wrong)


def test_missing_samples_are_filled_for_a_model_of_another_maker() -> None:
    model = ForeignModel("mean", lambda x: {"z": x.mean(axis=2)})
    x = torch.arange(8.0).expand(2, 3, 8).clone()
    x[:, 1, 3:6] = torch.nan
    np.testing.assert_allclose(model.embed(x), np.full((2, 3), 3.5))
