"""Checkpoints: written whole, read without running code, and never overwritten unfinished."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from triptych.errors import InputError
from triptych.files import write_atomically
from triptych.training.keeper import CHECKPOINT, Keeper
from triptych.training.recipe import TEACHERS


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoint files that are whole or absent, whenever the process is killed."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write under a temporary name, then rename."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with write_atomically(path, "wb") as handle:
            handle.write(content.getbuffer())


def find_checkpoint(folder: Path | None, keeper: Keeper, resume: bool) -> Path | None:
    """Find the checkpoint to continue from; a keeper of a finished training is filled at once.

    Raises
    ------
    InputError
        If the folder holds other things than a training, an unfinished one that is not to be
        resumed, or a damaged one or one of another recipe or other data that is.
    """
    if folder is None:
        if resume:
            raise InputError("resume needs the folder of the training; pass out=...")
        return None
    there = sorted(each.name for each in folder.glob("[!.]*"))
    taught = [each for each in TEACHERS if (folder / each / CHECKPOINT).exists()]
    if set(there) <= set(taught):
        there = []  # stopped while a teacher was trained
    if there and not {CHECKPOINT, "model.json"} & set(there):
        raise InputError(
            f"{folder} holds {there[0]!r} and no model; choose a folder that is new, empty, or of "
            "an earlier training"
        )
    path = folder / CHECKPOINT
    for rest in folder.glob(f".{CHECKPOINT}.*.part"):  # of a process that was killed
        rest.unlink(missing_ok=True)
    if not path.exists():
        return None
    if not resume:
        _refuse_unfinished(path, keeper.state_key)
        return None
    state = _read(path, keeper.state_key)
    _require_same(path, state["origin"], keeper.origin)
    if state["finished"]:
        keeper.load_state_dict(state)
        return None
    return path


def _read(path: Path, key: str) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state: dict[str, Any] = content["callbacks"][key]
        _ = state["origin"], state["finished"], state["history"]
    except Exception as error:  # a damaged file fails in many ways
        raise InputError(
            f"{path} is damaged or not a checkpoint of triptych ({type(error).__name__}); delete "
            "it and train again without resuming"
        ) from error
    return state


def _require_same(path: Path, there: dict[str, Any], now: dict[str, Any]) -> None:
    for name in {**there, **now}:
        if there.get(name) != now.get(name):
            raise InputError(
                f"{path} was written with {name} = {there.get(name)!r}, but now {name} = "
                f"{now.get(name)!r}; resume with the same recipe and data, or choose another folder"
            )


def _refuse_unfinished(path: Path, key: str) -> None:
    try:
        state = _read(path, key)
    except InputError:
        return  # nothing that could be continued
    if not state["finished"]:
        raise InputError(
            f"{path.parent} holds a training that stopped after epoch {len(state['history'])}; "
            f"resume it, delete {path.name}, or choose another folder"
        )
