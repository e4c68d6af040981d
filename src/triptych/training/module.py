"""The Lightning module: one combined loss, one optimiser, every step's randomness from a seed."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.metrics.answers import scores_of
from triptych.objectives import Objective
from triptych.objectives.gather import gather
from triptych.training.losses import CombinedLoss
from triptych.training.seeds import STEP, VALIDATION, generator_of, seed_all
from triptych.training.settings import Training


class NonFiniteLossError(InputError):
    """A loss term became NaN or infinite; training stopped before that step was taken."""


class StructuredModule(L.LightningModule):
    """An encoder trained by any objective of `triptych.objectives`, alone or beside a task.

    For `triptych.training.fit` and for a Trainer of one's own; batches are signals ``(n,
    channels, time + 2·context)`` or pairs of signals and class indices ``(n,)`` (−1: no label).
    Logged at the end of an epoch: the mean of every term as ``train/...`` and
    ``validation/...``, each with ``total``, the weighted sum.

    Parameters
    ----------
    encoder, objective, **parts
        See `CombinedLoss`.
    settings
        As in a recipe; the optimiser's numbers, the epochs and the seed are used.

    Notes
    -----
    Every step seeds torch's global generator from (seed, epoch, step, rank): views, noise and
    dropout repeat when an epoch is repeated after a crash.
    """

    def __init__(
        self,
        encoder: nn.Module,
        objective: Objective,
        *,
        settings: Training | None = None,
        **parts: Any,
    ) -> None:
        super().__init__()
        self.loss = CombinedLoss(encoder, objective, **parts)
        self.schema = self.loss.schema
        self.settings = settings or Training()
        self._sums: dict[str, dict[str, tuple[Tensor, int]]] = {"train": {}, "validation": {}}
        self._said: list[tuple[Tensor, Tensor]] = []  # validation: what a head decodes, and targets
        self._scores: dict[str, float] = {}
        for part in self._frozen:
            part.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Latents ``(n, schema.size)`` of signals ``(n, channels, time)``, without context."""
        return self.loss.latents(x)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Total loss of a batch; raises NonFiniteLossError."""
        x, targets = _unpack(batch)
        place = (STEP, self.current_epoch, batch_idx, self.global_rank)
        seed_all(self.device, self.settings.seed, *place)
        generator = generator_of(self.settings.seed, *place)
        found = self.loss(x, targets, generator)
        if not torch.isfinite(found["total"]):
            raise NonFiniteLossError(
                self._fault(found, f"epoch {self.current_epoch + 1}", batch_idx)
            )
        self._add("train", found, len(x))
        return found["total"]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Add up the terms of a batch, whose views are the same in every epoch."""
        x, targets = _unpack(batch)
        generator = generator_of(self.settings.seed, VALIDATION, batch_idx, self.global_rank)
        found, z = self.loss.step(x, targets, generator)
        if self.settings.monitor and self.loss.heads is not None and targets is not None:
            heads = self.loss.heads
            decoded = heads.target.decode(heads.full(z))
            self._said.append((gather(decoded), gather(targets)))
        if not torch.isfinite(found["total"]):
            where = f"the validation of epoch {self.current_epoch + 1}"
            raise NonFiniteLossError(self._fault(found, where, batch_idx))
        self._add("validation", found, len(x))

    def on_train_epoch_start(self) -> None:
        """Start the epoch's means; what is frozen has no dropout."""
        self._sums["train"] = {}
        for part in self._frozen:
            part.eval()

    def on_validation_epoch_start(self) -> None:
        """Start the validation's means."""
        self._sums["validation"], self._said, self._scores = {}, [], {}

    def on_train_epoch_end(self) -> None:
        """Log the mean of every term."""
        self._log_means("train")

    def on_validation_epoch_end(self) -> None:
        """Log the mean of every term and, if one is monitored, the metrics of the full head."""
        self._log_means("validation")
        if self._said and self.loss.heads is not None:
            decoded, targets = (torch.cat(each).cpu() for each in zip(*self._said, strict=True))
            target = self.loss.heads.target
            known = target.known(targets)
            self._scores = scores_of(target.kind, targets[known], decoded[known])
            for name, value in self._scores.items():
                self.log(f"validation/{name}", value, sync_dist=True)

    @property
    def measured(self) -> set[str]:
        """Names of the figures that this epoch has given so far."""
        sums: dict[str, Any] = {**self._sums, "validation": {**self._sums["validation"]}}
        sums["validation"] |= self._scores
        return {f"{stage}/{name}" for stage, each in sums.items() for name in each}

    @property
    def _frozen(self) -> list[nn.Module]:
        """Parts that do not learn."""
        if self.settings.freeze is None:
            return []
        return [each for each in self.loss.children() if each is not self.loss.heads]

    def configure_optimizers(self) -> Any:
        """AdamW with one cycle of the learning rate: warm-up, then cosine, a step at a time."""
        settings = self.settings
        optimizer = torch.optim.AdamW(
            [each for each in self.parameters() if each.requires_grad],
            settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        steps = max(2, int(self.trainer.estimated_stepping_batches))
        # torch divides by the warm-up's steps less one; of a single one by as good as 0
        least = 1e-9 if settings.warmup * steps == 1 else 0.0
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            settings.learning_rate,
            total_steps=steps,
            pct_start=settings.warmup + least,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # Sums are kept here and logged once an epoch: `self.log` on every step costs more than all
    # else that lightning does in a step.
    def _add(self, stage: str, found: dict[str, Tensor], n: int) -> None:
        sums = self._sums[stage]
        for name, value in found.items():
            before, rows = sums.get(name, (0.0, 0))
            sums[name] = (before + value.detach() * n, rows + n)

    def _log_means(self, stage: str) -> None:
        for name, (value, rows) in self._sums[stage].items():
            self.log(f"{stage}/{name}", value / rows, sync_dist=True, prog_bar=name == "total")

    def _fault(self, found: dict[str, Tensor], where: str, step: int) -> str:
        names = [name for name, value in found.items() if not bool(torch.isfinite(value))]
        value = float(found[names[0]].detach())
        return (
            f"loss term {names[0]!r} became {value} in {where}, step {step + 1}; lower "
            "training.learning_rate or the term's weight, or look for extreme values in the signals"
        )


def _unpack(batch: Any) -> tuple[Tensor, Tensor | None]:
    if isinstance(batch, Tensor):
        return batch, None
    x, *rest = batch
    return x, rest[0] if rest else None
