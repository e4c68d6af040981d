"""The block swap: what a decoder makes of one block of x among the other blocks of y."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from triptych.audit.sources import both_sides, subjects_or_records
from triptych.audit.tables import Table, Value, number
from triptych.audit.verdicts import bracketed
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import LatentSchema
from triptych.metrics.collapse import collapsed
from triptych.metrics.inputs import as_array, same_shape
from triptych.metrics.result import Result
from triptych.metrics.similarity import different_pairs
from triptych.metrics.statistics import draws
from triptych.model import Model
from triptych.transforms import Transform

DRAWN = 400  # samples of a drawn window
NOTHING = (math.nan, math.nan)
IGNORED = 0.01  # share under which a decoder makes nothing of a block


@dataclass(frozen=True)
class BlockSwap(Result):
    """How much of the way from D(z_y) to D(z_x) each block of x alone brings the output.

    A share is Σ⟨D(swapped) − D(z_y), D(z_x) − D(z_y)⟩ / Σ‖D(z_x) − D(z_y)‖² over pairs: 1 where the
    output is that of x, 0 where it stays that of y, NaN of a block that has collapsed: there is
    nothing to swap in it. Under a decoder that adds what it makes of each
    block the shares sum to 1; otherwise they need not.

    Attributes
    ----------
    different subjects
        Block → share, over `pairs` pairs (x, y) of different `groups`.
    transformed
        Block → share where x is T_θ y, θ random.
    pairs, groups
        Pairs of either kind, and ``"subjects"`` or ``"records"``.
    ends, ends_transformed
        Block → both ends of the 95 % bootstrap interval over pairs, of either share.
    examples
        What is drawn: ``(words, channel, rate, x, y, {block: swapped})`` of the pair of either kind
        whose outputs are at the median distance; not in `to_dict`.
    """

    between_pairs: dict[str, float]
    transformed: dict[str, float]
    pairs: int
    groups: str
    ends: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    ends_transformed: dict[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    examples: tuple[dict[str, Any], ...] = field(default=(), repr=False, compare=False)

    def table(self) -> Table:
        """One row a block."""
        kinds = (self.between_pairs, self.ends), (self.transformed, self.ends_transformed)
        rows = tuple(
            (
                Value(name),
                *(
                    Value(number(share[name]), bracketed(*ends.get(name, NOTHING)))
                    for share, ends in kinds
                ),
            )
            for name in self.between_pairs
        )
        note = (
            "Share of the way from the decoded y to the decoded x that the output goes when this "
            f"block alone is taken from x: 1 all, 0 none; {self.pairs:,} pairs each, with 95 % "
            f"intervals over them. {' '.join(f'{each}.' for each in self.ignored())}"
        ).strip()
        header = ("block swapped", f"x and y of different {self.groups}", "x is y transformed")
        return Table(header, rows, note=note)

    def ignored(self) -> list[str]:
        """Blocks that the decoder makes next to nothing of, a sentence each."""
        most = {
            name: max(
                abs(end)
                for ends in (self.ends, self.ends_transformed)
                for end in (*ends.get(name, ()), self.between_pairs[name], self.transformed[name])
            )
            for name in self.between_pairs
            if np.isfinite(
                self.between_pairs[name]
            )  # of a collapsed block there is nothing to swap
        }
        return [
            f"the decoder ignores block {name}: taken from another window it moves the output by "
            f"{share:.1%} of the way at most"
            for name, share in most.items()
            if share < IGNORED
        ]


def shares(
    decode: Callable[[Tensor], Tensor], schema: LatentSchema, z_x: Tensor, z_y: Tensor
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Share of each block (see `BlockSwap`), and all outputs: ``x``, ``y`` and block by block.

    Parameters
    ----------
    decode
        Latents (n, size) → outputs (n, ...).
    z_x, z_y
        Latents of n pairs.

    Raises
    ------
    InputError
        Latents of different shapes or another schema, or outputs that are the same for x and y.
    """
    same_shape(as_array(z_x, "z_x"), as_array(z_y, "z_y"), "z_x and z_y")
    schema.check(z_x)
    x, y = decode(z_x), decode(z_y)
    way = (x - y).double()
    length = float(way.square().sum())
    if not length > 0:
        raise InputError("the decoder gives the same for x and y in every pair: nothing to swap")
    outputs, found = {"x": x, "y": y}, dict[str, float]()
    for name, part in schema.slices.items():
        z = z_y.clone()
        z[:, part] = z_x[:, part]
        outputs[name] = decode(z)
        share = float(((outputs[name] - y).double() * way).sum()) / length
        found[name] = math.nan if collapsed(z_x[:, part], z_y[:, part]) else share
    return found, outputs


def block_swap(
    model: Model, windows: Windows, transform: Transform, *, pairs: int = 500, seed: int = 0
) -> tuple[BlockSwap | None, list[str]]:
    """Swap blocks between windows of different subjects, and between windows and their transforms.

    `windows` have the transform's context; there is nothing to swap in a model without a decoder or
    with one block.

    Returns
    -------
    The swap, or None, and why it was left out.
    """
    if model.decoder is None or len(model.schema.blocks) < 2:
        return None, []
    try:
        return _swapped(model, windows, transform, pairs, seed), []
    except InputError as error:
        return None, [f"blocks are not swapped: {error}"]


def _swapped(
    model: Model, windows: Windows, transform: Transform, pairs: int, seed: int
) -> BlockSwap:
    whose, groups = subjects_or_records(windows)
    i, j = different_pairs(whose, pairs, seed=seed)
    z = model.embed(windows.centred).all
    rows = np.random.default_rng(seed).integers(0, len(windows), pairs)
    still, moved, _ = both_sides(model, windows.take(rows), transform, seed)
    apart, outputs = shares(model.decode, model.schema, z[i], z[j])
    turned, others = shares(model.decode, model.schema, moved.all, still.all)
    channel, rate = model.preprocessing.channels[0], windows.rate
    words = transform.name.replace("_", " ")
    examples = tuple(
        _example(each) | {"words": said, "channel": channel, "rate": rate}
        for each, said in (
            (outputs, f"x and y of different {groups}"),
            (others, f"x is y under {words}"),
        )
    )
    ends = _intervals(outputs, apart, seed), _intervals(others, turned, seed)
    return BlockSwap(apart, turned, pairs, groups, *ends, examples)


def _intervals(
    outputs: dict[str, Tensor], found: Mapping[str, float], seed: int
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of the shares over pairs."""
    way = (outputs["x"] - outputs["y"]).double().flatten(1)
    n, length = len(way), way.square().sum(dim=1).numpy()
    drawn = draws(n, 1000, seed)
    total = np.maximum(drawn @ length, 1e-300)
    ends: dict[str, tuple[float, float]] = {}
    for name in found:
        own = ((outputs[name] - outputs["y"]).double().flatten(1) * way).sum(dim=1).numpy()
        low, high = np.quantile(drawn @ own / total, [0.025, 0.975])
        ends[name] = float(low), float(high)
    return ends


def _example(outputs: dict[str, Tensor]) -> dict[str, Any]:
    """Outputs of the pair whose x and y are at the median distance; first channel."""
    flat = (outputs["x"] - outputs["y"]).flatten(1).square().sum(dim=1)
    row = int(flat.argsort()[len(flat) // 2])
    return {name: each[row, 0, :DRAWN].numpy().tolist() for name, each in outputs.items()}
