"""Heads for labels of one's own, on a model that stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from triptych.datasets import Windows
from triptych.latent import LinearHead, Target
from triptych.latent.targets import target_of
from triptych.model import Model
from triptych.objectives.gather import weighted_mean
from triptych.training.labels import targets_of
from triptych.training.seeds import same_random_state

STEPS = 200


def fit_heads(
    model: Model,
    windows: Windows,
    classes: Sequence[str] | Target,
    *,
    balanced: bool = False,
    penalty: float = 1e-3,
) -> Model:
    """Train new linear heads on a model's latents, in seconds; encoder and blocks stay as they are.

    Windows are embedded once, as they are; heads see no views. To train them on views, or to move
    the encoder too, use a recipe with `init_from` (and ``training.freeze: encoder``).

    Parameters
    ----------
    model
        Not changed; the result shares its parts.
    windows
        Prepared for the model, with labels; if possible of subjects it never saw. At
        another rate they are resampled first.
    classes
        Labels to learn, or another `Target`.
    balanced
        Whether every label counts alike.
    penalty
        Of squared weights, times 1/2, on standardised latents: ridge, where there are few windows.

    Returns
    -------
    Model
        With the heads *invariant* and *full*, in eval mode.

    Raises
    ------
    InputError
        If windows do not fit, a class has no window, or a number never varies.

    Notes
    -----
    The losses are convex and are minimised by L-BFGS (Liu and Nocedal 1989,
    doi 10.1007/BF01589116) from zero, so the result does not depend on a seed.
    """
    target = target_of(classes)
    targets = targets_of(windows, target)
    target = target.fitted(targets)
    balance = target.balance(targets) if balanced else None
    with same_random_state():  # heads are drawn for nothing: they start from zero
        made = model.reset_heads(target)
    z = made.embed(windows.centred, windows.rate).all
    weight = target.known(targets).to(z.dtype)
    like = next(made.heads.parameters()).detach()  # where the encoder is, and in its precision
    made.heads.to(z)
    for each in made.heads.values():
        head = cast(LinearHead, each)
        _minimise(head, z, targets, weight, balance, penalty)
    made.heads.to(like)
    return made.eval()


def _minimise(
    head: LinearHead,
    z: Tensor,
    targets: Tensor,
    weight: Tensor,
    balance: Tensor | None,
    penalty: float,
) -> None:
    """Fit one head; standardising its input is put into its weights afterwards."""
    seen = head.schema.select(z, head.blocks)
    centre, spread = seen.mean(dim=0), seen.std(dim=0).clamp_min(1e-6)
    x, linear = (seen - centre) / spread, head.linear
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    steps = torch.optim.LBFGS(linear.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        steps.zero_grad()
        fit = weighted_mean(head.target.loss(linear(x), targets, balance), weight)
        total = fit + penalty / 2 * linear.weight.square().sum()
        total.backward()  # pyright: ignore[reportUnknownMemberType]
        return total

    steps.step(loss)  # pyright: ignore[reportArgumentType, reportUnknownMemberType]
    with torch.no_grad():
        linear.weight.div_(spread)
        linear.bias.sub_(linear.weight @ centre)
