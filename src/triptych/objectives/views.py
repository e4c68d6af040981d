"""Views: the signals of a batch under sampled transforms, one pair for each transform."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Generator, Tensor

from triptych.errors import InputError
from triptych.transforms import Transform, to_dict, told_apart
from triptych.transforms.base import method_of

Reference = Literal["transformed", "original"]
DRAWN = 256  # pairs that show whether two views of a transform ever differ


@dataclass(frozen=True)
class Change:
    """What leads from the first side of a pair to the second.

    Attributes
    ----------
    delta
        Δ ``(n, p)`` as somebody who sees the signals of both sides would measure it: where another
        transform came after the pair's own, it is seen through that one (`Settings.carry`).
    distance
        Distance of the two θ ``(n,)``, in the transform's unit.
    """

    delta: Tensor
    distance: Tensor


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
    changes
        Transform name → what leads from one side of its pair to the other, where an objective
        asks for it.
    similarity
        Transform name → orbit similarity of the samples ``(n, n)``, where an objective asks for
        it (n over all processes).
    labels
        Class indices of the samples ``(n,)``, below 0 where there is none, for objectives that
        learn from labels.
    maps
        The encoder's features of each time step ``(v·n, channels, steps)``, for objectives that
        read them (`networks.time_resolved`).
    """

    signals: Tensor
    params: dict[str, Tensor]
    pairs: dict[str, Tensor]
    changes: dict[str, Change] = field(default_factory=dict[str, Change])
    similarity: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    labels: Tensor | None = None
    maps: Tensor | None = None

    @property
    def n(self) -> int:
        """Samples in the batch."""
        return next(iter(self.params.values())).shape[1] if self.params else len(self.signals)

    def sides(self, z: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Rows of ``z (v·n, d)`` on the two sides of the pair of transform `name`."""
        first, second = self.pairs[name]
        return z[first[0] : first[-1] + 1], z[second[0] : second[-1] + 1]

    def change(self, name: str) -> Change:
        """What leads from one side of the pair of transform `name` to the other.

        Raises
        ------
        InputError
            If whoever made the views did not ask `make_views` for it.
        """
        if name not in self.changes:
            raise InputError(
                f"these views do not know the Δ of {name}; make them by the objective's own "
                f"views(x), or by make_views(..., changes=[{name!r}])"
            )
        return self.changes[name]

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
    changes: Collection[str] = (),
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
    changes
        Names of the transforms whose Δ and distance are wanted.
    generator
        Source of randomness on the CPU.

    Raises
    ------
    InputError
        If two transforms have one name, a crop is not the first, or a wanted Δ is not known.
    """
    transforms = told_apart(transforms)
    n, rows = len(x), torch.arange(len(x))
    signals: list[Tensor] = []
    params: dict[str, list[Tensor]] = {t.name: [] for t in transforms}
    pairs: dict[str, Tensor] = {}

    before: dict[str, Tensor] = {}  # each transform → the signals that its pair was made of

    def add(drawn: Mapping[str, Tensor], focus: Transform | None = None) -> Tensor:
        """Append a view; its rows."""
        view = x
        for transform in transforms:
            used = drawn[transform.name].to(x.device)
            params[transform.name].append(used)
            if transform is focus:
                before[transform.name] = view
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
            [first, add(drawn | {focus.name: focus.sample(n, generator)}, focus)]
        )
    views = Views(
        torch.cat(signals), {name: torch.stack(drawn) for name, drawn in params.items()}, pairs
    )
    if not changes:
        return views
    found: dict[str, Change] = {}
    for place, each in enumerate(transforms):
        if each.name in changes:
            # beside an original every other transform is the identity, so there is nothing to carry
            after = transforms[place + 1 :] if reference == "transformed" else ()
            found[each.name] = _change(views, each, before[each.name], after)
    return replace(views, changes=found)


