"""T-Loss: a sub-series is near a part of itself, and far from parts of other windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor
from torch.nn import functional

from triptych.errors import InputError
from triptych.objectives.base import LossTerms, Objective, require_rows
from triptych.objectives.gather import gather
from triptych.objectives.sub_series import NAME, sub_series, whole
from triptych.objectives.views import Views, single_view
from triptych.precision import precise
from triptych.transforms import Transform


class TLoss(Objective):
    """Triplets of sub-series (Franceschi, Dieuleveut and Jaggi 2019, arXiv 1901.10738).

    The reference is a random part of a window, the positive a random part of the reference; both
    lengths are one per batch, as in the authors' code. Negatives are the positives of other
    windows of the batch: parts of the same length of random other series. Parts stay in their
    place (`sub_series`); transforms are not drawn.

    Parameters
    ----------
    transforms
        Of the study, with their identity; a crop first.
    negatives
        K, at least 1; no more than the other samples of a batch are used.
    weight
        w of the negatives' mean, at least 0 (published: their sum, w = K).
    shortest
        Least length of a part, as a share of the window, above 0 and at most 1.

    Raises
    ------
    InputError
        For values outside these.
    """

    def __init__(
        self,
        transforms: Sequence[Transform],
        *,
        negatives: int = 10,
        weight: float = 10.0,
        shortest: float = 0.1,
    ) -> None:
        super().__init__(transforms)
        if not (negatives >= 1 and weight >= 0 and 0 < shortest <= 1):
            raise InputError(
                f"t-loss got negatives={negatives}, weight={weight} and shortest={shortest}; "
                "expected at least 1, at least 0, and above 0 to 1"
            )
        self.negatives, self.weight, self.shortest = negatives, weight, shortest

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """Two views a sample: reference and positive."""
        seen = single_view(x, self.transforms, identity=True).signals
        n, time = len(seen), seen.shape[-1]
        zero, all_of_it = torch.zeros(n, dtype=torch.long), torch.tensor(time)
        inner = whole(torch.tensor(max(1, round(self.shortest * time))), all_of_it, generator)
        outer = whole(inner, all_of_it, generator)
        start = whole(zero, zero + time - outer, generator)
        inside = whole(start, start + outer - inner, generator)
        places = [(start, start + outer), (inside, inside + inner)]
        share = torch.stack([torch.stack(place, dim=1) for place in places]) / time
        signals = torch.cat([sub_series(seen, *place) for place in places])
        return replace(Views(signals, {NAME: share}, {}), labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Both parts of the loss of latents ``(2n, size)``, unweighted, and their sum."""
        require_rows(z, views)
        reference, positive = (gather(each) for each in z.chunk(2))
        found = triplet_terms(reference, positive, self.negatives)
        return LossTerms(found["positive"] + self.weight * found["negative"], found)


@precise
def triplet_terms(reference: Tensor, positive: Tensor, negatives: int) -> dict[str, Tensor]:
    """T-Loss's terms of ``reference, positive (n, d)``, not normalised (equation 1).

    *positive* is the mean of −log σ(rᵢ·pᵢ), *negative* that of −log σ(−rᵢ·pⱼ) over the
    `negatives` rows j that follow i in the batch, at most the n − 1 others.
    """
    similarity = reference @ positive.T
    rows = torch.arange(len(reference), device=reference.device)
    steps = torch.arange(1, min(negatives, len(rows) - 1) + 1, device=rows.device)
    others = similarity.gather(1, (rows[:, None] + steps) % len(rows))
    away = functional.softplus(others).mean() if len(steps) else (similarity * 0).sum()
    return {"positive": functional.softplus(-similarity.diagonal()).mean(), "negative": away}
