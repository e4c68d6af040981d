"""What a model does with signals: embed, predict, reconstruct, prepare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import BlockHeads, LatentSchema, LinearHead, Mapped, Target
from triptych.model.export import evaluating
from triptych.model.outputs import Latents, Prediction
from triptych.networks.abilities import shortest, takes_gaps
from triptych.signals.preprocessing import Preprocessing, Signals

BATCH = 256
"""Windows per forward pass. Their activations stay in the cache: of 1,024 windows of 400 samples
the same take 1.6 times as long, and where fewer windows would do, 256 cost nothing."""


class Inference(nn.Module):
    """All of a `Model` but its files."""

    def __init__(
        self,
        preprocessing: Preprocessing,
        encoder: nn.Module,
        schema: LatentSchema,
        *,
        front_end: nn.Module | None = None,
        heads: Mapping[str, LinearHead] | None = None,
        decoder: nn.Module | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not all(preprocessing.shape):
            raise InputError(
                f"preprocessing got channels={list(preprocessing.channels)}, length="
                f"{preprocessing.length}; a model needs the names of its channels and a length"
            )
        for name, head in (heads or {}).items():
            if not name.isidentifier():
                raise InputError(
                    f"head name {name!r} is not an identifier; use letters, digits and _"
                )
            if head.schema != schema:
                raise InputError(f"head {name!r} was made for another schema than the model's")
        for part in () if isinstance(encoder, Mapped) else encoder.modules():
            if isinstance(part, BlockHeads) and part.schema != schema:
                raise InputError("the encoder's block heads have another schema than the model's")
        self.preprocessing, self.schema = preprocessing, schema
        self.front_end = nn.Sequential() if front_end is None else front_end
        self.encoder, self.decoder = encoder, decoder
        self.heads = nn.ModuleDict(cast(Mapping[str, nn.Module], heads or {}))
        self.info = dict(info or {})

    def forward(self, x: Float[Tensor, "n c t"]) -> Float[Tensor, "n size"]:
        """Latents of prepared windows, with gradients; raises InputError if the schema differs."""
        z = self.encoder(self.front_end(x))
        if not isinstance(z, Tensor):
            raise InputError(f"the encoder gave a {type(z).__name__}, expected latents (n, size)")
        self.schema.check(z, source="the encoder's latents")
        return z

    @property
    def takes_gaps(self) -> bool:
        """Whether it masks missing samples (NaN), by its front-end and its encoder."""
        return takes_gaps(self.front_end, self.encoder)

    @property
    def shortest(self) -> int | None:
        """Samples of the shortest window that it takes; None where the length is fixed."""
        return shortest(self.front_end, self.encoder)

    def with_length(self, seconds: float) -> Self:
        """Return the same model, with the same weights, for windows of another length.

        It has no decoder, which gives windows of the old one. Raises InputError if the length of
        its windows is fixed, as with a flattened map or a canonical phase, or they would be too
        short.
        """
        if not 0 < seconds < math.inf:
            raise InputError(f"windows of {seconds:g} s were asked for: expected a number above 0")
        length, least = round(seconds * self.preprocessing.rate), self.shortest
        if length == self.preprocessing.length:
            return self
        if least is None or length < least:
            own = self.preprocessing.length if least is None else f"{least} or more"
            raise InputError(
                f"this model takes windows of {own} samples at {self.preprocessing.rate:g} Hz, not "
                f"of {length}; for windows of any length train one with encoder.where: 0 and a "
                "front-end other than canonical_phase and power_spectrum"
            )
        return type(self)(
            replace(self.preprocessing, length=length),
            self.encoder,
            self.schema,
            front_end=self.front_end,
            heads={name: cast(LinearHead, head) for name, head in self.heads.items()},
            info=self.info,
        )

    def embed(
        self,
        signals: Signals,
        rate: float | None = None,
        batch: int = BATCH,
        out: NDArray[np.float32] | None = None,
    ) -> Latents:
        """Latents of windows ``(n, channels, length)``, on the CPU and without gradients.

        Parameters
        ----------
        signals
            Windows, channels in the order of `preprocessing`, already filtered (`prepare` does);
            of any length from `shortest` on, where that is known. NaN marks missing samples, for
            models that `takes_gaps`. Of a mapped file, or what else has a length and slices, some
            thousand are read at a time.
        rate
            Hz, if it may differ from the model's; then the windows are resampled first.
        batch
            Windows per forward pass.
        out
            ``(n, schema.size)``, where the latents are written, such as a mapped .npy file.

        Raises
        ------
        InputError
            For another shape, infinities, NaN that this model does not take, windows without any
            sample, and an `out` of another shape than the latents'.
        """
        if out is not None and out.shape != (len(signals), self.schema.size):
            raise InputError(
                f"out has shape {out.shape}, expected ({len(signals)}, {self.schema.size}): a row "
                "for each window"
            )
        parts, done = list[Tensor](), 0
        for x in self.preprocessing.pieces(signals, rate, self.takes_gaps, self.shortest):
            part = self._run(self.forward, x, batch)
            if out is None:
                parts.append(part)
            else:
                out[done : done + len(part)] = part.numpy()
            done += len(part)
        return Latents(self.schema, torch.cat(parts) if out is None else torch.as_tensor(out))

    def predict(
        self, signals: Signals, rate: float | None = None, batch: int = BATCH
    ) -> dict[str, Prediction]:
        """Head name → `Prediction` for windows as `embed` takes them."""
        if not self.heads:
            raise InputError("this model has no heads; train one with a task, or use embed")
        z = self.embed(signals, rate, batch).all
        heads = {name: cast(LinearHead, head) for name, head in self.heads.items()}
        return {
            name: Prediction(head.target, head.target.decode(self._run(head, z, batch)))
            for name, head in heads.items()
        }

    def reset_heads(self, classes: Sequence[str] | Target) -> Self:
        """The same model with new, untrained heads for labels of one's own; its parts are shared.

        *invariant* reads the blocks invariant to every transform (without any, all), *full* all.
        `triptych.training.fit_heads` trains them in seconds.

        Parameters
        ----------
        classes
            Names of two or more classes, or another `Target`.

        Raises
        ------
        InputError
            For fewer than two different classes.
        """
        inside = self.schema.invariant_to_all or self.schema.names
        read = {"invariant": inside, "full": self.schema.names}
        made = type(self)(
            self.preprocessing, self.encoder, self.schema, front_end=self.front_end,
            heads={name: LinearHead(self.schema, each, classes) for name, each in read.items()},
            decoder=self.decoder, info=self.info,
        )  # fmt: skip
        if (like := self._like) is not None:
            made.heads.to(like)
        return made

    def reconstruct(
        self, signals: Signals, rate: float | None = None, batch: int = BATCH
    ) -> Float[Tensor, "n c t"]:
        """Decode the latents of windows as `embed` takes them.

        In what the decoder was trained to give: as a rule standardised windows, so shape
        without size, or what another front-end (a spectrum, a canonical phase) makes of them.
        """
        if self.decoder is None:
            raise InputError("this model has no decoder, so it cannot reconstruct; use embed")
        x = self.preprocessing.windows(signals, rate, self.takes_gaps)  # of the decoder's length
        return self.decode(self._run(self.forward, x, batch), batch)

    def decode(self, z: Float[Tensor, "n size"], batch: int = BATCH) -> Float[Tensor, "n c t"]:
        """Windows from latents, as `reconstruct` gives them, for latents of one's own making."""
        if self.decoder is None:
            raise InputError("this model has no decoder, so it cannot decode")
        self.schema.check(z)
        return self._run(self.decoder, z, batch)

    def prepare(
        self, signal: NDArray[np.floating[Any]], rate: float, step_s: float | None = None
    ) -> Float[Tensor, "n c t"]:
        """Cut one recording into windows for `embed`; see `Preprocessing.prepare`."""
        return self.preprocessing.prepare(signal, rate, step_s)

    @property
    def _like(self) -> Tensor | None:
        """One of the weights: a model may have been moved, or converted to another precision."""
        return next((each for each in self.parameters() if each.is_floating_point()), None)

    def _run(self, module: Any, x: Tensor, batch: int) -> Tensor:
        if batch < 1:
            raise InputError(f"batch is {batch}, expected at least 1 window a forward pass")
        like = x if self._like is None else self._like
        with evaluating(self), torch.no_grad():
            parts = [
                module(x[start : start + batch].to(like)).float().cpu()
                for start in range(0, len(x), batch)
            ]
        return torch.cat(parts)
