"""Weights as safetensors files: read without running code, held against what a module needs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.files import write_atomically


def save_weights(module: nn.Module, path: str | Path) -> str:
    """Write a module's parameters and buffers to `path`; return the file's sha256.

    Raises
    ------
    InputError
        If a lazy layer was never run, a weight is not finite, or the file cannot be written.
    """
    state: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        if isinstance(value, nn.UninitializedParameter):
            raise InputError(f"weight {name} has no shape yet; run one batch through the encoder")
        # Cloned, since the format refuses tensors that share memory (tied weights).
        state[name] = cast(Tensor, value).detach().cpu().contiguous().clone()
    _require_finite(state, str(path))
    content = save(state)
    with write_atomically(path, "wb") as handle:
        handle.write(content)
    return hashlib.sha256(content).hexdigest()


class Weights:
    """A weights file: its names and shapes first, its numbers when asked for.

    Raises
    ------
    InputError
        If the file is missing, damaged, cut off, or not the one that `sha256` names.
    """

    def __init__(self, path: str | Path, sha256: str | None = None) -> None:
        self.path = Path(path)
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        try:
            # Lengths and offsets are checked against the file here, before anything is made.
            self.state = load(content)
        except Exception as error:  # the reader's own exceptions have many types
            raise InputError(
                f"{path} is not a whole safetensors file ({error}); it is damaged, cut off or was "
                "not written by triptych"
            ) from error
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(
                f"{path} is not the file that was saved with this model (its sha256 differs); "
                "copy the whole folder again"
            )

    def require_fit(self, module: nn.Module) -> None:
        """Raise InputError unless the file has just the weights of `module`, in its shapes.

        `module` may stand on torch's meta device, so that nothing is allocated for a file's sake.
        """
        expected: dict[str, Any] = module.state_dict()
        missing = [name for name in expected if name not in self.state]
        surplus = [name for name in self.state if name not in expected]
        for names, fault in ((missing, "lacks"), (surplus, "has, beyond the network's,")):
            if names:
                raise InputError(
                    f"{self.path} {fault} {len(names)} weights, the first is {names[0]!r}; it "
                    "belongs to another network"
                )
        for name, value in expected.items():
            found = self.state[name]
            lazy = isinstance(value, nn.UninitializedParameter)
            if not lazy and (
                found.shape != value.shape or found.is_floating_point() != value.is_floating_point()
            ):
                raise InputError(
                    f"weight {name!r} of {self.path} is {found.dtype} of shape "
                    f"{tuple(found.shape)}, but the network needs {value.dtype} of shape "
                    f"{tuple(value.shape)}; it belongs to another network"
                )

    def load_into(self, module: nn.Module) -> None:
        """Put the numbers into `module`, whole or not at all (raises InputError otherwise)."""
        self.require_fit(module)
        _require_finite(self.state, str(self.path))
        module.load_state_dict(self.state, strict=True)


def _require_finite(state: dict[str, Tensor], source: str) -> None:
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(
                f"weight {name!r} for {source} holds NaN or infinity; the training that made it "
                "diverged, or the file is damaged"
            )
