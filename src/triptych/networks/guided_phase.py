"""Canonical phase at an angle that a small network chooses: the published method in full."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from triptych.networks.invariant import CanonicalPhase
from triptych.networks.require import ABOVE_ZERO, WHOLE, require


class GuidedPhase(CanonicalPhase):
    """`CanonicalPhase`, then a further turn that a network reads from the amplitudes.

    Demirel and Holz, "Shifting the Paradigm" (ICLR 2025). Amplitudes of the leading signal are the
    same for every circular shift, so the angle is, and what comes out is as exactly invariant as
    without it. The task's loss trains the network; `penalty` keeps a batch's angles together.

    Parameters
    ----------
    harmonics, lead
        As in `CanonicalPhase`.
    bins
        Amplitudes that are read, from the first harmonic on.
    hidden
        Width of the network.
    spread
        Weight of the standard deviation of a batch's angles (radians) in the loss, above 0.
    """

    def __init__(
        self,
        *,
        harmonics: int = 8,
        lead: int | None = 0,
        bins: int = 32,
        hidden: int = 32,
        spread: float = 1.0,
    ) -> None:
        super().__init__(harmonics=harmonics, lead=lead)
        require("guided_phase", WHOLE, bins=bins, hidden=hidden)
        require("guided_phase", ABOVE_ZERO, spread=spread)
        self.settings |= {"bins": bins, "hidden": hidden, "spread": spread}
        self.bins, self.spread = bins, spread
        last = nn.Linear(hidden, 1)
        nn.init.zeros_(last.weight)  # it begins as `CanonicalPhase`
        nn.init.zeros_(last.bias)
        self.guidance = nn.Sequential(nn.Linear(bins, hidden), nn.GELU(), last)

    def penalty(self, x: Float[Tensor, "n c t"]) -> Tensor:
        """Weighted standard deviation of the angles of a batch, in radians."""
        leader = x.sum(dim=1) if self.lead is None else x[:, self.lead]
        spectrum = cast(Tensor, torch.fft.rfft(leader))  # pyright: ignore[reportUnknownMemberType]
        angle = self.angle(spectrum.abs(), x.shape[-1])
        return self.spread * (angle.var(correction=0) + 1e-12).sqrt()

    def angle(self, amplitude: Float[Tensor, "n k"], time: int) -> Float[Tensor, " n"]:
        """Angle within ±π that goes with the amplitudes of a window's bins, from the mean's on."""
        first = amplitude[:, 1 : self.bins + 1] * (2 / time)
        padded = nn.functional.pad(first, (0, self.bins - first.shape[1]))
        own = next(self.guidance.parameters()).dtype  # phases are in float64
        read = self.guidance(torch.log1p(padded).to(own))
        return torch.pi * torch.tanh(read[:, 0]).to(amplitude.dtype)

    def _shift(
        self, real: Float[Tensor, "n k"], imaginary: Float[Tensor, "n k"], time: int
    ) -> Float[Tensor, " n"]:
        amplitude = (real.square() + imaginary.square() + 1e-24).sqrt()
        turn = self.angle(amplitude, time) / (2 * torch.pi)
        return super()._shift(real, imaginary, time) + time * turn
