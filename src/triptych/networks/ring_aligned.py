"""Canonicalisation: a ring of electrodes turned until its loudest side comes first."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from triptych.errors import InputError
from triptych.missing import across
from triptych.networks.require import FLAG, require
from triptych.networks.rotation_invariant import SMALLEST, Scaled
from triptych.precision import exact

LEAST = 3  # channels: of two, a turn is a swap, and neither side has a direction


class RingAligned(Scaled):
    """Turn the channels of each window by whole positions so that its loudest side comes first.

    Channels are a ring in their order, as the electrodes of an armband are. The loudness of a
    channel is the root of its mean square over the window; where its sum over the ring, weighted
    with the cosine of the angle to a position, is largest, is the loudest side. All channels are
    turned together, so every `ChannelShift` of a window gives one and the same output; nothing but
    the position is lost.

    Parameters
    ----------
    scales
        As in `Scaled`; one number serves rings that are not made of triads.
    per_loudness
        Divide every channel by the root mean square of all channels over the window, so that a gain
        of all channels changes nothing either.

    Notes
    -----
    Windows whose loudest side lies exactly between two positions, or that are as loud on all
    sides, have no canonical turn: the first of the equal positions is taken, and a slight change of
    the window may choose another.
    """

    def __init__(self, *, scales: tuple[float, ...] = (1.0,), per_loudness: bool = False) -> None:
        super().__init__(scales=scales)
        require("ring_aligned", FLAG, per_loudness=per_loudness)
        self.per_loudness = per_loudness
        self.settings |= {"per_loudness": True} if per_loudness else {}

    def shape(self, channels: int, length: int) -> tuple[int, int]:
        """As they go in; raises InputError unless there are at least 3 channels."""
        if channels < LEAST:
            raise InputError(
                f"ring_aligned got {channels} channels, expected a ring of at least {LEAST}"
            )
        return super().shape(channels, length)

    @across
    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n c t"]:
        """Scaled signals with their channels turned, shape kept."""
        count = self.shape(*x.shape[1:])[0]
        first = self.loudest(x)[:, None]
        order = (first + torch.arange(count, device=x.device)).remainder(count)
        turned = super().forward(x).gather(1, order[:, :, None].expand_as(x))
        if not self.per_loudness:
            return turned
        loudness = exact(turned).square().mean(dim=(1, 2), keepdim=True).sqrt()
        return (turned / loudness.clamp_min(SMALLEST)).to(x.dtype)

    def loudest(self, x: Float[Tensor, "n c t"]) -> Tensor:
        """Position of the loudest side of each window, int64 `(n,)`."""
        count = x.shape[1]
        loud = exact(x).square().mean(dim=2).sqrt().double()
        places = torch.arange(count, device=x.device)
        angle = 2 * torch.pi / count * (places[:, None] - places)
        return (loud @ angle.double().cos()).argmax(dim=1)
