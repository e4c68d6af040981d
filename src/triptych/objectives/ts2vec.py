"""TS2Vec: hierarchical contrast of time steps and of instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

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


class TS2Vec(Objective):
    """Contextual consistency of two overlapping parts (Yue et al. 2022, arXiv 2106.10466).

    Two parts of a window that share a stretch are encoded; on the time steps of that stretch
    `hierarchical_contrast` compares the encoder's maps. Ours: parts stay in their place
    (`sub_series`), so that every encoder of windows can be trained, and the instance contrast of
    the latents themselves is added, which trains what is behind the maps. Timestamp masking is the
    encoder's (`dilated`, ``mask``). Transforms are not drawn.

    Parameters
    ----------
    transforms
        Of the study, with their identity; a crop first.
    alpha
        Share of the instance contrast, 0 to 1; the rest is the temporal one's.
    shortest
        Least length of what both parts share, as a share of the window, above 0 and at most 1.

    Raises
    ------
    InputError
        For values outside these; from `forward`, without ``views.maps``.
    """

    reads_maps: ClassVar[bool] = True

    def __init__(
        self, transforms: Sequence[Transform], *, alpha: float = 0.5, shortest: float = 0.25
    ) -> None:
        super().__init__(transforms)
        if not (0 <= alpha <= 1 and 0 < shortest <= 1):
            raise InputError(
                f"ts2vec got alpha={alpha} and shortest={shortest}; expected 0 to 1, and above 0 "
                "to 1"
            )
        self.alpha, self.shortest = alpha, shortest

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """Two views a sample: the parts (a, c) and (b, d) of places a ≤ b < c ≤ d, one a batch."""
        seen = single_view(x, self.transforms, identity=True).signals
        time = torch.tensor(seen.shape[-1])
        least = torch.tensor(max(1, round(self.shortest * seen.shape[-1])))
        length = whole(least, time, generator)
        b = whole(torch.tensor(0), time - length, generator)
        a, c = whole(torch.tensor(0), b, generator), b + length
        d = whole(c, time, generator)
        places = [torch.stack(place).expand(len(seen), 2) for place in ((a, c), (b, d))]
        signals = torch.cat([sub_series(seen, place[:, 0], place[:, 1]) for place in places])
        return replace(Views(signals, {NAME: torch.stack(places) / time}, {}), labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Hierarchical contrast of ``views.maps``, and instance contrast of latents ``(2n, size)``.

        Raises
        ------
        InputError
            Without maps.
        """
        require_rows(z, views)
        if views.maps is None:
            raise InputError(
                "ts2vec needs the encoder's features of each time step: encode within "
                "networks.time_resolved(encoder) and pass replace(views, maps=maps[0])"
            )
        first, second = (gather(each) for each in _shared(views.maps, views.params[NAME]).chunk(2))
        whole_window = [gather(each)[:, :, None] for each in z.chunk(2)]
        found = {
            "hierarchical": hierarchical_contrast(first, second, self.alpha),
            "instance": instance_contrast(*whole_window),
        }
        return LossTerms(found["hierarchical"] + self.alpha * found["instance"], found)


def _shared(maps: Tensor, places: Tensor) -> Tensor:
    """Time steps of ``maps (2n, d, steps)`` inside both parts; at least the one in the middle."""
    low, high = float(places[1, 0, 0]), float(places[0, 0, 1])
    steps = maps.shape[-1]
    start, end = math.ceil(low * steps - 1e-6), math.floor(high * steps + 1e-6)
    if end <= start:
        start = min(int((low + high) / 2 * steps), steps - 1)
        end = start + 1
    return maps[:, :, start:end]


@precise
def hierarchical_contrast(a: Tensor, b: Tensor, alpha: float = 0.5) -> Tensor:
    """Mean over scales of α · instance + (1 − α) · temporal contrast of ``a, b (n, d, t)``.

    Algorithm 1 of the paper: every further scale has half of the time steps, by their maximum; at
    the last one, a single step, only instances are compared.
    """
    losses: list[Tensor] = []
    while a.shape[-1] > 1:
        losses.append(alpha * instance_contrast(a, b) + (1 - alpha) * temporal_contrast(a, b))
        a, b = functional.max_pool1d(a, 2), functional.max_pool1d(b, 2)
    losses.append(alpha * instance_contrast(a, b))
    return torch.stack(losses).mean()


@precise
def instance_contrast(a: Tensor, b: Tensor) -> Tensor:
    """Equation 2: at each time step the other view among all instances of ``a, b (n, d, t)``."""
    return _contrast(a.permute(2, 0, 1), b.permute(2, 0, 1))


@precise
def temporal_contrast(a: Tensor, b: Tensor) -> Tensor:
    """Equation 1: in each instance the other view's same step among all steps of both views."""
    return _contrast(a.transpose(1, 2), b.transpose(1, 2))


def _contrast(a: Tensor, b: Tensor) -> Tensor:
    """Softmax over the 2k − 1 other rows of ``a, b (batch, k, d)``, of dot products; k 1: 0."""
    if a.shape[1] < 2:
        return (a * 0).sum()
    z = torch.cat([a, b], dim=1)
    own = torch.eye(z.shape[1], dtype=torch.bool, device=z.device)
    logits = (z @ z.transpose(1, 2)).masked_fill(own, -torch.inf)
    return logits.logsumexp(dim=2).mean() - (a * b).sum(dim=2).mean()
