"""Models of other makers as functions of signals: ONNX, TorchScript, torch.export, Python.

Only ONNX files hold no code: they are graphs of known operators. A TorchScript file is a program
beside pickled data, and `torch.jit.load` warns that such data can run anything; `torch.export.load`
unpickles too; a Python function is code by itself. These three are opened only on request.
"""

from __future__ import annotations

import importlib
import math
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triptych.errors import InputError
from triptych.missing import bridge, masking
from triptych.signals.preprocessing import Preprocessing

Signals = NDArray[np.float32]
FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
RUNS_CODE = {
    ".pt": "is a TorchScript file: a program beside pickled data, and loading it runs both",
    ".pt2": "is a torch.export file, which is unpickled, and unpickling runs code",
    ":": "is a Python function, and importing its module runs it",
}
RUNS_CODE[".ts"] = RUNS_CODE[".pt"]


@dataclass(frozen=True)
class ForeignModel:
    """A model of another maker.

    Attributes
    ----------
    name
        As it was asked for.
    run
        Signals (n, channels, time) → output name → values (n, ...).
    output
        Which of its outputs is looked at; None where there is one only.
    channels, length, rate
        What it says of its input; None where it says nothing.
    warning
        What a reader should know of how it was opened, if anything.
    """

    name: str
    run: Callable[[Signals], Mapping[str, Any]]
    output: str | None = None
    channels: int | None = None
    length: int | None = None
    rate: float | None = None
    warning: str = ""

    def embed(self, x: Tensor) -> NDArray[Any]:
        """Values (n, d) of signals (n, channels, time); whatever follows n is laid flat.

        Missing samples (NaN) are filled by linear interpolation.

        Raises InputError if the model cannot run on them, its outputs are ambiguous, or rows lack.
        """
        try:
            with torch.no_grad():
                found = self.run((bridge(x) if masking(x) else x).numpy())
        except Exception as error:  # another maker's code fails in its own ways
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise InputError(
                f"{self.name} cannot run on signals of shape {tuple(x.shape)} (windows, channels, "
                f"time): {type(error).__name__}: {reason[:200]}"
            ) from error
        if self.output not in found and (self.output is not None or len(found) != 1):
            raise InputError(
                f"{self.name} has the outputs {', '.join(found)}; name one of them: --output NAME"
            )
        value = found[self.output or next(iter(found))]
        array = np.asarray(value.cpu() if isinstance(value, Tensor) else value)
        if array.ndim < 2 or len(array) != len(x):
            raise InputError(
                f"{self.name} gave values of shape {array.shape} for {len(x)} windows, expected "
                f"({len(x)}, d): one row a window"
            )
        return array.reshape(len(x), -1)

    def form(
        self,
        recorded: float,
        names: tuple[str, ...],
        rate: float | None = None,
        window_s: float | None = None,
    ) -> Preprocessing:
        """What windows it needs: as it says, as it is told, else as they are recorded.

        Parameters
        ----------
        recorded, names
            Rate in Hz and channels of the recordings.
        rate, window_s
            What it is told: Hz, and s.

        Raises
        ------
        InputError
            Where these contradict each other, or nobody says how long a window is.
        """
        for what, value in (("--model-rate", rate), ("--window", window_s)):
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{what} is {value:g}, expected a number above 0")
        if rate is not None and self.rate not in (None, rate):
            raise InputError(f"{self.name} was made for {self.rate:g} Hz, but {rate:g} is asked of")
        rate = rate or self.rate or recorded
        length = self.length if window_s is None else round(window_s * rate)
        if length is None or length < 1 or self.length not in (None, length):
            takes = "of any length" if self.length is None else f"of {self.length} samples"
            raise InputError(
                f"{self.name} takes windows {takes}, at {rate:g} Hz; "
                + ("say how long: --window S" if window_s is None else f"not of {window_s:g} s")
            )
        if self.channels not in (None, len(names)):
            names = tuple(map(str, range(self.channels or 0)))
        return Preprocessing(rate, names, length)


