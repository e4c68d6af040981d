"""What is kept of a training: best weights, history, checkpoints; when to stop, how to go on."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping, Timer
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from triptych.errors import InputError
from triptych.files import held, write_atomically
from triptych.training.audit_callback import AuditCallback
from triptych.training.module import StructuredModule
from triptych.training.recipe import TEACHERS
from triptych.training.task import LOWER

MONITOR = "validation/total"
CHECKPOINT = "checkpoint.ckpt"


class Keeper(Checkpoint):
    """Keep the best weights and the history; write checkpoint and log.csv.

    Lightning's `ModelCheckpoint` has the best weights in a second file, which a process killed
    between the two leaves behind the first, and needs a folder; here one file holds all that a
    training goes on from, and without a folder the weights are kept in memory.

    Parameters
    ----------
    out
        Folder for ``checkpoint.ckpt`` and ``log.csv``; None writes nothing.
    origin
        Plain data that a checkpoint must share to be continued: recipe and data.
    patience
        Epochs without a better validation after which training stops.
    minutes
        Training stops where one more epoch would exceed them.
    monitor
        Validation metric that chooses the best epoch; None: the loss.

    Attributes
    ----------
    speed
        How steps are computed (`Speed`), if that has been chosen.
    helpers
        Lightning's callbacks that it needs beside it: the clock, which counts earlier parts of a
        resumed training too, and with patience the one that stops early.
    """

    def __init__(
        self,
        out: Path | None,
        origin: dict[str, Any],
        patience: int | None,
        minutes: float | None,
        monitor: str | None = None,
    ) -> None:
        super().__init__()
        self.out, self.origin, self.minutes = out, origin, minutes
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.monitor = f"validation/{monitor}" if monitor else MONITOR
        self._sign = 1 if monitor is None or monitor in LOWER else -1
        self.best_value, self.best_epoch = self._sign * float("inf"), 0
        self.finished, self._rate = False, 0.0
        self.speed: dict[str, Any] | None = None
        self.clock = Timer()
        self.helpers: list[L.Callback] = [self.clock]
        if patience is not None:
            way = "min" if self._sign > 0 else "max"
            # not strict: a training without validation has nothing to watch
            stop = EarlyStopping(
                self.monitor, patience=patience, mode=way, strict=False, check_finite=False
            )
            self.helpers.append(stop)

    @property
    def seconds(self) -> float:
        """Of training and validation, up to the last whole epoch."""
        return self.history[-1]["seconds"] if self.history else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Plain data and tensors only, so that it loads with ``weights_only=True``."""
        return {
            "origin": self.origin,
            "history": self.history,
            "best": self.best,
            "best_value": self.best_value,
            "best_epoch": self.best_epoch,
            "finished": self.finished,
            "speed": self.speed,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where the checkpoint was written."""
        for name in state_dict.keys() - {"origin", "seconds"}:  # seconds: of earlier versions
            setattr(self, name, state_dict[name])

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Note the learning rate; after the epoch's last step it is the next one's."""
        self._rate = float(optimizer.param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Judge the epoch and write it down; runs after all other callbacks."""
        epoch = trainer.current_epoch + 1
        seconds = self.clock.time_elapsed()
        measured = cast(StructuredModule, pl_module).measured
        metrics = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name in measured  # lightning repeats figures of earlier epochs
        }
        audits = {
            name: value
            for callback in cast("list[L.Callback]", cast(Any, trainer).callbacks)
            if isinstance(callback, AuditCallback)
            for name, value in callback.figures(epoch).items()
        }
        row = {"seconds": seconds, "learning_rate": self._rate, **metrics, **audits}
        self.history.append(
            {"epoch": epoch, **{name: float(f"{value:.7g}") for name, value in row.items()}}
        )
        self._judge(epoch, metrics, cast(StructuredModule, pl_module))
        # before the time is up; lightning's Timer stops after it
        late = self.minutes is not None and seconds * (epoch + 1) / epoch > 60 * self.minutes
        # one decision for all processes, whose clocks differ
        stop = trainer.strategy.reduce_boolean_decision(late, all=False)
        trainer.should_stop = trainer.should_stop or stop
        self.finished = trainer.should_stop or epoch == trainer.max_epochs
        if self.out is not None:
            trainer.save_checkpoint(self.out / CHECKPOINT, weights_only=False)
            if trainer.is_global_zero:
                write_log(self.out / "log.csv", self.history)

    def _judge(self, epoch: int, metrics: dict[str, float], module: StructuredModule) -> None:
        value = metrics.get(self.monitor, math.nan)
        better = self._sign * value < self._sign * self.best_value
        # a metric is NaN where nothing can be told: then the last epoch is kept
        if better or not self.best or math.isnan(self.best_value):
            self.best_value = value
            self.best_epoch = epoch
            self.best = {
                name: each.detach().to("cpu", copy=True)
                for name, each in module.state_dict().items()
            }


def write_log(path: Path, history: list[dict[str, float]]) -> None:
    """Write the history as CSV: one row per epoch, one column per term (empty: not measured).

    Lightning's `CSVLogger` starts a new file when a training is resumed, and is not atomic.
    """
    columns = list(dict.fromkeys(name for row in history for name in row))
    with write_atomically(path) as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


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
    finished = [each for each in TEACHERS if (folder / each / CHECKPOINT).exists()]
    if set(there) <= set(finished):
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
    keeper.speed = state.get("speed")  # decided before the Trainer loads all else
    return path


@contextmanager
def claimed(
    folder: Path, *, resume: bool = False, overwrite: bool = False, rank: int = 0
) -> Generator[None]:
    """Have a folder for one training, as long as it lasts.

    Parameters
    ----------
    resume
        A finished model may stand there: it is what the training ends with.
    overwrite
        It may stand there, and is replaced; a training that was stopped there is given up.
    rank
        Of several processes that train together: the first one claims the folder for all.

    Raises
    ------
    InputError
        If a model stands there and neither is given, both are, or another process trains there.
    """
    if resume and overwrite:
        raise InputError("--resume goes on with a training, --overwrite gives it up; choose one")
    if (folder / "model.json").exists() and not (resume or overwrite):
        raise InputError(
            f"{folder} holds a finished model; choose another folder for --out, or replace it "
            "with --overwrite"
        )
    if rank:
        yield
        return
    try:
        with held(folder / ".lock") as free:
            if not free:
                raise InputError(
                    f"another process trains in {folder} now; wait for it, or choose another folder"
                )
            for each in (".", *TEACHERS) if overwrite else ():
                (folder / each / CHECKPOINT).unlink(missing_ok=True)
            yield
    finally:
        with suppress(OSError):  # if nothing came of it
            folder.rmdir()


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
