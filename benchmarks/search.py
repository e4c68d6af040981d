"""Exact search: a single query against a large gallery of latents."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from benchmarks.timing import Effort, Row, Spread, seconds_of
from triptych.index import Index

BOUND_MS, SIZE, NEAREST = 10.0, 128, 10


def run(effort: Effort) -> Iterator[Row]:
    """Median and 95th percentile of single queries; a round is a number of queries."""
    rows, queries = (1000, 2) if effort.smallest else (100_000, 50)
    generator = torch.Generator().manual_seed(0)
    index = Index(torch.randn(rows, SIZE, generator=generator))
    wanted = torch.randn(queries, 1, SIZE, generator=generator)
    index.search(wanted[0], NEAREST)
    taken = [
        [seconds_of(partial(index.search, query, NEAREST)) for query in wanted]
        for _ in range(effort.rounds)
    ]
    for name, share, bound in (("p50", 50, BOUND_MS), ("p95", 95, None)):
        value = Spread.of(1000 * float(np.percentile(each, share)) for each in taken)
        case = f"{name}, {rows:,} × {SIZE}, {NEAREST} nearest"
        seconds = {"query": value.median / 1000}
        yield Row("search", case, value, "ms", bound, "at most", seconds)
