"""``python -m benchmarks.mechanisms``: can each mechanism carry each transform? A table.

The latents *hold θ exactly*: they are its own coordinates, or a random linear map of these, so that
a mechanism that fails here fails on every encoder. Figures:

- repel: mean weight of a pair under sampling (0 where both sides have one θ);
- predict: R² of Δ as the head reads it from fresh pairs, after a short training of the head alone
  (accuracy, where Δ has few values);
- equivariant: R² of the second side, read from the first by turning it.

Each stands for reference="transformed" / "original", the lower one of both kinds of latents.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from triptych.errors import InputError
from triptych.latent import Block, LatentSchema
from triptych.objectives import StructuredContrastive
from triptych.objectives.variation import Equivariant, Predict, Repel
from triptych.objectives.views import Change, Reference
from triptych.transforms import (
    AxisMirror,
    BaselineWander,
    Chain,
    ChannelDropout,
    Gain,
    LeadSwap,
    NoiseSNR,
    PhaseShift,
    Rotation,
    TimeScale,
    Transform,
    target_of,
)
from triptych.transforms.rotations import to_matrices
from triptych_studies.images.transforms import ImageCrop, ImageTone

TRANSFORMS: dict[str, Transform] = {
    "phase_shift, crop": PhaseShift(0.25, 400.0),
    "phase_shift, circular": PhaseShift(0.25, 400.0, mode="circular", length=800),
    "phase_shift, circular, any": PhaseShift(1.0, 400.0, mode="circular", length=800),
    "time_scale": TimeScale(),
    "gain": Gain(),
    "noise_snr": NoiseSNR(),
    "baseline_wander": BaselineWander(),
    "channel_dropout": ChannelDropout(),
    "lead_swap, 3 channels": LeadSwap(channels=3),
    "lead_swap, 12 channels": LeadSwap(channels=12),
    "lead_swap, 12 channels, 2 swaps": LeadSwap(channels=12, swaps=2),
    "rotation, so3": Rotation(),
    "rotation, cube24": Rotation("cube24"),
    "rotation, tilt": Rotation("tilt"),
    "rotation, yaw": Rotation("yaw"),
    "axis_mirror": AxisMirror(),
    "image_crop": ImageCrop(),
    "image_tone": ImageTone(),
    "chain": Chain(PhaseShift(), Gain()),
}
KINDS = ("repel", "predict", "equivariant")
REFERENCES: tuple[Reference, ...] = ("transformed", "original")
FEW = 64  # values of Δ up to which a reading is right or wrong


STEPS = 150  # of training a head; these products of two matrices take longer to learn
LONGER = {"rotation, so3": 1000, "rotation, cube24": 1000, "lead_swap, 12 channels": 300}
BATCH = 256
SIZE = 12  # of an equivariant block


@dataclass(frozen=True)
class Pairs:
    """Pairs of a transform: θ of both sides, and what leads from one to the other."""

    first: Tensor
    second: Tensor
    change: Change


def pairs(transform: Transform, reference: Reference, n: int, seed: int) -> Pairs:
    """Draw n pairs."""
    generator = torch.Generator().manual_seed(seed)
    a, b = transform.sample(n, generator), transform.sample(n, generator)
    a = transform.identity(n) if reference == "original" else a
    return Pairs(a, b, Change(transform.relative(a, b), transform.distance(a, b)))


def holds(transform: Transform, theta: Tensor) -> Tensor:
    """Latents that hold θ `(n, p)` exactly: its coordinates, each of mean 0 and spread 1."""

    def coordinates(theta: Tensor) -> Tensor:
        if isinstance(transform, Rotation):
            return to_matrices(transform.quaternions(theta)).flatten(1)
        return target_of(transform, transform.relative(transform.identity(len(theta)), theta))

    usual = coordinates(transform.sample(4096, torch.Generator().manual_seed(0)))
    spread = usual.std(dim=0)
    return (coordinates(theta) - usual.mean(dim=0)) / torch.where(spread > 1e-6, spread, 1)


def mechanism_of(transform: Transform, kind: str, reference: Reference, size: int) -> nn.Module:
    """The mechanism as an objective makes it; raises InputError where there is none."""
    relation = "equivariant_to" if kind == "equivariant" else "variant_to"
    schema = LatentSchema(
        Block("inside", 1, invariant_to=transform.name),
        Block("carries", size, **cast(Any, {relation: transform.name})),
    )
    chosen = {} if kind == "equivariant" else {"variation": kind}
    scl = StructuredContrastive(schema, [transform], reference=reference, **cast(Any, chosen))
    return cast(Any, scl.mechanisms)[f"{transform.name}__carries"][kind]


def repelled(transform: Transform, reference: Reference) -> float:
    """Mean weight of a pair under sampling."""
    repel = cast(Repel, mechanism_of(transform, "repel", reference, 4))
    return float(repel.strength(pairs(transform, reference, 4096, 1).change.distance).mean())


def predicted(
    transform: Transform, reference: Reference, mapped: bool, steps: int = STEPS
) -> float:
    """R² or accuracy of Δ on fresh pairs, after the head alone has been trained for `steps`."""
    torch.manual_seed(0)
    train, fresh = (pairs(transform, reference, n, seed) for n, seed in ((32768, 2), (2048, 3)))
    size = holds(transform, fresh.first).shape[1]
    through = torch.randn(size, size + 2) if mapped else torch.eye(size)
    sides = [holds(transform, theta) @ through for theta in (train.first, train.second)]
    predict = cast(Predict, mechanism_of(transform, "predict", reference, len(through.T)))
    optimizer = torch.optim.Adam(predict.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    ones, inside = torch.ones(BATCH), torch.zeros(BATCH, 0)
    for step in range(steps):
        rows = torch.arange(step * BATCH, (step + 1) * BATCH) % len(train.first)
        change = Change(train.change.delta[rows], train.change.distance[rows])
        optimizer.zero_grad()
        predict(sides[0][rows], sides[1][rows], change, ones, inside).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        read = predict.read(
            *(holds(transform, each) @ through for each in (fresh.first, fresh.second))
        )
    return agreement(read, target_of(transform, fresh.change.delta))


def agreement(read: Tensor, truth: Tensor) -> float:
    """R² over all coordinates (weighted by their variance); of few values the accuracy."""
    values, right = distinct(truth)
    if len(values) <= FEW:
        return float((torch.cdist(read, values).argmin(dim=1) == right).float().mean())
    return float(1 - (read - truth).square().sum() / (truth - truth.mean(dim=0)).square().sum())


def distinct(target: Tensor) -> tuple[Tensor, Tensor]:
    """Different rows of `target` ``(n, k)``, whatever their last bits, and which each row is."""
    return cast(Any, (target.round(decimals=3) + 0.0).unique(dim=0, return_inverse=True))


def turned(transform: Transform, reference: Reference, mapped: bool, steps: int = 300) -> float:
    """R² of the second side from the first: of an exact block, or of one that is learned.

    With `mapped` the block has gone through a linear map, and a linear layer has to find it again
    by the mechanism's loss alone.
    """
    torch.manual_seed(0)
    drawn = pairs(transform, reference, 512, 4)
    turn = cast(Equivariant, mechanism_of(transform, "equivariant", reference, SIZE))
    first, second, inside = exact_block(transform, turn, drawn)
    layer: nn.Module = nn.Identity()
    if mapped:
        through, layer = torch.randn(SIZE, SIZE), nn.Linear(SIZE, SIZE, bias=False)
        first, second = first @ through, second @ through
        optimizer = torch.optim.Adam(layer.parameters(), 2e-2, fused=True)
        for _ in range(steps):
            optimizer.zero_grad()
            turn(layer(first), layer(second), drawn.change, torch.ones(512), inside).backward()
            optimizer.step()
    with torch.no_grad():
        read, truth = turn.turn(layer(first), drawn.change.delta, inside), layer(second)
    return agreement(read, truth)


def exact_block(
    transform: Transform, turn: Equivariant, drawn: Pairs
) -> tuple[Tensor, Tensor, Tensor]:
    """Both sides of a block that turns with θ, and the invariant latent that holds the frequency.

    Rotations: vectors. Phase shifts: the harmonics of a cycle that goes round a whole number of
    times in two seconds (the length of the circular windows), read by the mechanism's layer.
    """
    n, generator = len(drawn.first), torch.Generator().manual_seed(5)
    if isinstance(transform, Rotation):
        vectors = torch.randn(n, SIZE // 3, 3, generator=generator)
        sides = [vectors @ transform.matrices(each).mT for each in (drawn.first, drawn.second)]
        return sides[0].flatten(1), sides[1].flatten(1), torch.zeros(n, 1)
    low, high = turn.frequencies
    frequency = torch.randint(1, 7, (n, 1), generator=generator) / 2
    frequency_layer = cast(nn.Linear, turn.frequency)
    frequency_layer.load_state_dict({"weight": torch.ones(1, 1), "bias": torch.zeros(1)})
    inside = torch.logit((frequency / low).log() / math.log(high / low))
    start = torch.rand(n, SIZE // 2, generator=generator)
    order = turn.get_buffer("order")
    angles = [2 * math.pi * (order * frequency * t + start) for t in (drawn.first, drawn.second)]
    both = [torch.stack([a.cos(), a.sin()], dim=2).flatten(1) for a in angles]
    return both[0], both[1], inside


def cell(name: str, transform: Transform, kind: str) -> str:
    """The figures for both references, or why it is refused."""
    found: list[float] = []
    try:
        for reference in REFERENCES:
            if kind == "repel":
                found.append(repelled(transform, reference))
            elif kind == "predict":
                steps = LONGER.get(name, STEPS)
                of = (predicted(transform, reference, mapped, steps) for mapped in (False, True))
                found.append(min(of))
            else:
                found.append(min(turned(transform, reference, mapped) for mapped in (False, True)))
    except InputError as error:
        return f"refused: {error}"
    return " / ".join(f"{each:.2f}" for each in found)


def few(transform: Transform) -> bool:
    """Whether Δ has so few values that a reading of it is right or wrong."""
    delta = pairs(transform, "transformed", 2048, 3).change.delta
    return len(distinct(target_of(transform, delta))[0]) <= FEW


def main() -> int:
    """Print the table; sentences of refusal stand below it, once each."""
    print(f"| transform | {' | '.join(KINDS)} |")
    print("| --- |" + " --- |" * len(KINDS))
    refusals: list[str] = []
    for name, transform in TRANSFORMS.items():
        row = [cell(name, transform, kind) for kind in KINDS]
        for place, text in enumerate(row):
            if text.startswith("refused: "):
                text = text.replace(f"for {transform.name};", "for this transform;")
                if text not in refusals:
                    refusals.append(text)
                row[place] = f"refused ({refusals.index(text) + 1})"
        if not isinstance(transform, Chain) and few(transform):
            row[1] += " (accuracy)"
        print(f"| {name} | {' | '.join(row)} |", flush=True)
    print()
    for place, text in enumerate(refusals, start=1):
        print(f"{place}. {text.removeprefix('refused: ')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
