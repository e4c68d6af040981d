"""Contrast with a queue of keys from a slowly moving copy of the encoder: MoCo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.objectives import terms
from triptych.objectives.base import LossTerms, require_rows
from triptych.objectives.gather import gather
from triptych.objectives.momentum import copy_of, follow
from triptych.objectives.simclr import SimCLR
from triptych.objectives.views import Views
from triptych.precision import unit
from triptych.transforms import Transform

LARGEST = 8192


class MoCo(SimCLR):
    """InfoNCE of one view's query with the other view's key, against a queue of earlier keys.

    He et al. 2020 (arXiv 1911.05722); projector and symmetric loss as in Chen et al. 2020 (arXiv
    2003.04297) and 2021 (arXiv 2104.02057). Keys come from a copy of encoder and projector that
    follows them, θ_k ← m θ_k + (1 − m) θ_q, before every training step; copy and queue are part of
    the state, so that a resumed training takes the same steps.

    Parameters
    ----------
    size, transforms, projection
        As in `SimCLR`.
    temperature
        τ, above 0.
    momentum
        m, from 0 to below 1; published for long trainings: 0.999.
    queue
        Keys that are kept, at most 8192, and at least two per sample of a batch. Before the first
        ones they are random directions, as published.

    Raises
    ------
    InputError
        For values outside these; from `forward`, before `attach` or for a batch above the queue.
    """

    keys: Tensor
    position: Tensor

    def __init__(
        self,
        size: int,
        transforms: Sequence[Transform],
        *,
        temperature: float = 0.1,
        momentum: float = 0.99,
        queue: int = 4096,
        projection: int = 128,
    ) -> None:
        super().__init__(size, transforms, temperature=temperature, projection=projection)
        if not (0 <= momentum < 1 and 4 <= queue <= LARGEST):
            raise InputError(
                f"momentum is {momentum} and queue {queue}; the first must be from 0 to below 1, "
                f"the second from 4 to {LARGEST}"
            )
        self.momentum = momentum
        self.register_buffer("keys", unit(torch.randn(queue, projection or size)))
        self.register_buffer("position", torch.zeros((), dtype=torch.long))
        self.copy: nn.Module | None = None
        self._followed: tuple[nn.Module, ...] = ()  # a tuple: its weights are not the objective's

    def attach(self, network: nn.Module, shape: tuple[int, int] | None = None) -> None:
        """Copy what makes latents of signals; from now on the copy follows it."""
        self._followed = (network, self.projector)
        self.copy = copy_of(self._followed, "moco")

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """InfoNCE of latents ``(2n, size)``; a training step also moves copy and queue."""
        require_rows(z, views)
        if self.copy is None:
            raise InputError("moco needs the encoder: call objective.attach(encoder) once before")
        if self.training:
            follow(self.copy, self._followed, self.momentum)
        with torch.no_grad():
            keys = unit(self.copy(views.signals))
        queries, negatives = self.represent(z).chunk(2), self.keys.clone()
        both = zip(queries, reversed(keys.chunk(2)), strict=True)
        loss = torch.stack(
            [terms.info_nce(q, key, negatives, self.temperature) for q, key in both]
        ).mean()
        if self.training:
            self._push(gather(keys))
        return LossTerms(loss, {"contrast": loss})

    @torch.no_grad()
    def _push(self, keys: Tensor) -> None:
        length = len(self.keys)
        if len(keys) > length:
            raise InputError(
                f"a batch gives {len(keys)} keys for a queue of {length}; make the batch smaller "
                f"or the queue longer (at most {LARGEST})"
            )
        rows = (self.position + torch.arange(len(keys), device=keys.device)) % length
        self.keys[rows] = keys.to(self.keys.dtype)
        self.position.copy_((self.position + len(keys)) % length)
