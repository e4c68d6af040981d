"""Heads on the latents: one reads what is invariant, one reads everything."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import LatentSchema, LinearHead, Target
from triptych.latent.one_label import IGNORED as IGNORED
from triptych.objectives import Views, terms
from triptych.objectives.gather import weighted_mean


def invariant_blocks(schema: LatentSchema) -> tuple[str, ...]:
    """Names of the blocks invariant to every transform of the schema; without any, all blocks."""
    return schema.invariant_to_all or schema.names


class TaskHeads(nn.Module):
    """The invariant head and the full head of DESIGN's classification, both linear.

    *invariant* reads the blocks invariant to every transform and learns from all views; *full*
    reads all blocks, learns from view 0 only (the original, with ``reference: original``), and
    its gradient stops at the invariant blocks.

    Parameters
    ----------
    schema
        The latent's blocks.
    classes
        Labels, in the order of the target indices; or another `Target`.
    balance
        Weights of the labels, as `Target.balance` gives them; left out, every window counts alike.
    """

    balance: Tensor | None

    def __init__(
        self,
        schema: LatentSchema,
        classes: Sequence[str] | Target,
        balance: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.schema = schema
        self.register_buffer("balance", balance, persistent=False)
        inside = invariant_blocks(schema)
        self.invariant = LinearHead(schema, inside, classes)
        self.full = LinearHead(schema, schema.names, classes)
        self.target = self.full.target

    def by_name(self) -> dict[str, LinearHead]:
        """The two heads, as a model keeps them."""
        return {"invariant": self.invariant, "full": self.full}

    def losses(
        self, z: Tensor, targets: Tensor, n: int, original: float = 1.0
    ) -> dict[str, Tensor]:
        """Loss of each head, as this process's share of the mean over all labelled rows.

        Parameters
        ----------
        z
            Latents ``(v·n, size)`` of v views of n samples, view 0 first.
        targets
            As the target encodes them, class indices ``(n,)``; rows without any do not count.
        n
            Samples in the batch.
        original
            Weight of view 0's rows in the invariant head's mean; the other views' is 1.
        """
        repeated = targets.repeat(len(z) // n, *[1] * (targets.ndim - 1))
        weight, known = (self.target.known(each).to(z.dtype) for each in (repeated, targets))
        weight[:n] *= original if len(z) > n else 1.0  # alone, it is all there is
        losses = self.target.loss(self.invariant(z), repeated, self.balance)
        full = self.target.loss(self._full(z, n), targets, self.balance)
        return {"invariant": weighted_mean(losses, weight), "full": weighted_mean(full, known)}

    def distilled(self, z: Tensor, predicted: Tensor) -> Tensor:
        """Loss of the invariant head on all views with a teacher's predictions.

        Parameters
        ----------
        z
            As in `losses`.
        predicted
            What the teacher decodes for the n samples, such as probabilities ``(n, classes)``: one
            target for all views of a sample (Hinton et al., arXiv 1503.02531, temperature 1).
        """
        repeated = predicted.repeat(len(z) // len(predicted), *[1] * (predicted.ndim - 1))
        return self._soft(self.invariant(z), repeated)

    def full_distilled(self, z: Tensor, predicted: Tensor) -> Tensor:
        """Loss of the full head on view 0 with predictions, otherwise as `distilled`."""
        return self._soft(self._full(z, len(predicted)), predicted)

    def _soft(self, outputs: Tensor, predicted: Tensor) -> Tensor:
        each = self.target.soft(outputs, predicted)
        return weighted_mean(each, torch.ones_like(each))

    def _full(self, z: Tensor, n: int) -> Tensor:
        """Logits of the full head on view 0, whose gradient stops at the invariant blocks."""
        inside, parts = self.invariant.blocks, self.schema.split(z[:n])
        return self.full(
            torch.cat([p.detach() if name in inside else p for name, p in parts.items()], dim=1)
        )

    def consistency(self, z: Tensor, views: Views) -> dict[str, Tensor]:
        """Disagreement of the invariant head's predictions on the two sides of each pair.

        `terms.symmetric_kl` by transform, of latents ``z (v·n, size)``; labels play no part.

        Raises
        ------
        InputError
            If the objective makes no pairs.
        """
        if not views.pairs:
            raise InputError(
                "weights.consistency compares the two sides of a pair of views, and this objective "
                "makes none; use scl, or set it to 0"
            )
        logits = self.invariant(z)
        return {name: terms.symmetric_kl(*views.sides(logits, name)) for name in views.pairs}
