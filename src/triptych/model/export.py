"""ONNX files: an encoder that runs without Python, checked against the one it came from."""

from __future__ import annotations

import importlib
import json
import logging
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.files import write_atomically
from triptych.latent import LatentSchema
from triptych.model.quantised import quantised
from triptych.model.raw_input import CausalFilter
from triptych.signals.preprocessing import Preprocessing

TOLERANCE = 1e-4


def export_onnx(
    module: nn.Module,
    shape: tuple[int, int],
    outputs: Sequence[str],
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
    shortest: int | None = None,
    masks: bool = False,
    int8: bool = False,
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
    metadata
        Kept in the file; ``rate`` is the signals' in Hz.
    shortest
        Samples of the shortest window, if any length from there on will do: then time is free too.
    masks
        Whether the module leaves missing samples (NaN) out. Where the graph does so, too, the
        file's metadata ``missing`` is ``"mask"``, else ``"refuse"``: gaps have to be filled before.
    int8
        Whether what is written is quantised, once the graph of full precision has been compared.

    Raises
    ------
    InputError
        Without the extra ``onnx``; if the network cannot be expressed; or if, for one of `trials`,
        onnxruntime gives no numbers where torch does, or differs from it by more than 1e-4 of the
        window's largest output (at least 1). Nothing is written then.
    """
    try:
        runtime: Any = importlib.import_module("onnxruntime")
        importlib.import_module("onnxscript")
    except ImportError as error:
        raise InputError(
            f"exporting to ONNX needs the extra 'onnx' ({error}); run pip install 'triptych[onnx]'"
        ) from error
    module = module.eval()
    device = next((value.device for value in module.parameters()), torch.device("cpu"))
    windows = trials(*shape)
    batch = torch.stack(list(windows.values()))
    proto = _onnx(module, batch[:2].to(device), outputs, shortest)
    for key, value in (metadata or {}).items():
        proto.metadata_props.add(key=key, value=value)
    gap = batch[:2].clone()
    gap[..., shape[1] // 3 : shape[1] // 2] = torch.nan
    try:
        content = proto.SerializeToString()
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        found, holed = (session.run(list(outputs), {"signals": x.numpy()}) for x in (batch, gap))
    except Exception as error:  # the runtime's own exceptions share no type
        reason = str(error).strip().partition("\n")[0][:200]
        raise InputError(f"onnxruntime cannot run this network ({reason})") from error
    with torch.no_grad():
        expected, known = (cast(tuple[Tensor, ...], module(x.to(device))) for x in (batch, gap))
    for name, ours, theirs in zip(outputs, expected, found, strict=True):
        _require_equal(name, list(windows), ours.cpu(), torch.as_tensor(theirs))
    masked = masks and all(
        torch.allclose(ours.cpu(), torch.as_tensor(theirs), atol=TOLERANCE, rtol=TOLERANCE)
        for ours, theirs in zip(known, holed, strict=True)
    )
    proto.metadata_props.add(key="missing", value="mask" if masked else "refuse")
    with write_atomically(path, "wb") as handle:
        handle.write((quantised(proto) if int8 else proto).SerializeToString())


class Blocks(nn.Module):
    """A module of latents whose outputs are the blocks of its schema, as a tuple."""

    def __init__(self, model: nn.Module, schema: LatentSchema) -> None:
        super().__init__()
        self.model, self.schema = model, schema

    def forward(self, signals: Tensor) -> tuple[Tensor, ...]:
        """Blocks ``(n, size)`` of signals ``(n, channels, time)``."""
        return tuple(self.schema.split(self.model(signals)).values())


@contextmanager
def evaluating(module: nn.Module) -> Generator[None]:
    """Eval mode for a while; afterwards every part is in the mode that it was in."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def export_stream(
    module: nn.Module,
    how: Preprocessing,
    schema: LatentSchema,
    path: str | Path,
    shortest: int | None = None,
    masks: bool = False,
    *,
    raw: bool = False,
    int8: bool = False,
) -> None:
    """Write ``path``, an ONNX file with one output per block of latents, and its companion.

    The file's metadata hold all that has to be done before: ``takes`` (``filtered windows`` or
    ``raw samples``), ``rate`` (Hz), ``length`` (samples), ``channels``, ``low``, ``high``,
    ``phase``, ``filters`` (as `Preprocessing.filters`, of what is not in the graph; ``null`` where
    no stream can run them), ``lead_in`` (samples before the window that the graph's own filter
    looks back on) and the ``schema``, as JSON. The companion, ``<name>_stream.py``, does that
    without torch, with NumPy and onnxruntime only.

    Parameters
    ----------
    raw
        Whether the graph filters by itself, see `CausalFilter`: its input is then
        ``(n, channels, time)`` at ``rate``, unfiltered, with ``length + lead_in`` samples (fewer
        only from the start of a recording on), and its outputs are of the last ``length``.
    int8
        Whether weights and products are in 8 bits, see `quantised`.

    Raises
    ------
    InputError
        As `export_onnx`; with `raw` as `CausalFilter`.
    """
    filters, shape = how.filters(), how.shape
    inside = CausalFilter(how) if raw and filters != [] else None
    if inside is not None:
        module = nn.Sequential(inside, module)
        shape, shortest = (shape[0], how.length + inside.lead_in), how.length
        filters, masks = [], False
    told = {
        "rate": repr(float(how.rate)).removesuffix(".0"),  # to the last digit: 1000 / 7 Hz
        **{
            key: json.dumps(value)
            for key, value in {
                "length": how.length,
                "channels": how.channels,
                "low": how.low,
                "high": how.high,
                "phase": how.phase,
                "gravity": how.gravity,
                "takes": "raw samples" if raw else "filtered windows",
                "lead_in": inside.lead_in if inside is not None else 0,
                "filters": filters and [(n, each.tolist()) for n, each in filters],
                "schema": schema.to_dict(),
            }.items()
        },
    }
    blocks = Blocks(module, schema)
    export_onnx(blocks, shape, schema.names, path, told, shortest, masks, int8)
    beside = Path(path).with_name(f"{Path(path).stem}_stream.py")
    with write_atomically(beside) as handle:
        handle.write(Path(__file__).with_name("companion.py").read_text("utf-8"))


