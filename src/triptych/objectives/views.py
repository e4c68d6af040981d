"""Views: the signals of a batch under sampled transforms, one pair for each transform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Generator, Tensor

from triptych.transforms import Transform

Reference = Literal["transformed", "original"]


@dataclass(frozen=True)
class Views:
    """Views of n samples and the parameters that made them.

    Attributes
    ----------
    signals
        ``(v·n, channels, time)``: view 0 of all samples, then view 1, and so on.
    params
        Transform name → parameters θ ``(v, n, p)`` of every view.
    pairs
        Transform name → the two views that differ in that transform only, as row indices
        ``(2, n)`` into `signals`.
    similarity
        Transform name → orbit similarity of the samples ``(n, n)``, where an objective asks for
        it (n over all processes).
    labels
        Class indices of the samples ``(n,)``, below 0 where there is none, for objectives that
        learn from labels.
    """

    signals: Tensor
    params: dict[str, Tensor]
    pairs: dict[str, Tensor]
    similarity: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    labels: Tensor | None = None

    @property
    def n(self) -> int:
        """Samples in the batch."""
        return next(iter(self.params.values())).shape[1] if self.params else len(self.signals)

    def sides(self, z: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Rows of ``z (v·n, d)`` on the two sides of the pair of transform `name`."""
        first, second = self.pairs[name]
        return z[first[0] : first[-1] + 1], z[second[0] : second[-1] + 1]

    def thetas(self, name: str) -> tuple[Tensor, Tensor]:
        """Parameters ``(n, p)`` of transform `name` on the two sides of its pair."""
        first, second = self.pairs[name]
        theta = self.params[name]
        return theta[int(first[0]) // self.n], theta[int(second[0]) // self.n]


def make_views(
    x: Tensor,
    transforms: Sequence[Transform],
    *,
    reference: Reference = "transformed",
    generator: Generator | None = None,
) -> Views:
    """One pair of views a transform; inside it every other transform shares one draw.

    Parameters
    ----------
    x
        Signals ``(n, channels, time)``, with the context on both sides that a crop needs.
    transforms
        The transforms, a crop first.
    reference
        ``"transformed"``: both sides are transformed; ``"original"``: the first side of every
        pair is the signal as it is, view 0.
    generator
        Source of randomness on the CPU.
    """
    n, rows = len(x), torch.arange(len(x))
    signals: list[Tensor] = []
    params: dict[str, list[Tensor]] = {t.name: [] for t in transforms}
    pairs: dict[str, Tensor] = {}

    def add(drawn: Mapping[str, Tensor]) -> Tensor:
        """Append a view; its rows."""
        view = x
        for transform in transforms:
            used = drawn[transform.name].to(x.device)
            params[transform.name].append(used)
            view = transform.apply(view, used)
        signals.append(view)
        return rows + n * (len(signals) - 1)

    original: Tensor | None = None  # one view of it serves every pair
    for focus in transforms:
        drawn = {t.name: _draw(t, n, reference, generator) for t in transforms if t is not focus}
        if reference == "original" and original is not None:
            first = original
        else:
            first = original = add(drawn | {focus.name: _draw(focus, n, reference, generator)})
        pairs[focus.name] = torch.stack(
            [first, add(drawn | {focus.name: focus.sample(n, generator)})]
        )
    return Views(
        torch.cat(signals), {name: torch.stack(drawn) for name, drawn in params.items()}, pairs
    )


def single_view(
    x: Tensor,
    transforms: Sequence[Transform],
    *,
    identity: bool,
    generator: Generator | None = None,
) -> Views:
    """One view of every sample, under the identity or under a fresh draw of every transform."""
    params: dict[str, Tensor] = {}
    for transform in transforms:
        drawn = transform.identity(len(x)) if identity else transform.sample(len(x), generator)
        x = transform.apply(x, drawn.to(x.device))
        params[transform.name] = drawn[None].to(x.device)
    return Views(x, params, {})


def two_views(
    x: Tensor,
    transforms: Sequence[Transform],
    generator: Generator | None = None,
    *others: Tensor,
) -> Views:
    """Two views of every sample, each under its own draw of every transform; no pairs.

    Further views are of the samples `others`, one each.
    """
    views = [
        single_view(each, transforms, identity=False, generator=generator)
        for each in (x, x, *others)
    ]
    params = {name: torch.cat([view.params[name] for view in views]) for name in views[0].params}
    return Views(torch.cat([view.signals for view in views]), params, {})


def _draw(
    transform: Transform, n: int, reference: Reference, generator: Generator | None
) -> Tensor:
    if reference == "original":
        return transform.identity(n)
    return transform.sample(n, generator)
