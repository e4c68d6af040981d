"""A variational autoencoder whose capsules roll with a cycle of transforms: Topographic VAE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor, nn

from triptych.errors import InputError
from triptych.networks import Capsules, ConvDecoder, kl_divergence
from triptych.objectives.base import LossTerms, Objective, require_rows
from triptych.objectives.views import Views
from triptych.precision import exact, precise
from triptych.transforms import Transform
from triptych.transforms.base import method_of

CLOSED = 1e-3  # share of a step by which a cycle may miss its beginning


class TopographicVAE(Objective):
    """ELBO of the steps of a cycle, decoded from topographic capsules (arXiv 2109.01394).

    Keller and Welling 2021. Views of a sample are the `size` steps of a transform's cycle (an
    armband turned electrode by electrode, a full turn about one of the sensor's axes, a window
    around its ring), from a random start; other transforms are drawn once for all of them. The
    latents are the means of z and u, two halves; the decoder reads `Capsules.along` of a draw of
    both. Reconstructed are the signals in units of each window's root mean square, under Gaussian
    noise. A log-variance of the latents is read from their means, as in `SignalVAE`.

    Parameters
    ----------
    size
        Latent dimensions: 2 · capsules · ring.
    transforms
        One of them makes the cycle.
    rolls
        Its name; None: the first.
    capsules, ring, coherence, spread, mean
        See `Capsules`; `ring` places, and as many steps of the cycle.
    noise
        Standard deviation of what is not reconstructed, above 0.

    Attributes
    ----------
    projector
        Means to norms and activations: what to embed windows by.

    Raises
    ------
    InputError
        For values that do not fit, and a transform that does not come back to where it began; from
        `forward`, before `attach`.
    """

    def __init__(
        self,
        size: int,
        transforms: Sequence[Transform],
        *,
        rolls: str | None = None,
        capsules: int = 8,
        ring: int = 8,
        coherence: int = 2,
        spread: int = 1,
        mean: float = 20.0,
        noise: float = 0.3,
    ) -> None:
        super().__init__(transforms)
        self.projector = Capsules(capsules, ring, coherence=coherence, spread=spread, mean=mean)
        if size != 2 * self.projector.activations or not noise > 0:
            raise InputError(
                f"topographic-vae got {size} latent dimensions and noise={noise}; expected 2 · "
                f"{capsules} capsules · {ring} places, and above 0"
            )
        self.rolls = rolls or (self.transforms[0].name if self.transforms else "nothing")
        self.ring, self.noise = ring, noise
        self.step = _step(self.transforms, self.rolls, ring)
        self.log_variance = nn.Linear(size, size)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -3.0)
        self.decoder: nn.Module | None = None

    def attach(self, network: nn.Module, shape: tuple[int, int] | None = None) -> None:
        """Make the decoder for signals of this shape."""
        if shape is None:
            raise InputError(
                "topographic-vae needs the signals' shape: objective.attach(encoder, (channels, "
                "length))"
            )
        self.decoder = ConvDecoder(self.projector.activations, *shape)

    def represent(self, z: Tensor) -> Tensor:
        """Norms and activations of latents `z`."""
        return self.projector(z)

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """The steps of the cycle, a view each."""
        n, signals = len(x), list[Tensor]()
        drawn = {each.name: each.sample(n, generator) for each in self.transforms}
        params: dict[str, list[Tensor]] = {name: [] for name in drawn}
        way = torch.randint(len(self.step), (n,), generator=generator)
        for _ in range(self.ring):
            view = x
            for each in self.transforms:
                params[each.name].append(drawn[each.name].to(x.device))
                view = each.apply(view, params[each.name][-1])
                if each.name == self.rolls:
                    drawn[each.name] = _composed(each, drawn[each.name], self.step[way])
            signals.append(view)
        stacked = {name: torch.stack(each) for name, each in params.items()}
        return replace(Views(torch.cat(signals), stacked, {}), labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Negative ELBO per sample of the signals, of latents ``(ring·n, size)``."""
        require_rows(z, views)
        if self.decoder is None:
            raise InputError(
                "topographic-vae needs a decoder: call objective.attach(encoder, (channels, "
                "length)) once before"
            )
        log_variance = self.log_variance(z.detach()).clamp(-10, 4)
        drawn = z
        if self.training:
            drawn = z + torch.randn_like(z) * (0.5 * log_variance).exp()
        means, scales = drawn.reshape(self.ring, -1, z.shape[1]).chunk(2, dim=2)
        made = self.decoder(self.projector.along(means, scales).flatten(0, 1))
        error = (made - in_own_units(views.signals)).square()
        found = {
            "reconstruction": error.mean() / (2 * self.noise**2),
            "kl": kl_divergence(z, log_variance) / views.signals[0].numel(),
        }
        return LossTerms(found["reconstruction"] + found["kl"], found)


@precise
def in_own_units(x: Tensor) -> Tensor:
    """Signals ``(n, c, t)`` over the root mean square of each window, all channels together."""
    return x / (x.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-9)


def _composed(transform: Transform, a: Tensor, b: Tensor) -> Tensor:
    return method_of(transform, "compose")(a, b)


def _step(transforms: Sequence[Transform], name: str, ring: int) -> Tensor:
    """Every θ ``(k, p)`` of which `ring` make a full cycle."""
    found = next((each for each in transforms if each.name == name), None)
    limit: float | None = getattr(found, "limit", None)
    if found is None or not limit or not hasattr(found, "compose"):
        raise InputError(f"topographic-vae got rolls={name!r}, expected a transform with a cycle")
    step = method_of(found, "at")(2 * limit / ring)
    start = found.sample(len(step), Generator().manual_seed(0))
    end = start
    for _ in range(ring):
        end = _composed(found, end, step)
    if bool((exact(found.distance(start, end)) > CLOSED * 2 * limit / ring).any()):
        raise InputError(
            f"topographic-vae needs a cycle, but {ring} steps of {2 * limit / ring:g} "
            f"{found.unit} of {name} do not come back to where they began"
        )
    return step
