"""Exact search: a single query against a large gallery of latents."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.timing import Effort, Row, Spread, in_turns
from triptych.index import Index

BOUND_MS, SIZE, NEAREST = 10.0, 128, 10


def run(effort: Effort) -> Iterator[Row]:
    """Median and 95th percentile of single queries; a round is a number of queries."""
    rows, queries = (1000, 2) if effort.smallest else (100_000, 25)
    generator = torch.Generator().manual_seed(0)
    index = Index(torch.randn(rows, SIZE, generator=generator))
    query = iter(torch.randn(10_000, 1, SIZE, generator=generator))
    single = Effort(rounds=queries, seconds=0.0)
    taken = [
        in_turns({"search": lambda: index.search(next(query), NEAREST)}, single)["search"]
        for _ in range(effort.rounds)
    ]
    for name, share, bound in (("p50", 50, BOUND_MS), ("p95", 95, None)):
        value = Spread.of(1000 * float(np.percentile(each, share)) for each in taken)
        case = f"{name}, {rows:,} × {SIZE}, {NEAREST} nearest"
        seconds = {"query": value.median / 1000}
        yield Row("search", case, value, "ms", bound, "at most", seconds)
