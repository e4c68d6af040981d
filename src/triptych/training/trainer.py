"""A quiet lightning Trainer for one machine or for the processes of torchrun or SLURM."""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as L
import torch

from triptych.errors import InputError
from triptych.training.checkpoints import AtomicCheckpoints
from triptych.training.settings import Training

LOGGERS = ("lightning.pytorch", "lightning.fabric")


def world_size() -> tuple[int, int]:
    """Count the processes in all, and on each machine, as torchrun or SLURM started them."""
    if "LOCAL_WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if "SLURM_NTASKS" in os.environ and "SLURM_PROCID" in os.environ:
        tasks, nodes = int(os.environ["SLURM_NTASKS"]), int(os.environ.get("SLURM_NNODES", "1"))
        return tasks, tasks // nodes
    return 1, 1


def make_trainer(
    settings: Training,
    device: str,
    callbacks: Sequence[L.Callback],
    *,
    unused: bool = False,
    **options: Any,
) -> L.Trainer:
    """Make the Trainer.

    Parameters
    ----------
    device
        ``auto`` (a GPU of NVIDIA if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1``
        or ``mps``; under torchrun or SLURM without a number.
    unused
        Whether steps may leave parameters without a gradient (several processes have to know).

    Raises
    ------
    InputError
        If there is no such device.
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
    world, local = world_size()
    devices: Any = [int(index)] if index and kind == "cuda" else 1
    strategy: Any = "auto"
    if world > 1:
        from lightning.pytorch.strategies import DDPStrategy

        devices = local
        strategy = DDPStrategy(
            process_group_backend="nccl" if kind == "cuda" else "gloo",
            find_unused_parameters=unused,
        )
    return L.Trainer(
        accelerator="gpu" if kind == "cuda" else kind,
        devices=devices,
        num_nodes=world // local,
        strategy=strategy,
        precision=settings.precision,
        max_epochs=settings.epochs,
        gradient_clip_val=settings.clip,
        callbacks=list(callbacks),
        plugins=[AtomicCheckpoints()],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        **options,
    )


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
    """Turn lightning's exit after Ctrl+C into KeyboardInterrupt, and give the signal back."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
