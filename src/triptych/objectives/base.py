"""What every objective is: it makes views of signals and turns their latents into loss terms."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar, Literal, Self

from torch import Generator, Tensor, nn

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.objectives.views import Views, single_view, two_views
from triptych.transforms import Transform, told_apart

Labels = Literal["nothing", "classes", "populations"]
Kind = Literal["discrete", "continuous"]


@dataclass(frozen=True)
class LossTerms:
    """A loss with its parts: `total` is their weighted sum, `terms` maps name → scalar."""

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


class Objective(nn.Module):
    """Base class: latents of views → named loss terms.

    A new objective is one file with a subclass that has a `forward`, and a line in `OBJECTIVES`.
    All else that a training asks of it stands here with a default.

    Parameters
    ----------
    transforms
        What views differ in; a crop first.
    acts_on
        The schema whose blocks it acts on; None: latents of any.

    Attributes
    ----------
    has_loss
        False where the total is always 0, so that a task or a decoder has to be trained beside it.
    reads_maps
        Whether `forward` needs ``views.maps``, the encoder's features of each time step.
    learns_from
        What ``views.labels`` have to say: ``"nothing"``, ``"classes"`` (indices ``(n,)``, below 0
        where there is none) or ``"populations"`` (above 0 for targets, 0 for the background).
    attributes
        Of populations: block → kind of the targets' attribute that supervises it. The labels then
        have a column each, ``(n, 1 + a)``.
    grouped
        Of populations: whether the labels' last column is the number of each sample's group.
    """

    has_loss: ClassVar[bool] = True
    reads_maps: ClassVar[bool] = False
    learns_from: Labels = "nothing"
    attributes: Mapping[str, Kind] = {}
    grouped: bool = False

    def __init__(
        self, transforms: Sequence[Transform], acts_on: LatentSchema | None = None
    ) -> None:
        super().__init__()
        self.transforms, self.acts_on = told_apart(transforms), acts_on

    @classmethod
    def of(cls, schema: LatentSchema, transforms: Sequence[Transform], **settings: Any) -> Self:
        """Make one for latents of `schema`, whose blocks or `size` it gets if it asks for them."""
        asked, told = inspect.signature(cls).parameters, {"schema": schema, "size": schema.size}
        made: Any = cls
        return made(*(told[name] for name in told if name in asked), transforms, **settings)

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """Make views of signals ``(n, channels, time + 2·context)``; `labels` go along.

        By default two views a sample, each under its own draw of every transform.
        """
        return replace(two_views(x, self.transforms, generator), labels=labels)

    def represent(self, z: Tensor) -> Tensor:
        """What the loss compares, before normalising, of latents `z`; by default themselves."""
        return z

    def attach(self, network: nn.Module, shape: tuple[int, int] | None = None) -> None:
        """Get to know what is trained, once, before training; by default nothing is kept.

        For objectives that need more of an encoder than its latents, such as a copy that follows
        it. Training by a recipe calls this; a loop of one's own has to, before its optimiser is
        made.

        Parameters
        ----------
        network
            Maps ``views.signals`` to latents. It stays the caller's: it must not become a
            submodule.
        shape
            Channels and length of ``views.signals``.
        """

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Loss terms of the latents ``z (v·n, size)`` of `views`, row by row."""
        raise NotImplementedError


class Plain(Objective):
    """No augmentation and no structure: the task alone, on signals as they are.

    Parameters
    ----------
    transforms
        Transforms of the study; they are applied with their identity (a crop must still cut the
        context off).
    """

    has_loss = False
    identity: ClassVar[bool] = True

    def __init__(self, transforms: Sequence[Transform] = ()) -> None:
        super().__init__(transforms)

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """One view a sample."""
        made = single_view(x, self.transforms, identity=self.identity, generator=generator)
        return replace(made, labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """No terms of its own; the total is zero."""
        return LossTerms(z.new_zeros(()))


class Augmentation(Plain):
    """Every transform drawn anew for every sample and step; the task sees only that view.

    With an autoencoder the transformed window is also what is reconstructed.
    """

    identity = False


def require_rows(z: Tensor, views: Views) -> None:
    """Refuse, with InputError, latents that are not one for each view."""
    if len(z) != len(views.signals):
        raise InputError(
            f"{len(z)} latents for {len(views.signals)} views; encode views.signals as a whole"
        )


def require_known(option: str, values: Iterable[object], allowed: Iterable[object]) -> None:
    """Refuse, with InputError, a value of an option that is not one of those allowed."""
    known = tuple(allowed)
    for value in values:
        if value not in known:
            raise InputError(
                f"{option} names {value!r}, expected one of {', '.join(map(str, known))}"
            )


def require_sizes(option: str, values: Mapping[str, object]) -> None:
    """Refuse, with InputError, weights or limits that are not numbers of at least 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not float(value) >= 0:
            raise InputError(f"{option} has {name}={value!r}, expected a number of at least 0")


def require_temperature(temperature: float) -> None:
    """Refuse, with InputError, a temperature that is not above 0."""
    if not temperature > 0:
        raise InputError(f"temperature is {temperature}; it must be above 0")
