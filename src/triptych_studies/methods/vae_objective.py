"""The objective of contrastive-analysis autoencoders, which SepCLR is compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call  # pyright: ignore[reportUnknownVariableType]
from torch.nn import functional

from triptych import InputError
from triptych.latent import LatentSchema
from triptych.objectives import Augmentation, LossTerms, Objective, Views
from triptych.precision import exact, precise
from triptych.transforms import Transform


@dataclass(frozen=True)
class Matching:
    """Moment matching: weights, beside the sum over a batch's samples or (`each`) their mean.

    `rates` are the γ of the kernels exp(−γ‖x − y‖²), which are added up; none: one kernel as wide
    as the latents, γ = 1 / 2d.
    """

    common: float
    null: float
    each: bool = True
    rates: tuple[float, ...] = ()


@dataclass(frozen=True)
class Separated:
    """What SepVAE adds; weights beside the mean over samples.

    Attributes
    ----------
    spread
        Standard deviation of the background's salient prior.
    population
        Weight of the classifier of the populations.
    shared
        Weight of what common and salient latents share.
    posterior
        Variance to which the background's salient posterior is held; None: it is learned.
    drawn
        Whether the classifier reads drawn latents instead of their means.
    each
        Whether a sample that looks shuffled makes up for no other in what is shared.
    """

    spread: float
    population: float = 1.0
    shared: float = 1.0
    posterior: float | None = None
    drawn: bool = False
    each: bool = False


@dataclass(frozen=True)
class VaeForm:
    """Weight of the KL terms (β), and what a form adds to reconstruction and KL."""

    kl: float = 1.0
    matching: Matching | None = None
    separated: Separated | None = None


class ContrastiveVAE(Objective):
    """A variational autoencoder that decodes background samples with salient latents of 0.

    Of all forms, the posterior's log variance is linear in the means and does not move them, the
    classifier is linear, the discriminator has one hidden layer, and one optimiser trains
    everything. Reconstruction errors and KL are sums over pixels or samples, and over latents,
    averaged over the batch.

    Parameters
    ----------
    schema
        Blocks with the roles common and salient, and no others.
    transforms
        One view per sample is drawn and reconstructed.
    decoder
        Latents ``(n, schema.size)`` → samples.
    form
        What is added to reconstruction and KL, and with which weights.

    Raises
    ------
    InputError
        For a schema without both roles.
    """

    def __init__(
        self,
        schema: LatentSchema,
        transforms: Sequence[Transform],
        decoder: nn.Module,
        form: VaeForm = VaeForm(),
    ) -> None:
        super().__init__(transforms, acts_on=schema)
        if not (schema.common and schema.salient):
            raise InputError(
                f"a contrastive VAE needs common and salient blocks; the schema has:\n{schema}"
            )
        self.schema, self.form = schema, form
        self.decoder = decoder
        self.log_variance = nn.Linear(schema.size, schema.size)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -3.0)
        if self.form.separated:
            self.classifier = nn.Linear(sum(b.size for b in schema.salient), 1)
            self.pairs = nn.Sequential(nn.Linear(schema.size, 64), nn.GELU(), nn.Linear(64, 1))

    learns_from = "populations"

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """One view per sample, under a draw of every transform."""
        return Augmentation(self.transforms).views(x, generator, labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Loss terms of latent means ``z (n, size)``; ``views.labels`` above 0 are targets.

        Raises
        ------
        InputError
            Without labels.
        """
        if views.labels is None:
            raise InputError("a contrastive VAE needs views.labels: above 0 for targets, else 0")
        target = views.labels.reshape(len(z), -1)[:, 0] > 0
        form, separated = self.form, self.form.separated
        log_variance = self._log_variance(z, target)
        drawn = z + torch.randn_like(z) * (0.5 * log_variance).exp()
        common, salient = self._divided(drawn)
        present = salient.masked_fill(~target[:, None], 0)  # the background has nothing salient
        decoded = self.decoder(torch.cat([common, present], dim=1))
        found = {"reconstruction": (exact(decoded) - views.signals).square().sum() / len(z)}
        mean_c, mean_s = self._divided(z)
        log_c, log_s = self._divided(log_variance)
        one = z.new_ones(len(z), 1)
        if separated:
            of_salient = _kl(mean_s, log_s, one.where(target[:, None], one * separated.spread))
        else:
            of_salient = _kl(mean_s, log_s, one) * target
        found["kl"] = (_kl(mean_c, log_c, one) + of_salient).mean()
        total = found["reconstruction"] + form.kl * found["kl"]
        extra = dict[str, Tensor]()
        if form.matching and 1 < int(target.sum()) < len(z) - 1:
            by, null = form.matching, salient[~target]
            extra["match/common"] = _discrepancy(common[target], common[~target], by.rates)
            extra["match/null"] = _discrepancy(null, torch.zeros_like(null), by.rates)
            matched = by.common * extra["match/common"] + by.null * extra["match/null"]
            total = total + (matched if by.each else matched / len(z))
        if separated:
            read = salient if separated.drawn else mean_s
            extra = self._separated(common, salient, read, target, separated.each)
            weights = {"population": separated.population, "shared": separated.shared}
            weighted = (weights.get(name, 1.0) * value for name, value in extra.items())
            total = total + sum(weighted, z.new_zeros(()))
        return LossTerms(total, found | extra)

    def _log_variance(self, z: Tensor, target: Tensor) -> Tensor:
        """Of the posterior of all latents, ``(n, size)``."""
        found = self.log_variance(z.detach()).clamp(-10, 4)
        held = self.form.separated and self.form.separated.posterior
        if not held:
            return found
        salient = [b.role == "salient" for b in self.schema.blocks for _ in range(b.size)]
        fixed = torch.tensor(salient, device=z.device) & ~target[:, None]
        return found.masked_fill(fixed, math.log(held))

    def _divided(self, z: Tensor) -> tuple[Tensor, Tensor]:
        select = self.schema.select
        names = [tuple(b.name for b in part) for part in (self.schema.common, self.schema.salient)]
        return select(z, names[0]), select(z, names[1])

    def _separated(
        self, common: Tensor, salient: Tensor, read: Tensor, target: Tensor, apart: bool
    ) -> dict[str, Tensor]:
        """SepVAE's classifier, discriminator, and what the latter's logits say is shared."""
        truth = target.float()[:, None]
        told = functional.binary_cross_entropy_with_logits(self.classifier(read), truth)
        true = torch.cat([common, salient], dim=1)
        mixed = torch.cat([common, salient.roll(1, dims=0)], dim=1).detach()
        real, shuffled = self.pairs(true.detach()), self.pairs(mixed)
        fooled = functional.softplus(-real).mean() + functional.softplus(shuffled).mean()
        frozen = {name: value.detach() for name, value in self.pairs.named_parameters()}
        logits = functional_call(self.pairs, frozen, (true,))
        shared = logits.clamp_min(0).mean() if apart else logits.mean().clamp_min(0)
        return {"population": told, "discriminator": fooled, "shared": shared}


@precise
def _kl(mean: Tensor, log_variance: Tensor, spread: Tensor) -> Tensor:
    """KL of N(mean, exp(log_variance)) to N(0, spread²), summed over dimensions, ``(n,)``."""
    ratio = log_variance.exp() / spread.square()
    terms = mean.square() / spread.square() + ratio - 1 - ratio.log()
    return terms.sum(dim=1) / 2


@precise
def _discrepancy(a: Tensor, b: Tensor, rates: Sequence[float] = ()) -> Tensor:
    """Squared maximum mean discrepancy (biased), kernel Σ exp(−γ‖x − y‖²) over `rates`.

    Without any, one kernel of the dimension's width, γ = 1 / 2d.
    """
    # Narrow kernels would see the rounding of distances that are taken by products of matrices.
    mode = "donot_use_mm_for_euclid_dist" if rates else "use_mm_for_euclid_dist_if_necessary"

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        squares = torch.cdist(x, y, compute_mode=mode).square()
        if not rates:
            return torch.exp(-squares / (2 * a.shape[1])).mean()
        return sum((torch.exp(-rate * squares).mean() for rate in rates), a.new_zeros(()))

    return kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)
