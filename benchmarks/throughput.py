"""Training throughput of SCL against SimCLR's loop and TS2Vec's, on one encoder.

What is timed is a few batches of windows: views, encoder, loss, gradients, AdamW. The encoder is
`conv` without the flattened map, on windows of 1 s at 400 Hz, for all.

- SCL: one pair of phase-shifted views, three blocks, the predict head.
- SimCLR: two phase-shifted views, a projector, NT-Xent.
- TS2Vec, in the shape of its own loop: two overlapping crops, features of each time step,
  hierarchical contrast, and an averaged copy of the weights that every step updates; at the same
  batch, and at the published one of 16. Crops are as long as theirs are on average, five eighths of
  a window each, so it reads that much less. Its encoder in the paper is another and slower one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Generator, nn
from torch.optim.swa_utils import AveragedModel

from benchmarks.timing import Effort, Row, compared, in_turns
from triptych.latent import Block, BlockHeads, LatentSchema
from triptych.networks import ConvEncoder, Standardize
from triptych.networks.encoder import as_map
from triptych.objectives import Objective, SimCLR, StructuredContrastive
from triptych.objectives.ts2vec import hierarchical_contrast
from triptych.transforms import PhaseShift

LENGTH, BOUND = 400, 1.0
SHIFT = PhaseShift(max_shift=0.25, rate=400.0)
SCHEMA = LatentSchema(
    Block("steady", 64, invariant_to="phase_shift"),
    Block("moved", 16, variant_to="phase_shift"),
    Block("rest", 48),
)


def run(effort: Effort) -> Iterator[Row]:
    """SCL's windows per second over those of either rival; at least 1 is wanted."""
    batch, own = (16, 8) if effort.smallest else (128, 16)
    windows, whole = 4 * batch, LatentSchema(Block("latent", SCHEMA.size))
    sides = {
        "scl": two_views(StructuredContrastive(SCHEMA, [SHIFT]), SCHEMA, batch, windows),
        "simclr": two_views(SimCLR(whole.size, [SHIFT]), whole, batch, windows),
        "ts2vec": crops(batch, windows),
        "ts2vec, own batch": crops(own, windows),
    }
    found = in_turns(sides, effort)
    cases = {"simclr": batch, "ts2vec": batch, "ts2vec, own batch": own}
    for rival, size in cases.items():
        case = f"SCL, batch {batch}, over {rival.partition(',')[0]}, batch {size}"
        yield compared("throughput", case, "scl", rival, found, at_least=BOUND)


def two_views(
    objective: Objective, schema: LatentSchema, batch: int, windows: int
) -> Callable[[], None]:
    """Steps on two views of a fixed batch, so many windows in all."""
    torch.manual_seed(0)
    encoder = BlockHeads(ConvEncoder(1, LENGTH, where=0), schema)
    network = nn.Sequential(Standardize(), encoder)
    optimizer = torch.optim.AdamW([*network.parameters(), *objective.parameters()], 1e-3)
    generator = Generator().manual_seed(0)
    x = torch.randn(batch, 1, LENGTH + 2 * SHIFT.context, generator=generator)

    def steps() -> None:
        for _ in range(windows // batch):
            views = objective.views(x, generator)
            loss = objective(network(views.signals), views).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return steps


def crops(batch: int, windows: int) -> Callable[[], None]:
    """Steps of TS2Vec's loop on a fixed batch; the shortest call counts, so lengths are fixed."""
    torch.manual_seed(0)
    trunk, standardize = ConvEncoder(1, LENGTH, where=0), Standardize()
    averaged = AveragedModel(trunk)
    optimizer = torch.optim.AdamW(trunk.parameters(), 1e-3)
    x = torch.randn(batch, 1, LENGTH, generator=Generator().manual_seed(0))
    stride, count = trunk.stride, windows // batch
    places = LENGTH // stride

    def steps() -> None:
        for k in range(count):
            # the overlap, evenly from nothing to the window, and its place, as they are on average
            length = max(2, round((k + 0.5) / count * places))
            left = (places - length) // 2
            first, last = left // 2, places - left // 2
            ends = ((first, left + length), (left, last))
            parts = (x[..., a * stride : b * stride] for a, b in ends)
            before, after = (trunk.stack(as_map(standardize(each))).flatten(2) for each in parts)
            loss = hierarchical_contrast(before[..., -length:], after[..., :length])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            averaged.update_parameters(trunk)

    return steps
