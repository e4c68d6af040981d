"""The whole loss of a training: objective, reconstruction, heads and gates, weighted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from triptych.errors import InputError
from triptych.latent import BernoulliGate, BlockHeads, LatentSchema
from triptych.latent.heads import Outputs
from triptych.missing import masking, present
from triptych.networks import FrontEnd, SignalVAE, kl_divergence, time_resolved
from triptych.objectives import LossTerms, Objective, Views
from triptych.training.heads import TaskHeads
from triptych.training.settings import Weights
from triptych.transforms import Transform

Teacher = Callable[[Tensor], Tensor]


class CombinedLoss(nn.Module):
    """Signals → every loss term by name; an ordinary module, for any loop.

    Parameters
    ----------
    encoder
        What `front_end` gives → latents ``(n, schema.size)``; a schema with gates needs
        `BlockHeads`.
    objective
        Its parameters are trained too.
    schema
        The latent's blocks; left out, it is the objective's or the encoder's.
    front_end
        Stands before the encoder; what it gives for a view is what the decoder has to
        reconstruct (the standardised view, the signal in canonical phase, the spectrum).
    decoder
        Latents → what `front_end` gives; makes a variational autoencoder around the encoder.
    heads
        On the latents.
    weights
        As in a recipe.
    augment
        Transforms without context that every training sample is under before the objective makes
        its views of it, e.g. small turns; what the model learns then holds a little beside the
        training subjects. Not in validation.
    teacher
        Signals of view 0 ``(n, channels, time)`` → probabilities ``(n, classes)``, which the
        invariant head learns on all views. It is not a part of this module: nothing trains it.
    full_teacher
        The same for the full head, on view 0; beside a `teacher` the mean of both is learned.
    """

    def __init__(
        self,
        encoder: nn.Module,
        objective: Objective,
        *,
        schema: LatentSchema | None = None,
        front_end: nn.Module | None = None,
        decoder: nn.Module | None = None,
        heads: TaskHeads | None = None,
        weights: Weights | None = None,
        augment: Sequence[Transform] = (),
        teacher: Teacher | None = None,
        full_teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        own = encoder.schema if isinstance(encoder, BlockHeads) else None
        found = schema or objective.acts_on or own
        if found is None:
            raise InputError(
                "neither the objective nor the encoder has a schema; pass schema=LatentSchema(...)"
            )
        self.schema = found
        self.front_end = front_end or nn.Identity()
        self.network = SignalVAE(encoder, decoder, found.size) if decoder is not None else encoder
        self.objective = objective
        self.heads = heads
        self.weights = weights or Weights()
        self.augment = tuple(augment)
        self.teacher, self.full_teacher = teacher, full_teacher
        gated = [block.name for block in found.blocks if block.gate]
        self._gated = bool(gated)
        self._compiled: Teacher | None = None
        if gated and not isinstance(encoder, BlockHeads):
            raise InputError(
                f"the gate of block {gated[0]!r} needs an encoder with block heads: wrap your "
                "trunk in BlockHeads(trunk, schema)"
            )

    @property
    def encoder(self) -> nn.Module:
        """What maps the front-end's output to latents."""
        return self.network.encoder if isinstance(self.network, SignalVAE) else self.network

    @property
    def decoder(self) -> nn.Module | None:
        """What maps latents back, if there is one."""
        return self.network.decoder if isinstance(self.network, SignalVAE) else None

    @property
    def compiles(self) -> bool:
        """Whether a compiled encoder gives all that a step needs of it."""
        return not (self._gated or self.objective.reads_maps)

    def compile_encoder(self) -> None:
        """Compile what the training calls; the encoder itself, which is saved, stays as it is."""
        encoder = self.encoder

        def encode(x: Tensor) -> Tensor:
            return encoder(x)

        self._compiled = torch.compile(encode)  # pyright: ignore[reportUnknownMemberType]

    def latents(self, x: Tensor) -> Tensor:
        """Latents ``(n, schema.size)`` of signals ``(n, channels, time)``, without context."""
        return self.encoder(self.front_end(x))

    def forward(
        self,
        x: Tensor,
        targets: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Every loss term by name, and their weighted sum as ``total``.

        ``null/…`` beside them is the share of rows at the null vector of a block with a null
        radius, and in no sum.

        Parameters
        ----------
        x, targets
            A batch.
        generator
            Source of the views.
        """
        return self.step(x, targets, generator)[0]

    def step(
        self,
        x: Tensor,
        targets: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """What `forward` gives, and the latents ``(n, schema.size)`` of view 0."""
        if self.training:
            for each in self.augment:
                x = each.apply(x, each.sample(len(x), generator).to(x.device))
        views = replace(self.objective.views(x, generator, targets), labels=targets)
        seen, penalty = self._seen(views.signals)
        if self.objective.reads_maps:
            with time_resolved(self.encoder) as maps:
                z, probabilities = self._encode(seen)
            views = replace(views, maps=maps[0])
        else:
            z, probabilities = self._encode(seen)
        losses: LossTerms = self.objective(z, views)
        found = dict(losses.terms)
        total = self.weights.structure * losses.total
        total = total + self._task(z, seen, views, targets, len(x), found)
        if penalty is not None:
            found["front_end"] = penalty
            total = total + penalty
        for name, probability in probabilities.items():
            found[f"gate/{name}"] = cast(BernoulliGate, self.schema[name].gate).kl(probability)
            total = total + self.weights.gate * found[f"gate/{name}"]
        for block in self.schema.blocks:
            if block.null_radius:  # a figure, not a loss: 1 is a block that says nothing any more
                silent = (self.schema.select(z, (block.name,)) == 0).all(dim=1)
                found[f"null/{block.name}"] = silent.to(z.dtype).mean()
        return {**found, "total": total}, z[: len(x)]

    def _seen(self, signals: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the front-end gives, and what its own training adds to the loss, if anything."""
        if not any(True for _ in self.front_end.parameters()):
            return cast(Tensor, self.front_end(signals)), None
        parts = self.front_end if isinstance(self.front_end, nn.Sequential) else [self.front_end]
        penalties: list[Tensor] = []
        for part in parts:
            added = part.penalty(signals) if isinstance(part, FrontEnd) else None
            penalties += [added] if added is not None else []
            signals = part(signals)
        return signals, torch.stack(penalties).sum() if penalties else None

    def _encode(self, seen: Tensor) -> Outputs:
        if self._gated:
            return cast(BlockHeads, self.encoder).outputs(seen)
        return Outputs((self._compiled or self.encoder)(seen), {})

    def _task(
        self,
        z: Tensor,
        seen: Tensor,
        views: Views,
        targets: Tensor | None,
        n: int,
        found: dict[str, Tensor],
    ) -> Tensor:
        total = z.new_zeros(())
        if isinstance(self.network, SignalVAE):
            out = self.network.decode(z)
            found["reconstruction"] = _reconstruction(out.signals, seen.detach())
            found["kl"] = kl_divergence(out.z, out.log_variance)
            total = total + self.weights.reconstruction * found["reconstruction"]
            total = total + self.weights.kl * found["kl"]
        if self.heads is not None and targets is not None:
            share = {"invariant": self.weights.invariant_head, "full": self.weights.full_head}
            losses = self.heads.losses(z, targets, n, self.weights.original)
            for name, loss in losses.items():
                found[f"task/{name}"] = loss
                total = total + self.weights.task * share[name] * loss
        if self.heads is not None:
            total = total + self._distilled(self.heads, z, views.signals[:n], found)
        if self.heads is not None and self.weights.consistency:
            for name, loss in self.heads.consistency(z, views).items():
                found[f"consistency/{name}"] = loss
                total = total + self.weights.consistency * loss
        return total

    def _distilled(
        self, heads: TaskHeads, z: Tensor, original: Tensor, found: dict[str, Tensor]
    ) -> Tensor:
        """What the heads have to learn of their teachers, weighted."""
        total, known = z.new_zeros(()), list[Tensor]()
        if self.teacher is not None:
            known.append(self.teacher(original))
            found["teacher"] = heads.distilled(z, known[0])
            total = total + self.weights.teacher * found["teacher"]
        if self.full_teacher is not None:
            known.append(self.full_teacher(original))
            found["full_teacher"] = heads.full_distilled(z, torch.stack(known).mean(dim=0))
            total = total + self.weights.full_teacher * found["full_teacher"]
        return total


def _reconstruction(made: Tensor, seen: Tensor) -> Tensor:
    """Mean squared error over what is present of what was seen, scalar."""
    if not masking(seen):
        return functional.mse_loss(made, seen)
    gone = seen.isnan()
    error = functional.mse_loss(made.masked_fill(gone, 0), present(seen), reduction="sum")
    return error / (~gone).sum().clamp(min=1)
