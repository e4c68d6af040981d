"""Contrastive-analysis autoencoders: the rivals of separation that reconstruct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call  # pyright: ignore[reportUnknownVariableType]
from torch.nn import functional

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.objectives.base import LossTerms
from triptych.objectives.separation_terms import without_background
from triptych.objectives.views import Views, single_view
from triptych.precision import exact, precise
from triptych.transforms import Transform, told_apart

Kind = Literal["cvae", "mm-cvae", "sepvae"]
KINDS: tuple[Kind, ...] = ("cvae", "mm-cvae", "sepvae")
NULL_SPREAD = 0.1  # standard deviation of the background's salient prior (SepVAE)
MATCHING = 100.0  # weight of the moment matching (MM-cVAE)


class ContrastiveVAE(nn.Module):
    """A variational autoencoder that decodes background samples with salient latents of 0.

    - ``cvae`` (Abid and Zou 2019, arXiv 1902.04601): reconstruction and KL to N(0, 1), of the
      salient latents for targets only; background rows are decoded with s' = 0.
    - ``mm-cvae`` (Weinberger, Beebe-Wang and Lee, AISTATS 2022): beside it the maximum mean
      discrepancy between both populations' common latents, and between the background's salient
      latents and s'.
    - ``sepvae`` (Louiset et al., MIDL 2024, arXiv 2307.06206): the background's salient prior is
      N(0, 0.1²), a linear classifier tells the populations apart by the salient latents, and a
      discriminator of pairs (c, s) against shuffled ones estimates the information that both
      share, which is minimised.

    Reconstruction errors and KL are sums over pixels or samples, and over latents.

    Parameters
    ----------
    schema
        Blocks with the roles common and salient, and no others.
    transforms
        One view a sample is drawn and reconstructed.
    decoder
        Latents ``(n, schema.size)`` → samples.
    kind
        Which of the three.
    kl
        Weight of all KL terms (β).

    Raises
    ------
    InputError
        For an unknown kind, or a schema without both roles.
    """

    def __init__(
        self,
        schema: LatentSchema,
        transforms: Sequence[Transform],
        decoder: nn.Module,
        *,
        kind: Kind = "cvae",
        kl: float = 1.0,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise InputError(f"there is no {kind!r}; choose one of {', '.join(KINDS)}")
        if not (schema.common and schema.salient):
            raise InputError(f"{kind} needs common and salient blocks; the schema has:\n{schema}")
        self.schema, self.transforms, self.kind, self.kl = schema, told_apart(transforms), kind, kl
        self.decoder = decoder
        self.log_variance = nn.Linear(schema.size, schema.size)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -3.0)
        if kind == "sepvae":
            self.classifier = nn.Linear(sum(b.size for b in schema.salient), 1)
            self.pairs = nn.Sequential(nn.Linear(schema.size, 64), nn.GELU(), nn.Linear(64, 1))

    def views(self, x: Tensor, generator: Generator | None = None) -> Views:
        """One view a sample, under a draw of every transform."""
        return single_view(x, self.transforms, identity=False, generator=generator)

    def forward(self, z: Tensor, views: Views, isolated: Tensor | None = None) -> LossTerms:
        """Loss terms of latent means ``z (n, size)``; ``views.labels`` above 0 are targets.

        Raises
        ------
        InputError
            Without labels.
        """
        if views.labels is None:
            raise InputError(f"{self.kind} needs views.labels: above 0 for targets, else 0")
        target = views.labels.reshape(len(z), -1)[:, 0] > 0
        log_variance = self.log_variance(z.detach()).clamp(-10, 4)
        drawn = z + torch.randn_like(z) * (0.5 * log_variance).exp()
        common, salient = self._divided(drawn)
        decoded = self.decoder(torch.cat([common, without_background(salient, target)], dim=1))
        found = {"reconstruction": (exact(decoded) - views.signals).square().sum() / len(z)}
        spread = z.new_ones(len(z), 1).where(target[:, None], z.new_tensor(NULL_SPREAD))
        mean_c, mean_s = self._divided(z)
        log_c, log_s = self._divided(log_variance)
        of_salient = _kl(mean_s, log_s, spread)
        if self.kind != "sepvae":
            of_salient = of_salient * target
        found["kl"] = (_kl(mean_c, log_c, torch.ones_like(spread)) + of_salient).mean()
        total = found["reconstruction"] + self.kl * found["kl"]
        extra = dict[str, Tensor]()
        if self.kind == "mm-cvae" and 1 < int(target.sum()) < len(z) - 1:
            null = salient[~target]
            extra["match/common"] = _discrepancy(common[target], common[~target])
            extra["match/null"] = _discrepancy(null, torch.zeros_like(null))
            total = total + MATCHING * (extra["match/common"] + extra["match/null"])
        if self.kind == "sepvae":
            extra = self._separated(common, salient, mean_s, target)
            total = total + sum(extra.values(), z.new_zeros(()))
        return LossTerms(total, found | extra)

    def _divided(self, z: Tensor) -> tuple[Tensor, Tensor]:
        select = self.schema.select
        names = [tuple(b.name for b in part) for part in (self.schema.common, self.schema.salient)]
        return select(z, names[0]), select(z, names[1])

    def _separated(
        self, common: Tensor, salient: Tensor, mean: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        """SepVAE's classifier, discriminator, and what the latters' logits say they share."""
        truth = target.float()[:, None]
        told = functional.binary_cross_entropy_with_logits(self.classifier(mean), truth)
        true = torch.cat([common, salient], dim=1)
        mixed = torch.cat([common, salient.roll(1, dims=0)], dim=1).detach()
        real, shuffled = self.pairs(true.detach()), self.pairs(mixed)
        fooled = functional.softplus(-real).mean() + functional.softplus(shuffled).mean()
        frozen = {name: value.detach() for name, value in self.pairs.named_parameters()}
        shared = functional_call(self.pairs, frozen, (true,)).mean().clamp_min(0)
        return {"population": told, "discriminator": fooled, "shared": shared}


@precise
def _kl(mean: Tensor, log_variance: Tensor, spread: Tensor) -> Tensor:
    """KL of N(mean, exp(log_variance)) to N(0, spread²), summed over dimensions, ``(n,)``."""
    ratio = log_variance.exp() / spread.square()
    terms = mean.square() / spread.square() + ratio - 1 - ratio.log()
    return terms.sum(dim=1) / 2


@precise
def _discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """Squared maximum mean discrepancy, Gaussian kernel of the dimension's width (biased)."""
    width = 2 * a.shape[1]

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(-torch.cdist(x, y).square() / width).mean()

    return kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)
