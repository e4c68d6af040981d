"""An invariant part, and one that knows how far apart in time two windows are: PLITA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor, nn

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.objectives.base import LossTerms, Objective, require_rows, require_sizes
from triptych.objectives.momentum import copy_of, follow
from triptych.objectives.views import Views
from triptych.precision import cosine, precise, unit
from triptych.transforms import Transform, context_of
from triptych.transforms.base import method_of


class Plita(Objective):
    """BYOL on invariant blocks beside an order in time on variant ones (arXiv 2502.21162).

    Atienza, Bardram and Puthusserypady 2025. Views of a sample are successive windows of its
    recording. On the blocks invariant to `phase_shift` each predicts what a slowly moving copy of
    the encoder makes of its neighbours (Grill et al. 2020, arXiv 2006.07733); on those variant to
    it, cosines between the windows are to fall with the time between them (`tempo`). Both act
    after projectors of their own. The published form of the ideal cosines is not known to us: ours
    fall evenly, from 1 to 0 between the first and the last window. All other transforms are drawn
    anew for every window.

    Parameters
    ----------
    schema
        Has blocks invariant to ``phase_shift`` and blocks variant to it.
    transforms
        A phase shift by crops first, whose `max_shift` the windows span on either side.
    windows
        Successive windows of a sample, evenly spaced, at least 3.
    momentum
        m of the copy, from 0 to below 1.
    projection
        Output dimensions of the projectors, at least 1.
    order
        Weight of the order in time, at least 0.

    Raises
    ------
    InputError
        For values outside these; from `forward`, before `attach`.
    """

    def __init__(
        self,
        schema: LatentSchema,
        transforms: Sequence[Transform],
        *,
        windows: int = 5,
        momentum: float = 0.99,
        projection: int = 64,
        order: float = 1.0,
    ) -> None:
        super().__init__(transforms, acts_on=schema)
        shift = self.transforms[0] if self.transforms else None
        if shift is None or not context_of(shift):
            raise InputError(
                "plita needs neighbours in time: phase_shift in mode crop as the first transform"
            )
        if windows < 3 or projection < 1 or not 0 <= momentum < 1:
            raise InputError(
                f"plita got windows={windows}, projection={projection} and momentum={momentum}; "
                "expected at least 3, at least 1, and from 0 to below 1"
            )
        require_sizes("plita", {"order": order})
        self.shift, self.windows, self.momentum, self.order = shift, windows, momentum, order
        self.schema = schema
        self.inside, self.timed = (
            tuple(block.name for block in found)
            for found in (schema.invariant(shift.name), schema.variant(shift.name))
        )
        if not (self.inside and self.timed):
            raise InputError(
                "plita needs a block invariant to phase_shift and one variant to it; name both"
            )
        widths = [sum(schema[name].size for name in names) for names in (self.inside, self.timed)]
        self.projector, self.tempo_projector = (_layers(width, projection) for width in widths)
        self.predictor = _layers(projection, projection)
        self.copy: nn.Module | None = None
        self._followed: tuple[nn.Module, ...] = ()  # a tuple: its weights are not the objective's

    def attach(self, network: nn.Module, shape: tuple[int, int] | None = None) -> None:
        """Copy what makes latents of signals; from now on the copy follows it."""
        self._followed = (network, _Chosen(self.schema, self.inside), self.projector)
        self.copy = copy_of(self._followed, "plita")

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """`windows` views a sample, evenly spaced in ±max_shift, in the order of time."""
        span: float = getattr(self.shift, "limit", 0.0)
        signals: list[Tensor] = []
        params: dict[str, list[Tensor]] = {each.name: [] for each in self.transforms}
        for place in range(self.windows):
            start = span * (2 * place / (self.windows - 1) - 1)
            view = x
            for each in self.transforms:
                theta = each.sample(len(x), generator)
                if each is self.shift:
                    theta = method_of(self.shift, "at")(start).expand(len(x), 1)
                params[each.name].append(theta.to(x.device))
                view = each.apply(view, params[each.name][-1])
            signals.append(view)
        stacked = {name: torch.stack(drawn) for name, drawn in params.items()}
        return replace(Views(torch.cat(signals), stacked, {}), labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Both terms of latents ``(windows·n, size)``; a training step also moves the copy."""
        require_rows(z, views)
        if self.copy is None:
            raise InputError("plita needs the encoder: call objective.attach(encoder) once before")
        if self.training:
            follow(self.copy, self._followed, self.momentum)
        with torch.no_grad():
            targets = self.copy(views.signals).unflatten(0, (self.windows, -1))
        seen = self.schema.select(z, self.inside)
        guesses = self.predictor(self.projector(seen)).unflatten(0, (self.windows, -1))
        neighbours = [cosine(guesses, targets.roll(by, dims=0)) for by in (1, -1)]
        timed = self.tempo_projector(self.schema.select(z, self.timed))
        found = {
            "invariance": 2 - 2 * torch.stack(neighbours).mean(),
            "tempo": tempo(timed.unflatten(0, (self.windows, -1))),
        }
        return LossTerms(found["invariance"] + self.order * found["tempo"], found)


@precise
def tempo(z: Tensor) -> Tensor:
    """Mean squared error of the cosines between ``z (k, n, d)``, k windows in order, per sample.

    Ideal is 1 − |i − j| / (k − 1) between windows i and j, pairs of different ones.
    """
    place = torch.arange(len(z), device=z.device, dtype=z.dtype)
    ideal = 1 - (place[:, None] - place).abs() / (len(z) - 1)
    rows = unit(z).transpose(0, 1)
    error = (rows @ rows.mT - ideal).square()
    return error.sum(dim=(1, 2)).mean() / (len(z) * (len(z) - 1))


class _Chosen(nn.Module):
    """The latents of named blocks."""

    def __init__(self, schema: LatentSchema, names: tuple[str, ...]) -> None:
        super().__init__()
        self.schema, self.names = schema, names

    def forward(self, z: Tensor) -> Tensor:
        return self.schema.select(z, self.names)


def _layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, inputs), nn.GELU(), nn.Linear(inputs, outputs))
