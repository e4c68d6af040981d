"""Signals at other places in time: cut, rolled around a ring, or between the samples."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor

from triptych.precision import working_dtype
from triptych.transforms.base import exact_dtype

_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def crop(x: Tensor, start: Tensor, time: int) -> Tensor:
    """Cut `time` samples of `x` `(n, c, total)` from `start` `(n, 1)` on."""
    n, channels, total = x.shape
    if x.device.type != "cpu" or (x.requires_grad and torch.is_grad_enabled()):
        index = start[:, :, None] + torch.arange(time, device=x.device)
        return x.gather(2, index.expand(n, channels, time))
    # Row i of `rows` is the flat signal from sample i on, so that whole rows are copied and no
    # index a sample is built. By NumPy, as integers (it has no bfloat16): for copies this small,
    # torch takes longer to start its threads than NumPy to finish.
    x = x.detach().contiguous()
    flat = x.view(_INTEGERS[x.element_size()]).numpy().reshape(-1)
    rows = np.ndarray((flat.size - time + 1, time), flat.dtype, flat, 0, flat.strides * 2)
    first = np.arange(0, flat.size, total).reshape(n, channels) + start.numpy()
    return torch.from_numpy(rows[first]).view(x.dtype)  # pyright: ignore[reportUnknownMemberType]


def roll(x: Tensor, samples: Tensor) -> Tensor:
    """Shift `x` `(n, c, time)` around its ring by `samples` `(n,)`, whole or not, by rFFT."""
    time = x.shape[2]
    dtype = working_dtype(x)
    spectrum = cast(Tensor, torch.fft.rfft(x.to(dtype)))  # pyright: ignore[reportUnknownMemberType]
    exact = exact_dtype(x.device)
    frequency = torch.arange(spectrum.shape[2], device=x.device, dtype=exact) / time
    # whole cycles are taken off before the precision is, or the phase of high bins would suffer
    cycles = samples.to(x.device, exact)[:, None] * frequency
    phase = (cycles - cycles.round()).mul(2 * math.pi).to(dtype)
    real, imaginary = phase.cos(), phase.sin()
    if time % 2 == 0:
        # a real signal keeps only the real part here; not every FFT library drops the rest itself
        imaginary[:, -1] = 0
    shifted = spectrum * torch.complex(real, imaginary)[:, None]
    result = cast(Tensor, torch.fft.irfft(shifted, n=time))  # pyright: ignore[reportUnknownMemberType]
    return result.to(x.dtype)


def interpolate(x: Tensor, position: Tensor) -> Tensor:
    """Values of `x` `(n, c, total)` at `position` `(n, time)` in samples, mirrored at the edges."""
    n, channels, total = x.shape
    floor = position.floor()
    u = (position - floor).to(working_dtype(x))
    weights = (
        ((2 - u) * u - 1) * u / 2,
        ((3 * u - 5) * u * u + 2) / 2,
        ((4 - 3 * u) * u + 1) * u / 2,
        (u - 1) * u * u / 2,
    )
    result = x.new_zeros(n, channels, position.shape[1], dtype=u.dtype)
    turn = max(2 * (total - 1), 1)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        index = (floor.long() + offset).remainder(turn)
        index = torch.minimum(index, turn - index).clamp(max=total - 1)
        values = x.gather(2, index[:, None].expand(n, channels, -1))
        result = result + weight[:, None] * values
    return result.to(x.dtype)
