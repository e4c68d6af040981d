"""Frame projections: a window against its own Fourier and wavelet transform, not augmented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from triptych.errors import InputError
from triptych.missing import bridge, masking
from triptych.networks import ConvEncoder, Standardize
from triptych.objectives import terms
from triptych.objectives.base import (
    LossTerms,
    Objective,
    require_rows,
    require_sizes,
    require_temperature,
)
from triptych.objectives.gather import gather
from triptych.objectives.views import Views, single_view
from triptych.precision import precise
from triptych.transforms import Transform

_fft: Any = torch.fft
STRIDE = 4  # of the scalogram's time steps


class FrameProjections(Objective):
    """Instance discrimination between a window and its transforms (arXiv 2510.22655).

    Demirel and Holz 2025, "Learning without augmenting". An encoder each reads the Fourier and the
    wavelet transform of the standardised signal (`fourier_frame`, `wavelet_frame`); what they give
    and the projected latents are drawn together by a symmetric InfoNCE whose negatives are other
    windows' transforms. Light mappers learn the other two from the projected latents (L1). Only
    the encoder of the signal is kept. Transforms are not drawn.

    Parameters
    ----------
    size
        Latent dimensions.
    transforms
        Of the study, with their identity; a crop first.
    temperature
        τ, above 0.
    projection
        Dimensions in which the three are compared, at least 1.
    scales
        Frequencies of the wavelet transform, at least 2.
    mapping
        Weight of the mappers' term, at least 0.

    Raises
    ------
    InputError
        For values outside these; from `forward`, before `attach`.
    """

    def __init__(
        self,
        size: int,
        transforms: Sequence[Transform],
        *,
        temperature: float = 0.1,
        projection: int = 128,
        scales: int = 16,
        mapping: float = 1.0,
    ) -> None:
        super().__init__(transforms)
        require_temperature(temperature)
        require_sizes("frame-projections", {"mapping": mapping})
        if not (projection >= 1 and scales >= 2):
            raise InputError(
                f"frame-projections got projection={projection} and scales={scales}; expected at "
                "least 1 and at least 2"
            )
        self.temperature, self.projection = temperature, projection
        self.scales, self.mapping = scales, mapping
        self.projector = nn.Linear(size, projection)
        self.encoders = nn.ModuleDict()
        self.mappers = nn.ModuleDict(
            {name: nn.Linear(projection, projection) for name in ("fourier", "wavelet")}
        )

    def attach(self, network: nn.Module, shape: tuple[int, int] | None = None) -> None:
        """Make the other two encoders for signals of this shape."""
        if shape is None:
            raise InputError(
                "frame-projections needs the signals' shape: objective.attach(encoder, (channels, "
                "length))"
            )
        for name, frame in self._frames(torch.zeros(1, *shape)).items():
            self.encoders[name] = ConvEncoder(*frame.shape[1:], outputs=self.projection)

    def views(
        self, x: Tensor, generator: Generator | None = None, labels: Tensor | None = None
    ) -> Views:
        """One view a sample: the signal as it is."""
        return replace(single_view(x, self.transforms, identity=True), labels=labels)

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """Contrast with either transform, and the mappers' terms, of latents ``(n, size)``."""
        require_rows(z, views)
        if not self.encoders:
            raise InputError(
                "frame-projections needs encoders: call objective.attach(encoder, (channels, "
                "length)) once before"
            )
        own, total = self.projector(z), z.new_zeros(())
        found: dict[str, Tensor] = {}
        for name, frame in self._frames(views.signals).items():
            other = self.encoders[name](frame)
            both = gather(own), gather(other)
            found[f"contrast/{name}"] = terms.symmetric_info_nce(*both, self.temperature)
            mapped = self.mappers[name](own) - other.detach()
            found[f"mapping/{name}"] = mapped.abs().mean()
            total = total + found[f"contrast/{name}"] + self.mapping * found[f"mapping/{name}"]
        return LossTerms(total, found)

    def _frames(self, signals: Tensor) -> dict[str, Tensor]:
        x = cast(Tensor, Standardize()(signals))
        x = bridge(x) if masking(x) else x  # of one missing sample both transforms would be missing
        fourier, wavelet = fourier_frame(x), wavelet_frame(x, self.scales)
        return {"fourier": fourier.to(x.dtype), "wavelet": wavelet.to(x.dtype)}


@precise
def fourier_frame(x: Tensor) -> Tensor:
    """Real and imaginary part of the orthonormal rFFT of ``x (n, c, t)``: ``(n, 2c, t // 2 + 1)``.

    Its squares sum to the signal's, those of all but the first (and of an even t the last) bin
    counted twice.
    """
    spectrum: Tensor = _fft.rfft(x, norm="ortho")
    return torch.cat([spectrum.real, spectrum.imag], dim=1)


@precise
def wavelet_frame(x: Tensor, scales: int, stride: int = STRIDE) -> Tensor:
    """Scalogram ``(n, c · scales, ⌈t / stride⌉)`` of ``x (n, c, t)``: log(1 + size) of wavelets.

    Analytic Morlet wavelets of about 6 cycles, Gaussian in frequency, at `scales` centre
    frequencies in geometric steps from 2 cycles per window to 0.4 of the rate; the window is
    closed to a ring.
    """
    time = x.shape[-1]
    steps = torch.linspace(0, 1, scales, device=x.device, dtype=x.dtype)
    low = min(2 / time, 0.2)
    centre = (low * (0.4 / low) ** steps)[:, None]
    frequency: Tensor = _fft.fftfreq(time, device=x.device, dtype=x.dtype)
    window = 2 * torch.exp(-0.5 * ((frequency - centre) * 6 / centre).square()) * (frequency > 0)
    response: Tensor = _fft.ifft(_fft.fft(x)[:, :, None] * window)
    return response.abs()[..., ::stride].log1p().flatten(1, 2)
