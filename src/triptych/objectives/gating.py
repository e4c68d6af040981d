"""Non-negative contrast (NCL), and with Bernoulli gates (BayesNCL)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor

from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.latent.gates import (
    BernoulliGate,
    GateNetwork,
    NonNegativity,
    largest,
    non_negative,
)
from triptych.objectives import terms
from triptych.objectives.base import LossTerms
from triptych.objectives.simclr import SimCLR, gather_halves
from triptych.objectives.views import Views
from triptych.transforms import Transform

GATE_WEIGHT = 3e-5


class NonNegative(SimCLR):
    """InfoNCE of non-negative projections: NCL; with a gate BayesNCL.

    Wang et al. 2024 (arXiv 2403.12459); Cui et al. 2026 (arXiv 2605.28441). Views and projector
    as in `SimCLR`; the gate reads the latents, as the paper's reads the encoder's output. Projector
    and gate are dropped after training. To keep gates in the model, give a block of the schema one
    (``Block(..., gate=BernoulliGate())``): it is then non-negative already, and BayesNCL is
    `SimCLR` with ``projection=0`` on it (a second ReLU here would damp the gradient twice).

    Parameters
    ----------
    size, transforms, temperature, projection
        As in `SimCLR`.
    non_negative
        ``relu``, or ``rep_relu`` (ReLU forward, GELU backward).
    top_k
        Entries of a sample that are kept, the largest; None: all.
    gate
        A `BernoulliGate` or its settings as plain data; None: NCL.
    gate_weight
        λ of the gates' KL to their prior, at least 0.

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
        gate: BernoulliGate | Mapping[str, Any] | None = None,
        gate_weight: float = GATE_WEIGHT,
    ) -> None:
        super().__init__(size, transforms, temperature=temperature, projection=projection)
        outputs = projection or size
        if non_negative not in ("relu", "rep_relu"):
            raise InputError(f"non_negative is {non_negative!r}, expected 'relu' or 'rep_relu'")
        if top_k is not None and not 1 <= top_k <= outputs:
            raise InputError(
                f"top_k is {top_k}; it must be 1 to {outputs}, the dimensions compared"
            )
        if not gate_weight >= 0:
            raise InputError(f"gate_weight is {gate_weight}; it must be at least 0")
        self.kind: NonNegativity = non_negative
        self.top_k, self.gate_weight = top_k, gate_weight
        self.gate = (
            None if gate is None else GateNetwork(BernoulliGate.of(gate), outputs, features=size)
        )

    def represent(self, z: Tensor) -> Tensor:
        """What the loss compares, before normalising: non-negative ``(n, d)`` of latents `z`."""
        return self._represent(z)[0]

    def forward(self, z: Tensor, views: Views) -> LossTerms:
        """InfoNCE of latents ``(2n, size)``, and with a gate its KL (unweighted, over both views).

        The paper normalises before the gate, too; that factor cancels in the second normalisation.
        """
        compared, probability = self._represent(z)
        loss = terms.nt_xent(*gather_halves(compared), self.temperature)
        if self.gate is None or probability is None:
            return LossTerms(loss, {"contrast": loss})
        kl = self.gate.settings.kl(probability)
        return LossTerms(loss + self.gate_weight * kl, {"contrast": loss, "gate": kl})

    def _represent(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        found, probability = non_negative(self.projector(z), self.kind), None
        if self.top_k is not None:
            found = largest(found, self.top_k)
        if self.gate is not None:
            gates, probability = self.gate(z, self.gate.draw(z))
            found = found * gates
        return found, probability


class BayesNCL(NonNegative):
    """`NonNegative` with a gate where its settings name none."""

    @classmethod
    def of(cls, schema: LatentSchema, transforms: Sequence[Transform], **settings: Any) -> Self:
        """Make one for all dimensions of the latents."""
        return super().of(schema, transforms, **{"gate": BernoulliGate(), **settings})
