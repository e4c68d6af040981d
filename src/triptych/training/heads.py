"""Classifiers on the latents: one reads what is invariant, one reads everything."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.errors import InputError
from triptych.latent import LatentSchema, LinearHead
from triptych.objectives import Views, terms
from triptych.objectives.gather import weighted_mean

IGNORED = -1
"""Target of a window whose label is none of the classes."""


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
        Labels, in the order of the target indices.
    """

    def __init__(self, schema: LatentSchema, classes: Sequence[str]) -> None:
        super().__init__()
        self.schema = schema
        inside = invariant_blocks(schema)
        self.invariant = LinearHead(schema, inside, classes)
        self.full = LinearHead(schema, schema.names, classes)

    def by_name(self) -> dict[str, LinearHead]:
        """The two heads, as a model keeps them."""
        return {"invariant": self.invariant, "full": self.full}

    def losses(
        self, z: Tensor, targets: Tensor, n: int, original: float = 1.0
    ) -> dict[str, Tensor]:
        """Cross-entropy of each head, as this process's share of the mean over all labelled rows.

        Parameters
        ----------
        z
            Latents ``(v·n, size)`` of v views of n samples, view 0 first.
        targets
            Class indices ``(n,)``; rows that are `IGNORED` do not count.
        n
            Samples in the batch.
        original
            Weight of view 0's rows in the invariant head's mean; the other views' is 1.
        """
        repeated = targets.repeat(len(z) // n)
        weight = (repeated != IGNORED).to(z.dtype)
        weight[:n] *= original if len(z) > n else 1.0  # alone, it is all there is
        return {
            "invariant": _cross_entropy(self.invariant(z), repeated, weight),
            "full": _cross_entropy(self._full(z, n), targets, (targets != IGNORED).to(z.dtype)),
        }

    def distilled(self, z: Tensor, predicted: Tensor) -> Tensor:
        """Cross-entropy of the invariant head on all views with a teacher's predictions.

        Parameters
        ----------
        z
            As in `losses`.
        predicted
            The teacher's probabilities for the n samples, ``(n, classes)``: one target for all
            views of a sample (Hinton et al., arXiv 1503.02531, temperature 1).
        """
        return _soft_cross_entropy(self.invariant(z), predicted.repeat(len(z) // len(predicted), 1))

    def full_distilled(self, z: Tensor, predicted: Tensor) -> Tensor:
        """Cross-entropy of the full head on view 0 with predictions, otherwise as `distilled`."""
        return _soft_cross_entropy(self._full(z, len(predicted)), predicted)

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


def _cross_entropy(logits: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    each = functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
    return weighted_mean(each, weight)


def _soft_cross_entropy(logits: Tensor, predicted: Tensor) -> Tensor:
    each = functional.cross_entropy(logits, predicted, reduction="none")
    return weighted_mean(each, torch.ones_like(each))
