"""Latents that are computed from another encoder's, which is not trained any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import Tensor, nn

from triptych.latent.heads import BlockHeads
from triptych.latent.schema import LatentSchema


class Mapped(nn.Module):
    """An encoder, and a map from its latents to others: a dictionary that was learned post hoc.

    Parameters
    ----------
    encoder
        Signals to latents ``(n, d)``; if it has block heads, of a schema of its own.
    mapping
        These latents to those of the model's schema ``(n, schema.size)``.
    """

    def __init__(self, encoder: nn.Module, mapping: nn.Module) -> None:
        super().__init__()
        self.encoder, self.mapping = encoder, mapping

    def described(self, describe: Callable[[nn.Module], Any]) -> dict[str, Any]:
        """As plain data, by `describe` of either part; the encoder's block heads' schema beside."""
        own = self.encoder.schema.to_dict() if isinstance(self.encoder, BlockHeads) else None
        parts = {"of": describe(self.encoder), "mapping": describe(self.mapping)}
        return {**parts, "of_schema": own}

    @classmethod
    def rebuilt(
        cls,
        content: Mapping[str, Any],
        schema: LatentSchema,
        build: Callable[[Any, LatentSchema], nn.Module],
    ) -> Mapped:
        """Make one again of what `described` gave."""
        told = content["of_schema"]
        inner = LatentSchema.from_dict(told) if told else schema
        return cls(build(content["of"], inner), build(content["mapping"], schema))

    @property
    def takes_gaps(self) -> bool:
        """Whether the encoder knows missing samples (NaN)."""
        return getattr(self.encoder, "takes_gaps", False) is True

    @property
    def shortest(self) -> int | None:
        """Samples of the shortest window that the encoder takes; None where its length is fixed."""
        return cast("int | None", getattr(self.encoder, "shortest", None))

    def forward(self, x: Tensor) -> Tensor:
        """Latents ``(n, schema.size)`` of ``x``."""
        return self.mapping(self.encoder(x))
