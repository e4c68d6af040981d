"""The usual hand-crafted features of activity recognition."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.networks.features import FixedFeatures
from triptych.networks.require import WHOLE, Rule, require

_fft: Any = torch.fft
LEAST = Rule("a whole number of at least 8", lambda n: WHOLE.fits(n) and n >= 8)
OF_CHANNEL, OF_SENSOR = 12, 3  # numbers of each axis and each norm; correlations of axes


class HandCrafted(FixedFeatures):
    """Moments, order statistics and spectra of every axis and of every sensor's norm.

    Of each: mean, deviation, least, largest and median value, interquartile range, mean absolute
    deviation, root mean square, crossings of the mean, the strongest frequency (cycles per
    sample) and its share of the power, and the spectrum's entropy; of each sensor the three
    correlations of its axes. As in Anguita et al., ESANN 2013 (UCI-HAR), where they come in
    dozens of variants; put ``front_end: scaled`` before it, since levels matter.

    Parameters
    ----------
    channels, length
        As in `FixedFeatures`; channels are x, y, z of one or more sensors, at least 8 samples.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, if a signal's shape is not ``(n, channels,
        length)``.
    """

    def __init__(self, channels: int, length: int) -> None:
        require("har", WHOLE, channels=channels)
        require("har", LEAST, length=length)
        if channels % 3:
            raise InputError(
                f"har got channels={channels!r}, expected x, y, z of one or more tri-axial sensors"
            )
        sensors = channels // 3
        super().__init__(channels, length, OF_CHANNEL * 4 * sensors + OF_SENSOR * sensors)

    def describe(self, x: Tensor) -> Tensor:
        """All numbers, ``(n, 51)`` per sensor."""
        sensors = x.reshape(len(x), -1, 3, self.length)
        norm = sensors.square().sum(dim=2).sqrt()
        return torch.cat([self._of_channels(torch.cat([x, norm], dim=1)), _correlated(sensors)], 1)

    def _of_channels(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=2, keepdim=True)
        centred = x - mean
        ordered = x.sort(dim=2).values
        quarter, half = self.length // 4, self.length // 2
        spectrum: Tensor = _fft.rfft(centred).abs().square()[..., 1:]
        power = spectrum.sum(dim=2, keepdim=True)
        share = spectrum / power.clamp_min(1e-12)
        strongest = share.max(dim=2)
        found = [
            mean[..., 0], centred.square().mean(dim=2).sqrt(), ordered[..., 0], ordered[..., -1],
            ordered[..., half], ordered[..., -1 - quarter] - ordered[..., quarter],
            centred.abs().mean(dim=2), x.square().mean(dim=2).sqrt(),
            (centred[..., 1:] * centred[..., :-1] < 0).to(x).mean(dim=2),
            (strongest.indices + 1).to(x) / self.length, strongest.values,
            -(share * (share + 1e-12).log()).sum(dim=2),
        ]  # fmt: skip
        return torch.stack(found, dim=2).flatten(1)


def _correlated(sensors: Tensor) -> Tensor:
    """Correlations of x with y, x with z and y with z of ``(n, sensors, 3, time)``, flattened."""
    centred = sensors - sensors.mean(dim=3, keepdim=True)
    unit = centred / centred.square().sum(dim=3, keepdim=True).sqrt().clamp_min(1e-12)
    products = unit @ unit.transpose(2, 3)
    return torch.stack([products[..., 0, 1], products[..., 0, 2], products[..., 1, 2]], 2).flatten(
        1
    )
