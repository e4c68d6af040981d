"""The usual hand-crafted features of activity recognition."""

from __future__ import annotations

import torch
from torch import Tensor

from triptych.errors import InputError
from triptych.networks.features import FixedFeatures
from triptych.networks.require import WHOLE, require
from triptych.networks.statistics import LEAST, NUMBERS, ROUNDING, statistics

CORRELATIONS = 3  # of the axes of a sensor


class HandCrafted(FixedFeatures):
    """Moments, order statistics and spectra of every axis and of every sensor's norm.

    Of each the twelve `statistics`, counted; of each sensor the three correlations of its axes.
    As in Anguita et al., ESANN 2013 (UCI-HAR), where they come in dozens of variants; put
    ``front_end: scaled`` before it, since levels matter.

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
        super().__init__(channels, length, (4 * NUMBERS + CORRELATIONS) * sensors)

    def describe(self, x: Tensor) -> Tensor:
        """All numbers, ``(n, 51)`` per sensor."""
        sensors = x.reshape(len(x), -1, 3, self.length)
        norm = sensors.square().sum(dim=2).sqrt()
        of_channels = statistics(torch.cat([x, norm], dim=1), counted=True).flatten(1)
        return torch.cat([of_channels, _correlated(sensors)], dim=1)


def _correlated(sensors: Tensor) -> Tensor:
    """Correlations of x with y, x with z and y with z of ``(n, sensors, 3, time)``, flattened."""
    centred = sensors - sensors.mean(dim=3, keepdim=True)
    unit = centred / centred.square().sum(dim=3, keepdim=True).sqrt().clamp_min(1e-12)
    products = unit @ unit.transpose(2, 3)
    return torch.stack([products[..., 0, 1], products[..., 0, 2], products[..., 1, 2]], 2).flatten(
        1
    )


class ChannelStatistics(FixedFeatures):
    """The twelve `statistics` of every channel that a front-end gives, as latents.

    Behind ``front_end: rotation_invariants`` they are the usual features of activity recognition
    that no rotation of the sensor changes.

    Parameters
    ----------
    channels, length
        As in `FixedFeatures`, at least 8 samples.

    Raises
    ------
    InputError
        For settings that do not fit; from `forward`, if a signal's shape is not ``(n, channels,
        length)``.
    """

    smallest = ROUNDING  # front-ends give channels of about unit size

    def __init__(self, channels: int, length: int) -> None:
        require("statistics", WHOLE, channels=channels)
        require("statistics", LEAST, length=length)
        super().__init__(channels, length, NUMBERS * channels)

    def describe(self, x: Tensor) -> Tensor:
        """All numbers, ``(n, 12)`` per channel."""
        return statistics(x).flatten(1)