def trials(channels: int, time: int) -> dict[str, Tensor]:
    """Windows on which an exported network has to agree with torch: what it is → ``(c, t)``.

    Ordinary ones, and those at which a division or a root goes wrong: nothing at all, constants,
    a dead channel (the first, the last), half a window, very large and very small numbers.
    """
    generator = torch.Generator().manual_seed(0)
    ordinary = torch.randn(channels, time, generator=generator)
    level = torch.linspace(0.5, 1, channels)[:, None].expand(-1, time)
    channel, sample = torch.arange(channels)[:, None], torch.arange(time)
    return {
        "a random window": ordinary,
        "another random window": torch.randn(channels, time, generator=generator),
        "zeros": torch.zeros(channels, time),
        "constants": level,
        "a random window about constants": level + ordinary / 10,
        "a window whose first channel is 0": ordinary * (channel > 0),
        "a window whose last channel is constant": ordinary.where(channel < channels - 1, level),
        "a window that is 0 in its first half": ordinary * (sample > time // 2),
        "a window of values about 1e6": ordinary * 1e6,
        "a window of values about 1e-6": ordinary * 1e-6,
    }


def _require_equal(name: str, windows: Sequence[str], ours: Tensor, theirs: Tensor) -> None:
    """Refuse an output ``(n, ...)`` of onnxruntime that is not torch's, window by window."""
    for window, own, other in zip(windows, ours, theirs, strict=True):
        difference, allowed = (own - other).abs().max(), max(1.0, own.abs().max()) * TOLERANCE
        # of a window that torch itself makes no numbers of, there is nothing to compare
        if bool(own.isfinite().all()) and not difference <= allowed:
            raise InputError(
                f"onnxruntime's {name!r} differs from torch's by {float(difference):.2g} on "
                f"{window}, more than {float(allowed):.2g}; this network cannot be exported "
                "faithfully"
            )


def _onnx(module: nn.Module, example: Tensor, outputs: Sequence[str], shortest: int | None) -> Any:
    free = {0: torch.export.Dim("n")}
    if shortest is not None:
        free[2] = torch.export.Dim("time", min=shortest)
    optimizer: Any = importlib.import_module("onnxscript.optimizer")
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
                # Its optimiser takes x + 1e-9 for x, and x * 1.00001: what is within 1e-8 of 0,
                # or 1e-5 of 1. Of its passes those that compute the same numbers are run here;
                # onnxruntime does the rest when it loads the file.
                optimize=False,
                input_names=["signals"],
                output_names=list(outputs),
                dynamic_shapes=(free,),
            )
            optimizer.inline(program.model)
            optimizer.fold_constants_ir(program.model)
            optimizer.remove_unused_nodes(program.model)
            return program.model_proto
    except Exception as error:  # the exporter's failures have many types, and long texts
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"this network cannot be expressed in ONNX ({type(error).__name__}: {reason}); "
            "export one without its custom layers"
        ) from error
    finally:
        log.setLevel(level)
