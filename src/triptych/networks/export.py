"""ONNX files: an encoder that runs without Python, checked against the one it came from."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.files import write_atomically

TOLERANCE = 1e-4


def export_onnx(
    module: nn.Module,
    shape: tuple[int, int],
    outputs: Sequence[str],
    path: str | Path,
    rate: float | None = None,
) -> None:
    """Write `module` as ONNX: input ``signals (n, channels, time)``, n free, named outputs.

    Parameters
    ----------
    module
        Maps signals to a tuple of tensors ``(n, ...)``, one an output; exported in eval mode.
    shape
        ``(channels, time)``.
    outputs
        Their names.
    path
        The file to write.
    rate
        Hz of the signals, kept as the file's metadata ``rate``.

    Raises
    ------
    InputError
        Without the extra ``onnx``; if the network cannot be expressed; or if onnxruntime's
        outputs for a random batch differ from torch's by more than 1e-4 of their size (at least
        1). Nothing is written then.
    """
    try:
        runtime: Any = importlib.import_module("onnxruntime")
        importlib.import_module("onnxscript")
    except ImportError as error:
        raise InputError(
            f"exporting to ONNX needs the extra 'onnx' ({error}); run pip install 'triptych[onnx]'"
        ) from error
    module = module.eval()
    generator = torch.Generator().manual_seed(0)
    device = next((value.device for value in module.parameters()), torch.device("cpu"))
    batch = torch.randn(5, *shape, generator=generator)
    content = _onnx(module, batch[:2].to(device), outputs, rate)
    try:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        found = session.run(list(outputs), {"signals": batch.numpy()})
    except Exception as error:  # the runtime's own exceptions share no type
        raise InputError(f"onnxruntime cannot run this network ({error})") from error
    with torch.no_grad():
        expected = cast(tuple[Tensor, ...], module(batch.to(device)))
    for name, ours, theirs in zip(outputs, expected, found, strict=True):
        difference = float((ours.cpu() - torch.as_tensor(theirs)).abs().max())
        if not difference <= TOLERANCE * max(1.0, float(ours.abs().max())):
            raise InputError(
                f"onnxruntime's {name!r} differs from torch's by {difference:.2g} on a random "
                f"batch, more than {TOLERANCE:g}; this network cannot be exported faithfully"
            )
    with write_atomically(path, "wb") as handle:
        handle.write(content)


def _onnx(module: nn.Module, example: Tensor, outputs: Sequence[str], rate: float | None) -> bytes:
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns of torchvision, which nobody needs here
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(  # pyright: ignore[reportUnknownMemberType]
                module,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["signals"],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("n")},),
            )
            proto = program.model_proto
            if rate is not None:
                proto.metadata_props.add(key="rate", value=f"{rate:g}")
            return proto.SerializeToString()
    except Exception as error:  # the exporter's failures have many types, and long texts
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"this network cannot be expressed in ONNX ({type(error).__name__}: {reason}); "
            "export one without its custom layers"
        ) from error
    finally:
        log.setLevel(level)
