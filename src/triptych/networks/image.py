"""Small convolutional networks for images ``(n, channels, size, size)``; GroupNorm throughout."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.errors import InputError


class ImageEncoder(nn.Module):
    """Strided convolutions; features are the maps' mean and maximum beside a flattened map.

    Parameters
    ----------
    channels
        Of the images, e.g. 1 or 3.
    size
        Height and width in pixels.
    outputs
        Latent dimensions of a last linear layer; 0 leaves the features as they are (a trunk for
        `BlockHeads`).
    widths
        Channels of each layer, multiples of 8; every layer halves height and width.
    where
        Channels of the flattened map.

    Raises
    ------
    InputError
        From `forward`, if an image's shape is not ``(n, channels, size, size)``.
    """

    def __init__(
        self,
        channels: int,
        size: int = 32,
        outputs: int = 0,
        *,
        widths: tuple[int, ...] = (32, 64, 96),
        where: int = 16,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "channels": channels, "size": size, "outputs": outputs, "widths": list(widths),
            "where": where,
        }  # fmt: skip
        self.channels, self.size = channels, size
        layers: list[nn.Module] = []
        for before, width in pairwise((channels, *widths)):
            layers += [
                nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(8, width),
                nn.GELU(),
            ]
            size = -(-size // 2)
        self.stack = nn.Sequential(*layers)
        self.where = nn.Conv2d(widths[-1], where, 1)
        features = 2 * widths[-1] + where * size**2
        self.last = nn.Linear(features, outputs) if outputs else nn.Identity()
        self.features = outputs or features  # what comes out, as `BlockHeads` reads it

    def forward(self, x: Tensor) -> Tensor:
        """Features, or latents if `outputs` is set: ``(n, features)`` either way."""
        if x.ndim != 4 or x.shape[1:] != (self.channels, self.size, self.size):
            raise InputError(
                f"images have shape {tuple(x.shape)}, but this encoder was built for (n, "
                f"{self.channels}, {self.size}, {self.size}); crop or scale them to that shape"
            )
        maps = self.stack(x.contiguous(memory_format=torch.channels_last))  # quicker on a CPU
        what = torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)
        return self.last(torch.cat([what, self.where(maps).flatten(1)], dim=1))


class ImageDecoder(nn.Module):
    """Latents ``(n, latents)`` → images ``(n, channels, size, size)``: `ImageEncoder`'s mirror.

    Parameters
    ----------
    latents
        Latent dimensions.
    channels, size
        Shape of the images.
    widths
        Channels of each layer, multiples of 8; every layer doubles height and width.
    """

    def __init__(
        self,
        latents: int,
        channels: int,
        size: int = 32,
        *,
        widths: tuple[int, ...] = (96, 64, 32),
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "latents": latents, "channels": channels, "size": size, "widths": list(widths),
        }  # fmt: skip
        self.size, self.width = size, widths[0]
        self.start = -(-size // 2 ** len(widths))
        self.first = nn.Linear(latents, self.width * self.start**2)
        layers: list[nn.Module] = []
        for before, width in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(before, width, 4, stride=2, padding=1, bias=False),
                nn.GroupNorm(8, width),
                nn.GELU(),
            ]
        self.stack = nn.Sequential(
            *layers, nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1)
        )

    def forward(self, z: Tensor) -> Tensor:
        """Reconstructed images, unbounded."""
        shape = (self.width, self.start, self.start)
        maps = self.stack(functional.gelu(self.first(z)).unflatten(1, shape))
        return maps[..., : self.size, : self.size]
