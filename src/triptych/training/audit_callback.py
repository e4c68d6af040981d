"""Figures of the audit while a model trains, in anybody's lightning run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import lightning.pytorch as L
import torch
from torch import Tensor

from triptych.audit.premise import SAME, distance_between
from triptych.datasets.windows import Windows
from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.metrics.inputs import as_array
from triptych.metrics.similarity import Likeness, different_pairs, mean_of
from triptych.transforms import Transform, context_of


class AuditCallback(L.Callback):
    """Log how alike latents stay under a transform, beside how alike different records are.

    Logged at the end of every `every`-th epoch, for the whole latent vector as
    ``audit/cosine@0.075`` (θ in the transform's unit) and ``audit/cosine_between``; where the
    module has a `schema`, for each block as ``audit/morphology/cosine@0.075`` and so on. Latents
    that are a single number are compared by ``agreement`` (see `Likeness`); rows of zeros are in
    no mean, and their share is logged as ``audit/zeros`` where there are any. The rows are kept in
    `history`.

    The same windows are embedded twice: where their latents differ (an `embed` that draws noise,
    keeps something between calls or leaves dropout on), ``audit/again`` is how far, relative to
    the distance between two windows, and no other figure is about the transform alone.

    Parameters
    ----------
    windows
        Windows with the transform's context, of at least two records.
    transform
        What the model shall be judged under.
    thetas
        Parameters θ: numbers, or one sequence a θ.
    every
        Epochs between two audits.
    embed
        Signals ``(n, channels, time)`` → latents ``(n, d)``, or the name of the module's method
        or attribute that does it; left out, the module itself.
    batch, pairs
        Windows embedded at once, and pairs of windows of different records.

    Raises
    ------
    InputError
        If the windows lack context or records, there is no θ, or one is none of the transform's.
    """

    def __init__(
        self,
        windows: Windows,
        transform: Transform,
        thetas: Sequence[float] | Sequence[Sequence[float]],
        every: int = 1,
        embed: Callable[[Tensor], Tensor] | str | None = None,
        *,
        batch: int = 512,
        pairs: int = 10_000,
    ) -> None:
        super().__init__()
        if len(thetas) == 0 or every < 1:
            raise InputError(f"got {len(thetas)} θ every {every} epochs, expected at least 1 each")
        self.signals = windows.with_context(context_of(transform)).signals
        self.transform, self.every, self.embed, self.batch = transform, every, embed, batch
        self.thetas = {_name(theta): torch.as_tensor(theta).view(1, -1) for theta in thetas}
        for theta in self.thetas.values():  # said now, not after the first epoch
            transform.apply(self.signals[:1], theta.to(self.signals))
        self.pairs = different_pairs(windows.record, pairs, seed=0)
        self.history: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Embed, compare, log."""
        epoch = trainer.current_epoch + 1
        if epoch % self.every:
            return
        figures = {f"audit/{name}": value for name, value in self.measure(pl_module).items()}
        self.history.append({"epoch": epoch, **figures})
        for name, value in figures.items():
            pl_module.log(name, value, sync_dist=True)  # the same in every process

    def figures(self, epoch: int) -> dict[str, float]:
        """Figures of an epoch (from 1); empty where it was not audited."""
        rows = [row for row in self.history if row["epoch"] == epoch]
        return {name: value for row in rows for name, value in row.items() if name != "epoch"}

    def measure(self, module: L.LightningModule) -> dict[str, float]:
        """Figures of a module as it is now, in evaluation mode."""
        training = module.training
        module.eval()
        try:
            identity = self.transform.identity(1)
            reference = self._blocks(module, identity)
            again = self._blocks(module, identity)
            views = {name: self._blocks(module, theta) for name, theta in self.thetas.items()}
        finally:
            module.train(training)
        figures: dict[str, float] = {}
        for block, z in reference.items():
            rows = as_array(z, block or "the latents")
            like = Likeness(rows, self.pairs)
            for name, view in views.items():
                figures[f"{block}{like.measure}@{name}"] = mean_of(
                    like(as_array(view[block], block))
                )
            figures[f"{block}{like.measure}_between"] = like.between
            if like.zeros.any():
                figures[f"{block}zeros"] = float(like.zeros.mean())
            away = distance_between(rows, as_array(again[block], block), rows)
            if away > SAME:
                figures[f"{block}again"] = away
        return figures

    def _blocks(self, module: L.LightningModule, theta: Tensor) -> dict[str, Tensor]:
        embed: Any = self.embed or module
        if isinstance(embed, str):
            embed = getattr(module, embed)
        parts: list[Tensor] = []
        with torch.no_grad():
            for start in range(0, len(self.signals), self.batch):
                x = self.signals[start : start + self.batch].to(module.device)
                view = self.transform.apply(x, theta.to(x).expand(len(x), -1))
                parts.append(cast(Tensor, embed(view)).float().cpu())
        z = torch.cat(parts)
        schema = getattr(module, "schema", None)
        blocks = {"": z}
        if isinstance(schema, LatentSchema) and z.shape[-1] == schema.size:
            blocks |= {f"{name}/": part for name, part in schema.split(z).items()}
        return blocks


def _name(theta: float | Sequence[float]) -> str:
    numbers = [theta] if isinstance(theta, (int, float)) else list(theta)
    return ",".join(f"{number:g}" for number in numbers)
