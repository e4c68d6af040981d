"""Small convolutional networks for images ``(n, channels, size, size)``; GroupNorm throughout."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych import InputError
from triptych.networks import WhatAndWhere
from triptych.networks.require import COUNT, WHOLE, WIDTHS, require


class ImageEncoder(WhatAndWhere):
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
        For settings that do not fit; from `forward`, if an image's shape is not ``(n, channels,
        size, size)``.
    """

    of_images = True

    def __init__(
        self,
        channels: int,
        size: int = 32,
        outputs: int = 0,
        *,
        widths: tuple[int, ...] = (32, 64, 96),
        where: int = 16,
    ) -> None:
        require("image", WHOLE, channels=channels, size=size, where=where)
        require("image", COUNT, outputs=outputs)
        require("image", WIDTHS, widths=widths)
        layers: list[nn.Module] = []
        across = size
        for before, width in pairwise((channels, *widths)):
            convolution = nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.GroupNorm(8, width), nn.GELU()]
            across = -(-across // 2)
        super().__init__(nn.Sequential(*layers), widths[-1], across**2, where, outputs)
        self.settings: dict[str, Any] = {
            "channels": channels, "size": size, "outputs": outputs, "widths": list(widths),
            "where": where,
        }  # fmt: skip
        self.channels, self.size = channels, size

    def forward(self, x: Tensor) -> Tensor:
        """Features, or latents if `outputs` is set: ``(n, features)`` either way."""
        if x.ndim != 4 or x.shape[1:] != (self.channels, self.size, self.size):
            raise InputError(
                f"images have shape {tuple(x.shape)}, but this encoder was built for (n, "
                f"{self.channels}, {self.size}, {self.size}); crop or scale them to that shape"
            )
        return self.read(x.contiguous(memory_format=torch.channels_last))  # quicker on a CPU


class PatchEncoder(nn.Module):
    """One layer of large filters, then dense layers: several times quicker on a CPU.

    Every image is standardised first. Features are read from the filters' mean and maximum over
    the image (what) and from their whole map (where).

    Parameters
    ----------
    channels, size, outputs
        As for `ImageEncoder`.
    patch, stride
        Pixels of a filter and between filters.
    filters, hidden
        Filters, and width of the dense layers.
    """

    def __init__(
        self,
        channels: int,
        size: int = 16,
        outputs: int = 0,
        *,
        patch: int = 8,
        stride: int = 4,
        filters: int = 64,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.patch, self.stride = patch, stride
        places = ((size - patch) // stride + 1) ** 2
        self.first = nn.Linear(channels * patch**2, filters)
        self.where = nn.Linear(places * filters, hidden)
        self.second = nn.Linear(2 * filters + hidden, hidden)
        self.norms = nn.ModuleList(map(nn.LayerNorm, (filters, filters, hidden, hidden)))
        self.last = nn.Linear(hidden, outputs) if outputs else nn.Identity()
        self.features = outputs or hidden

    def forward(self, x: Tensor) -> Tensor:
        """Features, or latents if `outputs` is set: ``(n, features)`` either way."""
        deviation, mean = torch.std_mean(x, dim=(1, 2, 3), keepdim=True)
        x = (x - mean) / (deviation + 1e-3)
        cut = x.unfold(2, self.patch, self.stride).unfold(3, self.patch, self.stride)
        maps = functional.relu(self.first(cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)))
        mean, most, where, second = self.norms
        place = functional.relu(where(self.where(maps.flatten(1))))
        features = torch.cat([mean(maps.mean(dim=1)), most(maps.amax(dim=1)), place], dim=1)
        return self.last(functional.relu(second(self.second(features))))


class ImageDecoder(nn.Module):
    """Latents ``(n, latents)`` → images ``(n, channels, size, size)``: `ImageEncoder`'s mirror.

    Parameters
    ----------
    latents
        Latent dimensions.
    channels, size
        Shape of the images.
    widths
        Channels of each layer, multiples of 8 (but the first may be any); every layer doubles
        height and width.
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
        self.size, self.width = size, widths[0]
        self.start = -(-size // 2 ** len(widths))
        self.first = nn.Linear(latents, self.width * self.start**2)
        layers: list[nn.Module] = []
        for before, width in pairwise(widths):
            convolution = nn.ConvTranspose2d(before, width, 4, stride=2, padding=1, bias=False)
            layers += [convolution, nn.GroupNorm(8, width), nn.GELU()]
        self.stack = nn.Sequential(
            *layers, nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1)
        )

    def forward(self, z: Tensor) -> Tensor:
        """Reconstructed images, unbounded."""
        shape = (self.width, self.start, self.start)
        maps = self.stack(functional.gelu(self.first(z)).unflatten(1, shape))
        return maps[..., : self.size, : self.size]
