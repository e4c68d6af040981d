"""Non-negative contrast (NCL)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from triptych.errors import InputError
from triptych.latent.gates import NonNegativity, largest, non_negative
from triptych.objectives.simclr import SimCLR
from triptych.transforms import Transform


class NonNegative(SimCLR):
    """InfoNCE of non-negative projections: NCL (Wang et al. 2024, arXiv 2403.12459).

    Views and projector as in `SimCLR`. With gates (BayesNCL, Cui et al. 2026, arXiv 2605.28441) it
    is `SimCLR` with ``projection=0`` on a block that has one, ``Block(...,
    gate=BernoulliGate())``: that is non-negative already, and a second ReLU here would damp the
    gradient twice.

    Parameters
    ----------
    size, transforms, temperature, projection
        As in `SimCLR`.
    non_negative
        ``relu``, or ``rep_relu`` (ReLU forward, GELU backward).
    top_k
        Entries of a sample that are kept, the largest; None: all.

    Raises
    ------
    InputError
        For values outside these.
    """

    def __init__(
        self,
        size: int,
        transforms: Sequence[Transform],
        *,
        temperature: float = 0.2,
        projection: int = 64,
        non_negative: NonNegativity = "rep_relu",
        top_k: int | None = None,
    ) -> None:
        super().__init__(size, transforms, temperature=temperature, projection=projection)
        outputs = projection or size
        if non_negative not in ("relu", "rep_relu"):
            raise InputError(f"non_negative is {non_negative!r}, expected 'relu' or 'rep_relu'")
        if top_k is not None and not 1 <= top_k <= outputs:
            raise InputError(
                f"top_k is {top_k}; it must be 1 to {outputs}, the dimensions compared"
            )
        self.kind: NonNegativity = non_negative
        self.top_k = top_k

    def represent(self, z: Tensor) -> Tensor:
        """What the loss compares, before normalising: non-negative ``(n, d)`` of latents `z`."""
        found = non_negative(self.projector(z), self.kind)
        return found if self.top_k is None else largest(found, self.top_k)
