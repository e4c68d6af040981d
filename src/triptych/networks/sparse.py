"""A sparse dictionary of frozen latents: what a model without blocks has learned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from triptych.errors import InputError
from triptych.networks.require import WHOLE, require
from triptych.precision import exact

AUXILIARY = 1 / 32  # weight of what the features that were never used learn


class TopKSAE(nn.Module):
    """TopK sparse autoencoder of latents: at most `active` features of a window are above 0.

    Gao et al. 2024 (arXiv 2406.04093): codes f = relu(TopK(W (z − b))), reconstruction D f + b with
    directions D of length 1, W begun as Dᵀ; features that no window of an epoch has used learn what
    the others leave over (weight 1/32), so that few stay unused. Post hoc: it reads latents
    that are not trained any more, and asks what is in them; a schema's blocks declare it before.

    Parameters
    ----------
    size
        Dimensions of the latents.
    features
        Features of the dictionary, usually several times `size`.
    active
        Features of a window that may be above 0, at most `features`.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward` and `fit`, for latents of another size.

    Examples
    --------
    >>> import torch
    >>> from triptych.networks import TopKSAE
    >>> z = torch.randn(400, 8)
    >>> dictionary = TopKSAE(8, 16, active=4)
    >>> explained = dictionary.fit(z, epochs=20)
    >>> codes = dictionary(z)
    >>> codes.shape, int((codes > 0).sum(dim=1).max()) <= 4
    (torch.Size([400, 16]), True)
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, size: int, features: int = 512, *, active: int = 16) -> None:
        super().__init__()
        require("topk_sae", WHOLE, size=size, features=features, active=active)
        if active > features:
            raise InputError(
                f"topk_sae got active={active}, expected at most its {features} features"
            )
        self.settings: dict[str, Any] = {"size": size, "features": features, "active": active}
        self.size, self.features, self.active = size, features, active
        directions = functional.normalize(torch.randn(features, size), dim=1)
        self.read = nn.Parameter(directions.clone())
        self.threshold = nn.Parameter(torch.zeros(features))
        self.directions = nn.Parameter(directions)
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, z: Tensor) -> Tensor:
        """Codes ``(n, features)`` of latents ``(n, size)``, at least 0."""
        if z.ndim != 2 or z.shape[1] != self.size:
            raise InputError(
                f"latents have shape {tuple(z.shape)}, but this dictionary is of (n, {self.size})"
            )
        return sparse(self._before(self._scaled(z)), self.active).to(z.dtype)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents ``(n, size)`` that codes ``(n, features)`` stand for."""
        made = exact(codes) @ self.directions / self.scale + self.centre
        return made.to(codes.dtype)

    def fit(
        self,
        z: Tensor,
        *,
        epochs: int = 50,
        batch: int = 256,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> float:
        """Learn the dictionary of training latents ``(n, size)``; the share of variance explained.

        Adam on the mean squared error; directions are made of length 1 after every step. The same
        latents and seed give the same dictionary.
        """
        self.forward(z[:1])  # refuses another size
        rows, generator = exact(z).detach(), Generator().manual_seed(seed)
        with torch.no_grad():
            self.centre.copy_(rows.mean(dim=0))
            spread = (rows - self.centre).square().mean().sqrt()
            self.scale.copy_(1 / spread.clamp_min(1e-12))  # so that the pace fits any latents
            drawn = torch.randn(self.features, self.size, generator=generator)
            self.directions.copy_(functional.normalize(drawn, dim=1))
            self.read.copy_(self.directions)
            self.threshold.zero_()
        x, used = self._scaled(rows), torch.ones(self.features, dtype=torch.bool)
        optimizer = torch.optim.Adam(self.parameters(), learning_rate)
        for _ in range(epochs):
            seen = torch.zeros_like(used)
            order = torch.randperm(len(x), generator=generator)
            for start in range(0, len(x), batch):
                with torch.enable_grad():
                    loss, codes = self._loss(x[order[start : start + batch]], ~used)
                optimizer.zero_grad()
                loss.backward()  # pyright: ignore[reportUnknownMemberType]
                optimizer.step()  # pyright: ignore[reportUnknownMemberType]
                with torch.no_grad():
                    self.directions.copy_(functional.normalize(self.directions, dim=1))
                seen |= (codes > 0).any(dim=0)
            used = seen
        with torch.no_grad():
            left = x - sparse(self._before(x), self.active) @ self.directions
            return float(1 - left.square().sum() / x.square().sum().clamp_min(1e-12))

    @torch.no_grad()
    def reorder(self, order: Tensor) -> None:
        """Put the features into another order ``(features,)``, e.g. group by group."""
        for each in (self.read, self.threshold, self.directions):
            each.copy_(each[order].clone())

    def _scaled(self, z: Tensor) -> Tensor:
        return (exact(z) - self.centre) * self.scale

    def _before(self, x: Tensor) -> Tensor:
        return x @ self.read.T + self.threshold

    def _loss(self, x: Tensor, unused: Tensor) -> tuple[Tensor, Tensor]:
        before = self._before(x)
        codes = sparse(before, self.active)
        left = x - codes @ self.directions
        loss = left.square().mean()
        if count := int(unused.sum()):
            others = sparse(before[:, unused], min(count, 2 * self.active))
            missed = left.detach() - others @ self.directions[unused]
            loss = loss + AUXILIARY * missed.square().mean()
        return loss, codes


def sparse(x: Tensor, active: int) -> Tensor:
    """``x (n, d)`` with all but the `active` largest entries of a row, and those below 0, at 0."""
    top = x.topk(active, dim=1)
    return torch.zeros_like(x).scatter(1, top.indices, top.values.relu())
