"""Bernoulli gates: which dimensions of a block a sample opens; and non-negative latents.

Cui et al., "Bayesian Gated Non-Negative Contrastive Learning" (ICML 2026, arXiv 2605.28441).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.errors import InputError
from triptych.precision import precise

Mode = Literal["ste", "gumbel", "soft"]
NonNegativity = Literal["relu", "rep_relu"]
SMALLEST = 0.01  # probabilities are kept this far from 0 and 1 in the KL


@dataclass(frozen=True)
class BernoulliGate:
    """Settings of a gate; defaults from the paper's command line.

    Parameters
    ----------
    prior
        ρ, the prior probability that a gate is open, in (0, 1).
    temperature
        T of the probability α = σ(logit/T), above 0.
    mode
        ``"ste"``: open where α > threshold, with α's gradient (straight-through). ``"gumbel"``:
        in training open where σ((logit + logistic noise)/T) > threshold, with that value's
        gradient; at threshold 0.5 this is a draw with probability σ(logit). ``"soft"``: the gate
        is α itself. In eval mode there is no noise.
    hidden, depth
        Width of the hidden layers; number of linear layers, 1 to 3.
    threshold
        In (0, 1). Where it would close every dimension of a sample, the most probable stays open.
    detach
        Whether the gate reads the features without training what makes them.
    start
        Probability α, before training, of a gate whose network says 0; in (0, 1). Ours: at 0.5, as
        the paper has it, half of the gates begin closed, and what is closed is not trained; near 1
        training begins as NCL's, and the KL closes what the contrast misses least.

    Raises
    ------
    InputError
        For any other value.
    """

    prior: float = 0.8
    temperature: float = 1.0
    mode: Mode = "ste"
    hidden: int = 128
    depth: int = 2
    threshold: float = 0.5
    detach: bool = True
    start: float = 0.5

    def __post_init__(self) -> None:
        inside = {"prior": 1.0, "threshold": 1.0, "start": 1.0, "temperature": math.inf}
        for name, high in inside.items():
            value: Any = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"a gate's {name} is {value!r}, expected a number")
            if not 0 < value < high:
                expected = "above 0 and below 1" if high == 1 else "above 0"
                raise InputError(f"a gate's {name} is {value}; it must be {expected}")
        for name, allowed in {
            "mode": ("ste", "gumbel", "soft"),
            "depth": (1, 2, 3),
            "detach": (True, False),
        }.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"a gate's {name} is {getattr(self, name)!r}, expected one of "
                    f"{', '.join(map(str, allowed))}"
                )
        width: Any = self.hidden
        if not isinstance(width, int) or width < 1:
            raise InputError(f"a gate's hidden is {width!r}, expected a width of at least 1")

    @classmethod
    def of(cls, value: BernoulliGate | Mapping[str, Any]) -> BernoulliGate:
        """Make one from plain data such as ``{"prior": 0.8}``; one that is made is given back."""
        if isinstance(value, BernoulliGate):
            return value
        try:
            return cls(**value)
        except TypeError as error:
            known = ", ".join(each.name for each in fields(cls))
            raise InputError(
                f"a gate is {value!r}, expected settings such as {{prior: 0.8}}; there are {known}"
            ) from error

    def kl(self, probability: Tensor) -> Tensor:
        """`bernoulli_kl` of ``probability (n, d)`` to the prior."""
        return bernoulli_kl(probability, self.prior)


class GateNetwork(nn.Module):
    """A multilayer perceptron that opens and closes dimensions sample by sample.

    Parameters
    ----------
    settings
        See `BernoulliGate`.
    size
        Dimensions d that it gates.
    features
        Width of what it reads; None: taken from the first batch.
    """

    def __init__(self, settings: BernoulliGate, size: int, features: int | None = None) -> None:
        super().__init__()
        self.settings = settings
        layers: list[nn.Module] = []
        before, widths = features, [settings.hidden] * (settings.depth - 1) + [size]
        for width in widths:
            layers += [nn.LazyLinear(width) if before is None else nn.Linear(before, width)]
            layers += [nn.ReLU()]
            before = width
        self.network = nn.Sequential(*layers[:-1])
        self.offset = settings.temperature * math.log(settings.start / (1 - settings.start))
        self.size = size

    def draw(self, features: Tensor) -> Tensor | None:
        """Logistic noise ``(n, d)`` for a training step of mode ``gumbel``, otherwise None.

        Logistic is the difference of two Gumbel variables. (The authors' code adds one Gumbel
        variable; its mean of 0.58 opens gates beyond their probability.)
        """
        if self.settings.mode != "gumbel" or not self.training:
            return None
        fine = torch.promote_types(features.dtype, torch.float32)  # bfloat16 is too coarse
        uniform = torch.rand(len(features), self.size, dtype=fine, device=features.device)
        return uniform.logit(eps=1e-6)

    def forward(self, features: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Gates and probabilities α, each ``(n, d)``, of ``features (n, f)``; noise from `draw`."""
        settings = self.settings
        logit = self.network(features.detach() if settings.detach else features) + self.offset
        probability = (logit / settings.temperature).sigmoid()
        value = probability
        if noise is not None:
            value = ((logit + noise) / settings.temperature).sigmoid()
        if settings.mode == "soft":
            return value, probability
        most = value.argmax(dim=1, keepdim=True)
        opened = (value > settings.threshold).to(value.dtype).scatter(1, most, 1.0)
        return straight_through(opened, value), probability


@precise
def bernoulli_kl(probability: Tensor, prior: float) -> Tensor:
    """KL(Bern(α)‖Bern(ρ)), summed over dimensions, mean over the samples; scalar, at least 0.

    α log(α/ρ) + (1 − α) log((1 − α)/(1 − ρ)) for ``probability (n, d)``, α and ρ clamped to
    [0.01, 0.99].
    """
    a = probability.clamp(SMALLEST, 1 - SMALLEST)
    p = min(max(prior, SMALLEST), 1 - SMALLEST)
    return (a * (a / p).log() + (1 - a) * ((1 - a) / (1 - p)).log()).sum(dim=1).mean()


def straight_through(forward: Tensor, backward: Tensor) -> Tensor:
    """Give the value of `forward` with the gradient of `backward`; zeros stay exact zeros."""
    return (forward - backward).detach() + backward


def non_negative(z: Tensor, kind: NonNegativity = "rep_relu") -> Tensor:
    """ReLU of `z`; ``rep_relu`` has GELU's gradient, so that a dead dimension can come back.

    Wang et al., "Non-negative contrastive learning" (ICLR 2024, arXiv 2403.12459).
    """
    positive = functional.relu(z)
    return positive if kind == "relu" else straight_through(positive, functional.gelu(z))


def largest(z: Tensor, k: int) -> Tensor:
    """Rows of ``z (n, d)`` with all but their k largest entries set to 0."""
    values, places = z.topk(k, dim=1)
    return torch.zeros_like(z).scatter(1, places, values)
