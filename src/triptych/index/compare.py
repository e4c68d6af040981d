"""How the rows of a gallery are compared with a query: by which blocks, and with how many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.index.approximate import Lists
from triptych.index.columns import Mask
from triptych.index.exact import ROWS, Floats, inverse_norms, nearest, require_rows

Metric = Literal["cosine", "dot"]
Names = str | Sequence[str] | None
Codes: TypeAlias = NDArray[Any]
"""A number for every row ``(n,)``; of rows that have the same one, one is found."""

FEW = 0.05  # of the rows: where a filter leaves no more, all of them are compared
MOST = 1024  # candidates of a list search; who needs more compares all rows


@dataclass(frozen=True, eq=False)
class Comparison:
    """Latents ``(n, d)`` by blocks (name → size, in order), and their similarity."""

    latents: Floats
    blocks: Mapping[str, int]
    metric: Metric
    scales: dict[tuple[str, ...], Floats] = field(default_factory=dict[tuple[str, ...], Floats])

    def __post_init__(self) -> None:
        if self.metric not in ("cosine", "dot"):
            raise InputError(f"index got metric={self.metric!r}, expected cosine or dot")
        if sum(self.blocks.values()) != self.latents.shape[1]:
            raise InputError(
                f"blocks {dict(self.blocks)} have not the {self.latents.shape[1]} dimensions of "
                "the latents"
            )

    def __len__(self) -> int:
        return len(self.latents)

    def named(self, names: Names) -> tuple[str, ...]:
        """Names of blocks; InputError for one that there is not."""
        chosen = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names or ()))
        unknown = [name for name in chosen if name not in self.blocks]
        if unknown or not chosen:
            what = f"no block {unknown[0]!r}" if unknown else "not been told a block to compare"
            raise InputError(f"the index has {what}; its blocks are {', '.join(self.blocks)}")
        return chosen

    def width(self, names: tuple[str, ...]) -> int:
        """Count the dimensions of blocks."""
        return sum(self.blocks[name] for name in names)

    def places(self, names: tuple[str, ...]) -> slice | NDArray[np.int64]:
        """Columns of the latents that blocks stand in."""
        sizes = list(self.blocks.values())
        spans = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
        of = dict(zip(self.blocks, spans, strict=True))
        places = np.concatenate([of[name] for name in names])
        together = bool((np.diff(places) == 1).all())
        return slice(int(places[0]), int(places[-1]) + 1) if together else places

    def units(self, rows: slice | NDArray[np.int64], names: tuple[str, ...]) -> Floats:
        """Blocks of rows, scaled so that their similarity is an inner product."""
        return self.scaled(self.latents[rows][:, self.places(names)])

    def scaled(self, z: Floats) -> Floats:
        """Rows as they are multiplied with each other."""
        return z * inverse_norms(z)[:, None] if self.metric == "cosine" else z

    def walk(
        self,
        lists: Lists,
        query: Floats,
        k: int,
        names: tuple[str, ...],
        visible: Mask | None,
        codes: Codes | None,
    ) -> tuple[NDArray[np.int64], Floats] | None:
        """Rows and similarities of one query ``(d,)`` by lists; None where these hold too few."""
        n = len(self)
        left = n if visible is None else int(np.count_nonzero(visible))
        require_rows(k, left, n)
        if left <= FEW * n:
            return None
        new = np.arange(lists.rows, n)
        new = new if visible is None else new[visible[new]]
        wanted = self.scaled(query[None, self.places(names)])[0]
        many = k * (2 if codes is None else 8)
        while many <= MOST:
            rows = np.concatenate([lists.candidates(wanted, many, visible), new])
            scores = self.units(rows, names) @ wanted
            best = np.argsort(-scores, kind="stable")
            best = best if codes is None else best[_firsts(codes[rows[best]])]
            if len(best) >= k:
                return rows[best[:k]], scores[best[:k]]
            many = 4 * many if codes is not None else MOST + 1
        return None

    def scan(
        self,
        query: Floats,
        k: int,
        sides: Sequence[tuple[tuple[str, ...], float]],
        hidden: Mask | None,
        codes: Codes | None,
    ) -> tuple[NDArray[np.int64], Floats]:
        """Rows and similarities ``(q, k)`` by comparing all; `sides` are blocks and weights."""
        n = len(self)
        table = np.zeros((len(query), n), dtype=np.float32)
        for names, weight in sides:
            places = self.places(names)
            wanted = self.scaled(query[:, places]) * np.float32(weight)
            for start in range(0, n, ROWS):
                rows = slice(start, start + ROWS)
                scores = wanted @ self.latents[rows, places].T
                table[:, rows] += scores * self._scale(names)[rows]
        if codes is None:
            shape = (len(query), n)
            found = nearest(lambda part: torch.as_tensor(table[part]), shape, k, hidden, len(query))
            return found.rows.numpy(), found.similarity.numpy()
        chosen: list[NDArray[np.int64]] = []
        for i, scores in enumerate(table):
            order = np.argsort(-scores, kind="stable")
            order = order if hidden is None else order[~hidden[i][order]]
            firsts = _firsts(codes[order])
            require_rows(k, len(firsts), n, "different entries")
            chosen.append(order[firsts[:k]])
        rows = np.stack(chosen)
        return rows, np.take_along_axis(table, rows, axis=1)

    def _scale(self, names: tuple[str, ...]) -> Floats:
        """What blocks of every row are multiplied by, computed once: 1 / their norm, or 1."""
        if names not in self.scales:
            places, n = self.places(names), len(self)
            pieces = [self.latents[i : i + ROWS, places] for i in range(0, n, ROWS)]
            self.scales[names] = (
                np.concatenate([inverse_norms(each) for each in pieces])
                if self.metric == "cosine"
                else np.ones(n, dtype=np.float32)
            )
        return self.scales[names]


def _firsts(codes: Codes) -> NDArray[np.int64]:
    """Where each code stands first, in order."""
    return np.sort(np.unique(codes, return_index=True)[1])
