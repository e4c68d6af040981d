"""Inverted lists of faiss: a search reads those rows only whose list is near the query."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.files import write_atomically
from triptych.index.exact import ROWS, Floats

FROM = 50_000
"""Rows from which on an index is approximate if nothing else is said: fewer take 2 ms exactly."""

AIM, QUERIES, NEIGHBOURS = 0.995, 200, 10
"""Share of the 10 nearest rows of some rows that a search has to find, so that of others, which are
not in the gallery, it finds 99 %."""

POINTS, ROUNDS = 40, 8  # rows per list that k-means sees, and its iterations

Units = Callable[[slice | NDArray[np.int64]], Floats]
"""Rows of a gallery, scaled, so that their similarity is an inner product."""


def available() -> bool:
    """Whether the extra ``ann`` is installed."""
    return importlib.util.find_spec("faiss") is not None


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise InputError(
            "an approximate index needs the extra 'ann'; run pip install 'triptych[ann]'"
        ) from error


@dataclass(frozen=True, eq=False)
class Lists:
    """Lists of the gallery's first `rows`, of which a search reads `probes`."""

    ivf: Any
    rows: int
    probes: int

    @classmethod
    def build(cls, units: Units, shape: tuple[int, int], *, half: bool) -> Lists | None:
        """Sort rows ``(n, d)`` into lists, and find how many of these a search has to read.

        `half` keeps copies in half precision (their similarity is then computed again from the
        latents). None where `AIM` would need a quarter of all lists: then nothing is gained.
        """
        faiss, (n, d) = _faiss(), shape
        count = int(np.clip(2 ** round(np.log2(2 * np.sqrt(n))), 1, max(n // POINTS, 1)))
        centres = faiss.IndexFlatIP(d)
        product = faiss.METRIC_INNER_PRODUCT
        kind = faiss.ScalarQuantizer.QT_fp16
        ivf = (
            faiss.IndexIVFScalarQuantizer(centres, d, count, kind, product)
            if half
            else faiss.IndexIVFFlat(centres, d, count, product)
        )
        ivf.cp.niter, ivf.cp.min_points_per_centroid = ROUNDS, 1
        ivf.cp.max_points_per_centroid = POINTS
        rng = np.random.default_rng(0)
        ivf.train(units(np.sort(rng.permutation(n)[: count * POINTS])))
        for start in range(0, n, 16 * ROWS):
            ivf.add(units(slice(start, min(start + 16 * ROWS, n))))
        chosen = np.sort(rng.permutation(n)[: min(QUERIES, n)])
        probes = _calibrated(ivf, units, n, chosen, count)
        return None if probes is None else cls(ivf, n, probes)

    def candidates(
        self, query: Floats, k: int, visible: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """At most `k` rows that may be the nearest to one query ``(d,)``, in no exact order.

        Fewer where the lists that were read hold fewer: faiss fills up with −1, which are no rows.
        A filter makes a search read more lists: 4 times as many where it leaves half of the rows,
        since it may leave none in the lists nearest to the query.
        """
        faiss, probes = _faiss(), self.probes
        options: dict[str, Any] = {}
        if visible is not None:
            share = max(np.count_nonzero(visible[: self.rows]) / self.rows, 1e-9)
            bits = np.packbits(visible[: self.rows], bitorder="little")
            options["sel"] = faiss.IDSelectorBitmap(bits)
            probes = min(int(np.ceil(probes / share**2)), self.ivf.nlist)
        asked = faiss.SearchParametersIVF(nprobe=probes, **options)
        _, rows = self.ivf.search(query[None], min(k, self.rows), params=asked)
        return rows[0][rows[0] >= 0]

    def write(self, path: Path) -> None:
        """Write faiss's own file, atomically."""
        faiss = _faiss()
        with write_atomically(path, "wb") as handle:
            faiss.write_index(self.ivf, faiss.PyCallbackIOWriter(handle.write))

    @classmethod
    def read(cls, path: Path, rows: int, probes: int, width: int) -> Lists:
        """Read it back, mapped into memory; InputError for another or a damaged file."""
        faiss = _faiss()
        try:
            ivf = faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP_IFC)
            if (ivf.ntotal, ivf.d) != (rows, width):
                raise ValueError(f"{ivf.ntotal} rows of {ivf.d} dimensions")
            return cls(ivf, rows, probes)
        except (RuntimeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path} is damaged or belongs to another index; delete it, and the search is exact"
            ) from error


def _calibrated(
    ivf: Any, units: Units, n: int, chosen: NDArray[np.int64], count: int
) -> int | None:
    """The fewest lists, as a power of two, that find enough of the nearest rows of some rows."""
    k = min(NEIGHBOURS + 1, n)  # a row finds itself, which is no merit
    queries = units(chosen)
    best = np.full((len(chosen), k), -np.inf, dtype=np.float32)
    for start in range(0, n, ROWS):
        scores = queries @ units(slice(start, min(start + ROWS, n))).T
        best = np.partition(np.concatenate([best, scores], axis=1), -k, axis=1)[:, -k:]
    # by value, not by row: of rows that are equal any one is right
    least, probes = best.min(axis=1) - 1e-5, 1
    while probes <= max(count // 4, 1):
        asked = _faiss().SearchParametersIVF(nprobe=probes)
        _, rows = ivf.search(queries, min(2 * k, n), params=asked)
        right = [
            min(int((units(own[own >= 0]) @ query >= bound).sum()), k) - 1
            for own, query, bound in zip(rows, queries, least, strict=True)
        ]
        if np.mean(right) >= AIM * (k - 1):
            return probes
        probes *= 2
    return None
