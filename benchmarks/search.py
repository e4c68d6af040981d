"""Search: single queries against large galleries of latents, exactly and by lists of faiss."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import Effort, Row, Spread, seconds_of
from triptych.index import Index

EXACT_MS, LISTS_MS, BUILD_S, OPEN_MS, RECALL = 10.0, 5.0, 60.0, 1000.0, 99.0
SIZE, NEAREST, QUERIES = 128, 10, 100


def run(effort: Effort) -> Iterator[Row]:
    """Medians over queries; a round is a number of queries."""
    rows, queries = (1000, 2) if effort.smallest else (100_000, QUERIES)
    rng = np.random.default_rng(0)
    index = Index(rng.standard_normal((rows, SIZE), np.float32), approximate=False)
    wanted = rng.standard_normal((queries, 1, SIZE), np.float32)
    name, rounds = f"exact, {rows:,} × {SIZE}, {NEAREST} nearest", effort.rounds
    taken = _taken(index, wanted, rounds)
    yield _row(f"p50, {name}", [np.percentile(each, 50) for each in taken], EXACT_MS)
    yield _row(f"p95, {name}", [np.percentile(each, 95) for each in taken], None)
    yield from _lists(3000 if effort.smallest else 1_000_000, queries, rounds)


def _lists(rows: int, queries: int, rounds: int) -> Iterator[Row]:
    """An index in a folder: build, open, single queries, and how many neighbours are right."""
    import faiss

    z = _latents(rows + queries)
    gallery, wanted = z[:rows], z[rows:, None]
    meta = {"subject": np.char.add("s", (np.arange(rows) % 500).astype(str))}
    name = f"lists, {rows:,} × {SIZE}"
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "index"
        build = partial(Index.build, folder, gallery, meta, approximate=True)
        yield _row(f"build, {name}", [seconds_of(build)], 1000 * BUILD_S)
        opened = [seconds_of(partial(Index.open, folder)) for _ in range(rounds)]
        yield _row(f"open, {name}", opened, OPEN_MS)
        index = Index.open(folder)
        exact = Index(gallery, meta, approximate=False)
        own = {"own": {"subject": ["s1"]}}
        for case, asked in (("", {}), (", without a subject", own)):
            taken = _taken(index, wanted, rounds, **asked)
            medians = [np.percentile(each, 50) for each in taken]
            yield _row(f"p50, {name}, {NEAREST} nearest{case}", medians, LISTS_MS)
        found = np.concatenate([index.search(one, NEAREST).rows.numpy() for one in wanted])
        truth = exact.search(wanted[:, 0], NEAREST).rows.numpy()
        right = 100 * np.mean([np.isin(a, b).mean() for a, b in zip(found, truth, strict=True)])
        case, seconds = f"recall of {NEAREST}, {name}", {"query": float(np.median(taken[0]))}
        yield Row("search", case, Spread.of([right]), "%", RECALL, "at least", seconds)
    faiss.omp_set_num_threads(threads)


def _latents(n: int) -> NDArray[np.float32]:
    """As encoders give them: 2,000 clouds on a curved surface of 16 dimensions, and noise."""
    rng = np.random.default_rng(0)
    basis = rng.standard_normal((16, SIZE), np.float32) / 4
    centres = rng.standard_normal((2000, 16), np.float32)
    inner = centres[rng.integers(0, 2000, n)] + 0.5 * rng.standard_normal((n, 16), np.float32)
    return np.tanh(inner @ basis) + 0.1 * rng.standard_normal((n, SIZE), np.float32)


def _taken(index: Index, wanted: NDArray[np.float32], rounds: int, **asked: object) -> list:
    """Seconds of every query, round by round."""
    index.search(wanted[0], NEAREST, **asked)
    search = partial(index.search, k=NEAREST, **asked)
    return [[seconds_of(partial(search, one)) for one in wanted] for _ in range(rounds)]


def _row(case: str, seconds: list, bound: float | None) -> Row:
    value = Spread.of(1000 * float(each) for each in seconds)
    return Row("search", case, value, "ms", bound, "at most", {"call": value.median / 1000})
