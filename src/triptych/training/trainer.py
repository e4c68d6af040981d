"""A quiet lightning Trainer, and one line of progress: one process or, asked for, several."""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import lightning.pytorch as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.strategies import DDPStrategy, Strategy
from lightning.pytorch.utilities.exceptions import SIGTERMException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from triptych.errors import InputError
from triptych.training.keeper import AtomicCheckpoints
from triptych.training.settings import Training

LOGGERS = ("lightning.pytorch", "lightning.fabric")


def world_size() -> tuple[int, int]:
    """Count the processes in all, and on each machine, as torchrun or SLURM started them."""
    if "LOCAL_WORLD_SIZE" in os.environ:
        return _number("WORLD_SIZE", 1), _number("LOCAL_WORLD_SIZE", 1)
    if "SLURM_NTASKS" in os.environ and "SLURM_PROCID" in os.environ:
        tasks, nodes = _number("SLURM_NTASKS", 1), _number("SLURM_NNODES", 1)
        return tasks, max(tasks // nodes, 1)
    return 1, 1


def process_rank() -> int:
    """Number of this process among those that torchrun or SLURM started."""
    return _number("RANK", _number("SLURM_PROCID", 0, least=0), least=0)


def _number(variable: str, otherwise: int, least: int = 1) -> int:
    text = os.environ.get(variable, "")
    return max(int(text), least) if text.isdecimal() else otherwise


def tell(text: str) -> None:
    """Print what a user should know, to stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"note: {text}")


tell_once = cache(tell)


def device_of(device: str) -> str:
    """Name of a device that is there; raises InputError.

    ``auto`` (a GPU of NVIDIA if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or
    ``mps``.
    """
    kind, _, index = device.partition(":")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(kind) or (index and not index.isdecimal()):
        there = ", ".join(name for name, found in present.items() if found)
        raise InputError(f"device {device!r} is not there; this machine has {there} (or 'auto')")
    return f"{kind}:{index}" if index else kind


def make_trainer(
    settings: Training,
    device: str,
    callbacks: Sequence[L.Callback],
    *,
    precision: str | None = None,
    unused: bool = False,
    strategy: str | Strategy = "auto",
    **options: Any,
) -> L.Trainer:
    """Make the Trainer.

    Parameters
    ----------
    device
        See `device_of`; of several processes without a number.
    precision
        In place of the settings', which may leave it to be chosen.
    unused
        Whether steps may leave parameters without a gradient (several processes have to know).
    strategy
        Lightning's; ``auto``: this process alone, whatever variables of torchrun or SLURM say, as
        they stay behind in a shell. ``ddp``: all processes that these say.
    **options
        Others of the Trainer.

    Raises
    ------
    InputError
        If there is no such device or strategy.
    """
    kind, _, index = device_of(device).partition(":")
    world, local = world_size()
    devices: Any = [int(index)] if index and kind == "cuda" else 1
    plugins: list[Any] = [AtomicCheckpoints()]
    if strategy == "auto":
        if world > 1:
            tell_once(
                f"variables of SLURM or torchrun tell of {world} processes, but this one trains "
                "alone; --strategy ddp (strategy='ddp') trains in all of them together"
            )
        world = local = 1
        here = LightningEnvironment()  # else lightning looks for SLURM and others by variables
        here.set_global_rank(0)
        plugins.append(here)
    elif world > 1:
        devices = local
        tell_once(
            f"waiting for {world} processes, as variables of SLURM or torchrun say; if only this "
            "one was started, end it and leave --strategy (strategy=) out"
        )
        if strategy == "ddp":
            strategy = DDPStrategy(
                process_group_backend="nccl" if kind == "cuda" else "gloo",
                find_unused_parameters=unused,
            )
    fixed: dict[str, Any] = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 1,  # every epoch, however few steps it has: single steps log nothing
        "use_distributed_sampler": False,
    }
    try:
        return L.Trainer(
            accelerator="gpu" if kind == "cuda" else kind,
            devices=devices,
            num_nodes=world // local,
            strategy=strategy,
            precision=cast(Any, precision or settings.precision),
            max_epochs=settings.epochs,
            gradient_clip_val=settings.clip,
            callbacks=list(callbacks),
            plugins=plugins,
            **fixed | options,
        )
    except (ValueError, MisconfigurationException) as error:
        raise InputError(f"lightning has no trainer with {strategy=!s}: {error}") from error


@contextmanager
def quiet() -> Generator[None]:
    """Lightning without its tips, and without the one warning that torch 2.13 raises in it."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def interruptible() -> Generator[None]:
    """Turn lightning's exit after Ctrl+C or SIGTERM into KeyboardInterrupt, handlers restored."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    except SystemExit as error:
        if isinstance(error, SIGTERMException) or isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)


class ProgressLine(L.Callback):
    """Steps done, losses and time left, on a terminal only (and in the first process only)."""

    def __init__(self, name: str, console: Console | None = None) -> None:
        super().__init__()
        self.console = console or Console(stderr=True)
        self.name = name
        self._progress: Progress | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the line."""
        if not (trainer.is_global_zero and self.console.is_terminal):
            return
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}"),
            TimeRemainingColumn(),
            console=self.console,
            refresh_per_second=2,
            transient=True,
        )
        steps = int(trainer.num_training_batches)
        self._progress.add_task(
            self.name,
            total=steps * (trainer.max_epochs or 1),
            completed=steps * trainer.current_epoch,
            losses="",
        )
        self._progress.start()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count a step."""
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0])

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the losses."""
        if self._progress is not None:
            found = trainer.callback_metrics
            losses = ", ".join(
                f"{stage} {float(found[f'{stage}/total']):.4g}"
                for stage in ("train", "validation")
                if f"{stage}/total" in found
            )
            self._progress.update(
                self._progress.task_ids[0],
                description=f"{self.name}, epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
                losses=losses,
            )

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Take the line away, also after an error."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