def joint_views(
    x: Tensor,
    transforms: Sequence[Transform],
    sets: Sequence[Sequence[str]],
    *,
    changes: Collection[str] = (),
    generator: Generator | None = None,
) -> Views:
    """One pair of views a set of transforms: all of the set differ in it, the others are shared.

    Parameters as in `make_views`. The pairs' names are `key_of` their set; that of a transform is
    also the name of the pair of the first set that has it. Δ is what its first side sees.
    """
    transforms = told_apart(transforms)
    n, rows = len(x), torch.arange(len(x))
    signals: list[Tensor] = []
    params: dict[str, list[Tensor]] = {each.name: [] for each in transforms}
    pairs: dict[str, Tensor] = {}
    before: dict[str, Tensor] = {}
    for names in sets:
        shared = {t.name: t.sample(n, generator) for t in transforms if t.name not in names}
        for side in range(2):
            view = x
            for each in transforms:
                theta = shared[each.name] if each.name in shared else each.sample(n, generator)
                params[each.name].append(theta.to(x.device))
                if not side and each.name in names:
                    before.setdefault(each.name, view)
                view = each.apply(view, params[each.name][-1])
            signals.append(view)
        pair = rows + n * torch.tensor([[len(signals) - 2], [len(signals) - 1]])
        pairs[key_of(names, sets)] = pair
        pairs |= {name: pair for name in names if name not in pairs}
    stacked = {name: torch.stack(drawn) for name, drawn in params.items()}
    views = Views(torch.cat(signals), stacked, pairs)
    found = {
        each.name: _change(views, each, before[each.name], transforms[place + 1 :])
        for place, each in enumerate(transforms)
        if each.name in changes
    }
    return replace(views, changes=found)


def key_of(names: Sequence[str], sets: Sequence[Sequence[str]]) -> str:
    """Name of a set's pair: "rotation+gain"; of a transform that another set has, "gain alone"."""
    alone = len(names) == 1 and sum(names[0] in each for each in sets) > 1
    return f"{names[0]} alone" if alone else "+".join(names)


def _change(views: Views, focus: Transform, x: Tensor, after: Sequence[Transform]) -> Change:
    """Δ and distance of the pair of `focus`: both sides of `x`, and then under `after`."""
    first, second = views.thetas(focus.name)
    view = int(views.pairs[focus.name][0, 0]) // views.n
    delta = method_of(focus, "seen")(focus.relative(first, second), x)
    for each in after:
        delta = method_of(each, "carry")(focus, delta, views.params[each.name][view])
    return Change(delta, focus.distance(first, second))


def check_changes(
    transforms: Sequence[Transform], names: Collection[str], reference: Reference
) -> None:
    """Refuse, with InputError, transforms of these names whose Δ `make_views` could not tell."""
    for place, focus in enumerate(transforms):
        if focus.name not in names:
            continue
        if why := getattr(focus, "uncarried", ""):
            raise InputError(
                f"no block can carry {focus.name}: {why}; declare blocks invariant to it instead"
            )
        generator = torch.Generator().manual_seed(0)
        a, b = (focus.sample(DRAWN, generator) for _ in range(2))
        if reference == "original":
            a = focus.identity(DRAWN)
        if not (focus.distance(a, b) > 0).any():
            raise InputError(
                f"two views never differ in {focus.name} with the settings {to_dict(focus)}, so no "
                "block can carry it; widen them, or let blocks name other transforms"
            )
        still = focus.identity(1)
        for later in transforms[place + 1 :] if reference == "transformed" else ():
            method_of(later, "carry")(focus, focus.relative(still, still), later.identity(1))


def single_view(
    x: Tensor,
    transforms: Sequence[Transform],
    *,
    identity: bool,
    generator: Generator | None = None,
) -> Views:
    """One view of every sample, under the identity or under a fresh draw of every transform."""
    params: dict[str, Tensor] = {}
    for transform in told_apart(transforms):
        drawn = transform.identity(len(x)) if identity else transform.sample(len(x), generator)
        x = transform.apply(x, drawn.to(x.device))
        params[transform.name] = drawn[None].to(x.device)
    return Views(x, params, {})


def two_views(
    x: Tensor, transforms: Sequence[Transform], generator: Generator | None = None
) -> Views:
    """Two views of every sample, each under its own draw of every transform; no pairs."""
    first, second = (
        single_view(x, transforms, identity=False, generator=generator) for _ in range(2)
    )
    params = {name: torch.cat([theta, second.params[name]]) for name, theta in first.params.items()}
    return Views(torch.cat([first.signals, second.signals]), params, {})


def _draw(
    transform: Transform, n: int, reference: Reference, generator: Generator | None
) -> Tensor:
    if reference == "original":
        return transform.identity(n)
    return transform.sample(n, generator)
