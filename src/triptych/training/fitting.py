"""`fit`: from a recipe and windows to a trained, saved model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as L
import torch
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import Strategy
from torch import Tensor

from triptych.datasets.gathered import pieces
from triptych.datasets.windows import Windows
from triptych.errors import InputError
from triptych.missing import mean
from triptych.model import Model
from triptych.training.batches import (
    Batches,
    fingerprint,
    require_fit,
)
from triptych.training.build import build, build_model, build_module, names_of
from triptych.training.fitted import Fitted as Fitted
from triptych.training.keeper import Keeper, find_checkpoint
from triptych.training.labels import labels_of
from triptych.training.module import NonFiniteLossError, StructuredModule
from triptych.training.recipe import Recipe
from triptych.training.seeds import same_random_state, seed_all
from triptych.training.sentences import flat
from triptych.training.settings import Training
from triptych.training.speed import speed_of
from triptych.training.starting import start_from
from triptych.training.trainer import ProgressLine, interruptible, make_trainer, quiet, world_size
from triptych.transforms import context_of


def fit(
    recipe: Recipe,
    train: Windows,
    validation: Windows | None,
    *,
    out: Path | str | None = None,
    resume: bool = False,
    device: str = "auto",
    callbacks: Sequence[L.Callback] = (),
    logger: Logger | Sequence[Logger] = (),
    strategy: str | Strategy = "auto",
    progress: bool = True,
    channels: Sequence[str] | None = None,
    info: dict[str, Any] | None = None,
    shared_people: bool = False,
    redraw: Callable[[int], Windows] | None = None,
) -> Fitted:
    """Train the recipe's model on windows; stop early and keep the epoch best in validation.

    Parameters
    ----------
    recipe
        What to train and how; its `data` only describes the windows here. Its teachers are trained
        first.
    train, validation
        Windows at the recipe's rate and length, with at least its transforms' context. Without
        validation the last epoch is kept.
    out
        Folder for the model, ``recipe.yaml``, ``log.csv`` and ``checkpoint.ckpt``, and for the
        same of teachers in ``teacher`` and ``full_teacher``.
    resume
        Continue after the last whole epoch of `out`; start anew where nothing is there.
    device
        See `make_trainer`.
    callbacks
        More lightning callbacks, e.g. `AuditCallback`.
    logger
        Any of lightning's (TensorBoard, Weights & Biases, ...): it gets the recipe, and every epoch
        its means and the audits. Not those of teachers.
    strategy
        Any of lightning's whose processes hold all weights: ``ddp`` in all processes that torchrun
        or SLURM started, or a `DDPStrategy` with settings of its own; ``auto``: in this one alone.
    progress
        Show one line with the time left (on a terminal).
    channels
        Names for the saved model; left out: ``channel 0``, ...
    info
        Plain data to be saved with the model (data fingerprint, notes).
    shared_people
        Whether subjects may have windows on both sides; their figures are then flattered.
    redraw
        Epoch (from 0) → as many windows to train on, of the same recordings, in place of `train`
        from the second epoch on; `Prepared.redraw` is one.

    Raises
    ------
    InputError
        If windows and recipe do not fit, a loss term is not finite (the best model so far is
        then in `out`), or `out` holds an unfinished training and `resume` is False.
    """
    folder = Path(out) if out is not None else None
    require_fit(recipe, train, validation, shared_people)
    names_of(channels, train.signals.shape[1])  # said before hours of training, not after them
    context = max([context_of(each) for each in recipe.make_transforms()], default=0)
    given = [train] if validation is None else [train, validation]
    signals = [each.with_context(context).signals.contiguous() for each in given]
    target, targets = labels_of(recipe, given)
    origin = {
        **flat(recipe.to_dict()),
        "the windows' checksum": fingerprint(signals),
        "the labels' checksum": fingerprint(targets),
    }
    settings = recipe.training
    keeper = Keeper(folder, origin, settings.patience, settings.minutes, settings.monitor)
    checkpoint = find_checkpoint(folder, keeper, resume)
    teachers = {
        name: fit(
            each,
            train,
            validation,
            out=folder / name if folder is not None else None,
            resume=resume,
            device=device,
            strategy=strategy,
            progress=progress,
            channels=channels,
            shared_people=shared_people,
            redraw=redraw,
        ).model
        for name, each in recipe.teachers.items()
    }
    lines = [ProgressLine(recipe.name)] if progress else []

    def drawn(epoch: int) -> tuple[Tensor, Tensor]:
        if redraw is None or epoch == 0:
            return signals[0], targets[0]
        windows = redraw(epoch).with_context(context)
        require_fit(recipe, windows, None)
        return windows.signals.contiguous(), labels_of(recipe, [train, windows], whole=False)[1][1]

    with same_random_state(), quiet(), interruptible():
        seed_all(torch.device("cpu"), settings.seed)
        balance = target.balance(targets[0]) if target and settings.class_weights else None
        shape = train.signals.shape[1], recipe.length
        parts = build(recipe, *shape, target, balance, train.centred)
        if recipe.init_from is not None:
            start_from(recipe.init_from, recipe, parts, channels)
        module = build_module(recipe, parts, teachers)
        several = strategy != "auto" and world_size()[0] > 1
        speed = speed_of(
            settings, module.loss, signals[0], targets[0], device, keeper.speed, several=several
        )
        keeper.speed = speed.to_dict()
        trainer = make_trainer(
            settings,
            device,
            [*callbacks, *lines, *keeper.helpers, keeper],
            precision=speed.precision,
            unused=not recipe.decoder,
            strategy=strategy,
            logger=logger or False,
            default_root_dir=folder,
            limit_val_batches=None if validation is not None else 0,
        )
        for each in trainer.loggers:
            each.log_hyperparams(flat(recipe.to_dict()))
        fault: NonFiniteLossError | None = None
        if not keeper.finished:
            try:
                again = drawn if redraw else None
                _run(trainer, module, signals, targets, settings, checkpoint, again)
            except NonFiniteLossError as error:
                fault = error
    if fault is not None and not keeper.best:
        raise NonFiniteLossError(f"{fault}; no epoch was finished, so no model was kept")
    module.load_state_dict(keeper.best)
    fitted = Fitted(
        build_model(
            recipe,
            parts,
            channels,
            {**(info or {}), "training": _summary(keeper), "level": _level(signals[0])},
        ),
        tuple(keeper.history),
        len(keeper.history),
        keeper.best_epoch,
        keeper.seconds,
        keeper.best_value,
        parts.objective.eval(),
    )
    if folder is not None and trainer.is_global_zero:
        _save(fitted.model, folder)
        recipe.write(folder / "recipe.yaml")
    if fault is not None:
        where = f" in {folder}" if folder is not None else ""
        raise NonFiniteLossError(f"{fault}; the model of epoch {keeper.best_epoch} is kept{where}")
    return fitted


def fit_module(
    module: StructuredModule,
    x: Tensor,
    labels: Tensor,
    *,
    device: str = "auto",
    callbacks: Sequence[L.Callback] = (),
) -> None:
    """Train a module of one's own, by its `settings`, on samples in memory; no validation.

    Parameters
    ----------
    module
        Trained in place, for all epochs; left on the CPU in eval mode. A warm-up, one cycle of the
        learning rate and seeded steps as in `fit`.
    x, labels
        Samples ``(n, channels, ...)``, signals or images, and what the objective has to know of
        them ``(n, ...)``: its ``views.labels``.

    Raises
    ------
    InputError
        If a loss term is not finite, or there are fewer than 2 samples.
    """
    with same_random_state(), quiet(), interruptible():
        speed = speed_of(module.settings, module.loss, x, labels, device)
        trainer = make_trainer(
            module.settings,
            device,
            callbacks,
            precision=speed.precision,
            limit_val_batches=0,
            enable_checkpointing=False,
        )
        _run(trainer, module, [x], [labels], module.settings, None)
    module.cpu().eval()


def _run(
    trainer: L.Trainer,
    module: StructuredModule,
    x: Sequence[Tensor],
    labels: Sequence[Tensor],
    settings: Training,
    checkpoint: Path | str | None,
    redraw: Callable[[int], tuple[Tensor, Tensor]] | None = None,
) -> None:
    """Fit on the first of the samples and, where there are others, validate on these."""
    shared = {"rank": trainer.global_rank, "world": trainer.world_size}
    batches = [
        Batches(each, y, settings.batch, settings.seed, training=place == 0, **shared)
        for place, (each, y) in enumerate(zip(x, labels, strict=True))
    ]
    batches[0].redraw = redraw
    loaders = cast("list[Any]", [*batches, []])[:2]  # [] says: no validation, on purpose
    if settings.precision == "64-true":  # before a checkpoint's weights are copied into them
        module.double()
    try:
        trainer.fit(module, *loaders, ckpt_path=checkpoint, weights_only=True)
    except RuntimeError as error:
        if checkpoint is None or "state_dict" not in str(error):
            raise
        raise InputError(
            f"{checkpoint} holds weights of other shapes, as another version of triptych made "
            "them; train anew in an empty folder"
        ) from error


def _save(model: Model, folder: Path) -> None:
    # Apart first: a model is not saved into a folder that holds other files than a model's.
    staged = folder / ".model"
    try:
        model.save(staged)
        for part in sorted(staged.iterdir(), reverse=True):  # weights before their description
            os.replace(part, folder / part.name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _level(signals: Tensor) -> float:
    """How strong windows ``(n, ...)`` are, in their own unit: the median of their RMS.

    It is kept with a model, so that data in another unit are noticed later.
    """
    each = torch.empty(len(signals), 1, dtype=torch.float64)
    # written in place: a result kept after each piece keeps the heap from using its room again
    for own, x in zip(pieces(each), pieces(signals), strict=True):
        own.copy_(mean(x.double().flatten(1).square(), 1).sqrt())
    return float(each.median())


def _summary(keeper: Keeper) -> dict[str, Any]:
    row = keeper.history[keeper.best_epoch - 1]
    said = (keeper.speed or {}).get("said")
    chosen: dict[str, Any] = {"speed": keeper.speed} if said else {}
    told = {"epochs": len(keeper.history), "best_epoch": keeper.best_epoch, "figures": row}
    return told | chosen
