"""Fourier bins of signals, also in graphs that are exported."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor


def fourier_bins(x: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of the Fourier bins `first` to `last` (exclusive)."""
    if torch.compiler.is_compiling():  # an export: ONNX's own DFT is off by 1e-3 on a CPU
        cosine, sine = _basis(x, first, last)
        return x @ cosine.T, -(x @ sine.T)
    if not x.numel():  # not every FFT library takes an empty batch
        empty = x.new_zeros(*x.shape[:-1], last - first)
        return empty, empty
    spectrum = cast(Tensor, torch.fft.rfft(x))[..., first:last]  # pyright: ignore[reportUnknownMemberType]
    return spectrum.real, spectrum.imag


def inverse_fourier(real: Tensor, imaginary: Tensor, time: int) -> Tensor:
    """Signal of `time` samples from its Fourier bins 0, 1, ... (those left out are 0)."""
    if torch.compiler.is_compiling():
        cosine, sine = _basis(real.new_zeros(time), 0, real.shape[-1])
        weight = torch.full_like(cosine[:, :1], 2 / time)
        weight[0] = 1 / time
        return real @ (weight * cosine) - imaginary @ (weight * sine)
    if not real.numel():
        return real.new_zeros(*real.shape[:-1], time)
    spectrum = torch.complex(real, imaginary)
    return cast(Tensor, torch.fft.irfft(spectrum, n=time))  # pyright: ignore[reportUnknownMemberType]


def _basis(x: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of bins `first` to `last` (exclusive), each ``(k, time)``."""
    time = x.shape[-1]
    steps = torch.arange(time, device=x.device)
    # Whole turns are taken off as integers, or the precision of high bins would suffer.
    turns = (torch.arange(first, last, device=x.device)[:, None] * steps).remainder(time)
    angle = turns.to(x.dtype) * (2 * math.pi / time)
    return angle.cos(), angle.sin()
