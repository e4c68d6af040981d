"""A training step of SCL against the plain two-view step of the same autoencoder.

Both sides draw two views of each window, encode and reconstruct both, and step the same optimiser;
SCL adds its terms. The recipe is that of the ECG phase study: three blocks, the predict head;
as published (sharpness 0) and with soft targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor, nn

from benchmarks import ECG
from benchmarks.timing import Effort, Row, compared, in_turns
from triptych.objectives import Plain, Views, make_views
from triptych.training import CombinedLoss, Recipe
from triptych.training.build import build

BOUND = 1.10


class TwoViews(Plain):
    """The two views of SCL's pair, and no term about them."""

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """Make one pair of views."""
        return make_views(x, self.transforms, generator=generator)


def run(effort: Effort) -> Iterator[Row]:
    """One row for each batch size and kind of target."""
    soft = Recipe.read(ECG)
    hard = soft.replace({"objective.sharpness": 0.0})
    for batch in (8,) if effort.smallest else (128, 256):
        steps = {
            "sharpness 0": training_step(hard, batch),
            "soft targets": training_step(soft, batch),
            "plain": training_step(soft, batch, TwoViews(soft.make_transforms())),
        }
        found = in_turns(steps, effort)
        for kind in ("sharpness 0", "soft targets"):
            case = f"{kind}, batch {batch}"
            yield compared("scl_step", case, kind, "plain", found, at_most=BOUND)


def training_step(
    recipe: Recipe, batch: int, objective: nn.Module | None = None
) -> Callable[[], None]:
    """Return a step on a fixed batch, with the recipe's objective or another one."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    parts = build(recipe, 1, recipe.length)
    loss = CombinedLoss(
        parts.encoder,
        objective or parts.objective,
        schema=parts.schema,
        front_end=parts.front_end,
        decoder=parts.decoder,
        weights=recipe.weights,
    )
    settings = recipe.training
    optimizer = torch.optim.AdamW(
        loss.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    context = round(recipe.context_s * recipe.data.rate)
    x = torch.randn(batch, 1, recipe.length + 2 * context, generator=generator)

    def step() -> None:
        optimizer.zero_grad()
        loss(x, generator=generator)["total"].backward()
        if settings.clip:
            nn.utils.clip_grad_norm_(loss.parameters(), settings.clip)
        optimizer.step()

    return step
