"""One line of progress with the time left."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as L
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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
