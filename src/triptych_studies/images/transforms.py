"""Transforms of images ``(n, channels, height, width)``: where they are cut, and their tone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from triptych import InputError
from triptych.precision import working_dtype
from triptych.transforms import Transform
from triptych.transforms.checks import device_of, norm


class _ImageTransform(Transform):
    """θ is a vector whose null vector is the identity; differences and lengths are Euclidean."""

    width: int  # of θ

    def _uniform(self, n: int, limits: list[float], generator: torch.Generator | None) -> Tensor:
        most = torch.tensor(limits, device=device_of(generator))
        return most * (2 * torch.rand(n, len(most), generator=generator, device=most.device) - 1)

    def _fit(self, x: Tensor, params: Tensor) -> Tensor:
        if x.ndim != 4 or not x.is_floating_point():
            raise InputError(
                f"{self.name} got {x.dtype} images of shape {tuple(x.shape)}, expected a float "
                "tensor (batch, channel, height, width)."
            )
        if params.ndim != 2 or params.shape[1] != self.width or len(params) not in (1, len(x)):
            raise InputError(
                f"{self.name} got parameters of shape {tuple(params.shape)}, expected "
                f"({len(x)}, {self.width}), or (1, {self.width}) shared by all."
            )
        return params.expand(len(x), self.width).to(x.device, working_dtype(x))

    def identity(self, n: int) -> Tensor:
        """Return zeros, `(n, p)`."""
        return torch.zeros(n, self.width)

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return b − a, `(n, p)`."""
        return b - a

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the length of b − a, `(n,)`."""
        return norm(b - a)


@dataclass(frozen=True)
class ImageCrop(_ImageTransform):
    """Look at a shifted and zoomed part; θ = (log2 zoom, right, down).

    Shifts are shares of the image's width and height. Bilinear; beyond its edges an image is its
    own reflection.

    Parameters
    ----------
    max_zoom
        `sample` zooms by 2^±max_zoom.
    max_shift
        `sample` shifts by ±max_shift along both axes, 0 to 1.
    """

    max_zoom: float = 0.2
    max_shift: float = 0.1

    name = "image_crop"
    acts_on = "place"
    unit = "image widths"
    width = 3

    def __post_init__(self) -> None:
        if not (0 <= self.max_zoom <= 3 and 0 <= self.max_shift <= 1):
            raise InputError(
                f"image_crop got max_zoom={self.max_zoom}, max_shift={self.max_shift}; expected "
                "0 to 3 and 0 to 1"
            )

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform within the limits, `(n, 3)`."""
        return self._uniform(n, [self.max_zoom, self.max_shift, self.max_shift], generator)

    def relative(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the crop that leads from view a to view b, `(n, 3)`: shifts in widths of view a.

        Zooms add up; a view that is zoomed in by z sees a shift 2^z times as large.
        """
        zoomed = 2 ** a[:, :1]
        return torch.cat([b[:, :1] - a[:, :1], zoomed * (b[:, 1:] - a[:, 1:])], dim=1)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Cut each image of `x` `(n, c, h, w)` as its θ of `params` `(n, 3)` says."""
        theta = self._fit(x, params)
        affine = theta.new_zeros(len(x), 2, 3)
        affine[:, 0, 0] = affine[:, 1, 1] = 2 ** -theta[:, 0]
        affine[:, :, 2] = 2 * theta[:, 1:]  # the grid runs from −1 to 1
        grid = functional.affine_grid(affine, list(x.shape), align_corners=False)
        seen = functional.grid_sample(
            x.to(theta.dtype), grid, padding_mode="reflection", align_corners=False
        )
        return seen.to(x.dtype)


@dataclass(frozen=True)
class ImageTone(_ImageTransform):
    """Contrast and colour: m + (x − m)·2^θ₀ + θ₁₋₃ (red, green, blue; grey takes the first).

    m is the image's mean, all channels alike.

    Parameters
    ----------
    max_contrast
        `sample` multiplies the contrast by 2^±max_contrast.
    max_offset
        `sample` adds up to ±max_offset to each channel, of a range of 1.
    """

    max_contrast: float = 0.5
    max_offset: float = 0.2

    name = "image_tone"
    acts_on = "values"
    uncarried = "it tones about the mean of the image it gets, so one view's tone is not another's"
    unit = "1"
    width = 4

    def __post_init__(self) -> None:
        if not (0 <= self.max_contrast <= 10 and self.max_offset >= 0):
            raise InputError(
                f"image_tone got max_contrast={self.max_contrast}, max_offset={self.max_offset}; "
                "expected 0 to 10 and at least 0"
            )

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform within the limits, `(n, 4)`."""
        return self._uniform(n, [self.max_contrast, *[self.max_offset] * 3], generator)

    def apply(self, x: Tensor, params: Tensor) -> Tensor:
        """Tone each image of `x` `(n, c, h, w)`, c at most 3, as its θ `(n, 4)` says."""
        theta = self._fit(x, params)[:, :, None, None]
        if x.shape[1] > 3:
            raise InputError(f"image_tone got images of {x.shape[1]} channels, expected 1 to 3.")
        whole = x.to(theta.dtype)
        mean = whole.mean(dim=(1, 2, 3), keepdim=True)
        toned = mean + (whole - mean) * 2 ** theta[:, :1] + theta[:, 1 : 1 + x.shape[1]]
        return toned.to(x.dtype)