def open_model(name: str, *, allow_code: bool = False, output: str | None = None) -> ForeignModel:
    """Open another maker's model.

    Parameters
    ----------
    name
        An ``.onnx`` file; or, with `allow_code` only, a TorchScript file (``.pt``, ``.ts``), a
        torch.export file (``.pt2``) or ``package.module:function``, which maps an array
        (n, channels, time) to (n, d) and is looked for in the current folder too.
    output
        Name of an output; of a model that returns a tuple its place, from 0.

    Raises
    ------
    InputError
        There is no such model, it is damaged, or it would run code without leave.
    """
    path = Path(name).expanduser()
    is_function = bool(FUNCTION.fullmatch(name)) and not path.exists()
    kind = ":" if is_function else path.suffix.lower()
    if not is_function and not path.is_file():
        raise InputError(f"there is no {name}; expected a model's folder or file, or an .npz")
    reason = RUNS_CODE.get(kind)
    if kind == ".onnx":
        return _onnx(name, path, output)
    if reason is None:
        raise InputError(
            f"{name} is of an unknown kind; expected a model's folder, .onnx, .pt, .ts, .pt2, "
            "package.module:function, or embeddings as .npz"
        )
    if not allow_code:
        raise InputError(
            f"{name} {reason}; pass --allow-code if you trust who made it, or export it to ONNX, "
            "which holds no code"
        )
    call = _function(name) if is_function else _module(name, path, kind)

    def run(x: Signals) -> Mapping[str, Any]:
        return _named(call(x))

    return ForeignModel(name, run, output, warning=f"{name} {reason}")


def session_of(path: str | Path, threads: int = 0) -> Any:
    """Open an ONNX file with onnxruntime on the CPU.

    Parameters
    ----------
    threads
        Of one product; 0: as many as onnxruntime chooses.

    Raises
    ------
    InputError
        Without the extra ``onnx``, and for other files.
    """
    try:
        runtime: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise InputError(
            "an .onnx file needs the extra 'onnx'; run pip install 'triptych[onnx]'"
        ) from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own exceptions share no type
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"{Path(path).name} cannot be read as ONNX ({reason}); export it again"
        ) from error


def _onnx(name: str, path: Path, output: str | None) -> ForeignModel:
    session = session_of(path)
    inputs = session.get_inputs()
    one = inputs[0]
    shape = [side if isinstance(side, int) else None for side in one.shape]
    kinds = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16"}
    if len(inputs) != 1 or len(shape) != 3 or one.type not in kinds:
        said = "; ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
        raise InputError(
            f"{name} has the input {said}; expected one of floats (windows, channels, time)"
        )
    outputs = [each.name for each in session.get_outputs()]
    if output not in (outputs if output or len(outputs) > 1 else [None]):
        raise InputError(f"{name} has the outputs {', '.join(outputs)}; name one: --output NAME")
    wanted = [output or outputs[0]]
    fixed = shape[0]
    stated = session.get_modelmeta().custom_metadata_map.get("rate")
    try:
        rate = None if stated is None else float(stated)
    except ValueError as error:
        raise InputError(f"{name} states the rate {stated!r}, expected a number of Hz") from error

    def run(x: Signals) -> Mapping[str, Any]:
        x, n = x.astype(kinds[one.type]), len(x)
        if fixed is None:
            return dict(zip(wanted, session.run(wanted, {one.name: x}), strict=True))
        x = np.concatenate([x, np.repeat(x[-1:], -n % fixed, axis=0)])  # batches of one size only
        parts = [
            session.run(wanted, {one.name: x[start : start + fixed]})[0]
            for start in range(0, len(x), fixed)
        ]
        return {wanted[0]: np.concatenate(parts)[:n]}

    return ForeignModel(name, run, output, shape[1], shape[2], rate)


def _module(name: str, path: Path, kind: str) -> Callable[[Signals], Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that either format will be replaced one day
            if kind == ".pt2":
                module = cast(Any, torch.export.load(path)).module()
            else:
                module = cast(Any, torch.jit).load(str(path), map_location="cpu").eval()
    except Exception as error:  # damaged archives and missing operators fail in many ways
        expected = "torch.export.save" if kind == ".pt2" else "torch.jit.save"
        raise InputError(
            f"{name} cannot be read ({type(error).__name__}); expected what {expected} wrote, "
            "not weights alone or a pickled module"
        ) from error
    return lambda x: module(torch.as_tensor(x))


def _function(name: str) -> Callable[[Signals], Any]:
    module, _, function = name.partition(":")
    sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), function)
    except Exception as error:  # a module that is run fails in its own ways
        raise InputError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")
    if not callable(found):
        raise InputError(f"{name} is no function but a {type(found).__name__}")
    return found


def _named(value: Any) -> Mapping[str, Any]:
    """Outputs by name: those of a mapping, the places of a tuple, or the only one."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    if isinstance(value, (tuple, list)):
        return {str(place): each for place, each in enumerate(cast("list[Any]", value))}
    return {"output": value}
