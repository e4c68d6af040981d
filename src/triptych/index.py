"""Search over latents: the most similar rows of a gallery, exactly or by faiss."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from triptych.errors import InputError
from triptych.files import write_atomically
from triptych.signals import as_tensor

Array = Tensor | NDArray[Any]
Metric = Literal["cosine", "dot"]
Backend = Literal["torch", "faiss"]
Hidden = Callable[[slice], NDArray[np.bool_]] | NDArray[np.bool_] | Tensor
CHUNK = 16_000_000  # similarities that are held at a time


@dataclass(frozen=True, eq=False)
class Matches:
    """What a search finds: `rows` of the gallery ``(q, k)``, most similar first."""

    rows: Int[Tensor, "q k"]
    similarity: Float[Tensor, "q k"]


class Index:
    """A gallery of latents that can be searched.

    Parameters
    ----------
    latents
        ``(n, d)``, finite.
    meta
        Name → array of n entries (record, label, start in s, ...), kept in the rows' order.
    metric
        ``"cosine"`` (a zero vector is similar to nothing: 0) or ``"dot"``.
    backend
        ``"torch"`` is exact. ``"faiss"`` (extra ``ann``) walks a graph (HNSW, Malkov and Yashunin
        2018, arXiv 1603.09320): faster on millions of rows, approximate, without `exclude`.

    Raises
    ------
    InputError
        For other shapes, NaN, meta of another length, an unknown option or a missing extra.
    """

    def __init__(
        self,
        latents: Array,
        meta: Mapping[str, Any] | None = None,
        metric: Metric = "cosine",
        backend: Backend = "torch",
    ) -> None:
        for option, value, known in (
            ("metric", metric, ("cosine", "dot")),
            ("backend", backend, ("torch", "faiss")),
        ):
            if value not in known:
                raise InputError(f"index got {option}={value!r}, expected {' or '.join(known)}")
        self.metric: Metric = metric
        self.latents = _checked(latents, "the gallery")
        self.meta = {name: np.asarray(values) for name, values in (meta or {}).items()}
        for name, values in self.meta.items():
            if values.shape != (len(self),) or values.dtype.kind not in "biufU":
                raise InputError(
                    f"meta {name!r} is {values.dtype} of shape {values.shape}, expected numbers, "
                    f"booleans or strings of shape ({len(self)},), one entry a latent"
                )
        gallery = self._scaled(self.latents)
        # (d, n): one query then reads memory in a line, four times as fast as row by row
        self._columns = gallery.T.contiguous()
        self._graph = _graph(gallery) if backend == "faiss" else None

    def __len__(self) -> int:
        return len(self.latents)

    def search(self, query: Array, k: int = 10, exclude: Array | None = None) -> Matches:
        """Find the `k` most similar rows for each query.

        Parameters
        ----------
        query
            ``(q, d)``.
        k
            At least 1, at most the gallery's rows that are not excluded.
        exclude
            Booleans ``(n,)`` or ``(q, n)``: rows that must not be returned (the query's own
            record, say).

        Raises
        ------
        InputError
            For other shapes, NaN, or fewer than `k` rows to choose from.
        """
        wanted = _checked(query, "the query", self.latents.shape[1])
        hidden = None if exclude is None else torch.as_tensor(exclude)
        shapes = ((len(self),), (len(wanted), len(self)))
        if hidden is not None and (hidden.dtype != torch.bool or hidden.shape not in shapes):
            raise InputError(
                f"exclude is {hidden.dtype} of shape {tuple(hidden.shape)}, expected booleans of "
                f"shape {shapes[0]} or {shapes[1]}"
            )
        wanted, shape = self._scaled(wanted), (len(wanted), len(self))
        if self._graph is not None:
            if hidden is not None:
                raise InputError("exclude needs backend='torch'; faiss searches the whole gallery")
            _require(k, len(self))
            self._graph.hnsw.efSearch = max(128, 2 * k)
            similarity, rows = self._graph.search(wanted.numpy(), k)
            return Matches(torch.as_tensor(rows), torch.as_tensor(similarity))
        hidden = None if hidden is None else hidden.expand(shape)
        step = max(1, CHUNK // len(self))
        return nearest(lambda part: wanted[part] @ self._columns, shape, k, hidden, step)

    def save(self, path: str | Path) -> None:
        """Write latents and meta as one safetensors file, atomically (else InputError)."""
        tensors = {"latents": self.latents.contiguous()}
        words: dict[str, list[str]] = {}
        for name, values in self.meta.items():
            if values.dtype.kind == "U":
                words[name] = [str(value) for value in values]
            else:
                tensors[f"meta/{name}"] = as_tensor(values).contiguous()
        kept = {"metric": self.metric, "words": words, "order": list(self.meta)}
        with write_atomically(path, "wb") as handle:
            handle.write(save(tensors, {"triptych-index": json.dumps(kept)}))

    @classmethod
    def load(cls, path: str | Path, backend: Backend = "torch") -> Index:
        """Read what `save` wrote; any other or a damaged file raises InputError."""
        opened: Any = safe_open
        try:
            with opened(str(path), framework="pt") as file:
                kept = json.loads(file.metadata()["triptych-index"])
                tensors = {name: cast(Tensor, file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            meta = {
                name: kept["words"][name]
                if name in kept["words"]
                else tensors[f"meta/{name}"].numpy()
                for name in kept["order"]
            }
            return cls(tensors["latents"], meta, kept["metric"], backend)
        except InputError:
            raise
        except Exception as error:  # missing, cut off or foreign files fail in many ways
            raise InputError(f"{path} is not a whole triptych index ({error})") from error

    def _scaled(self, latents: Tensor) -> Tensor:
        if self.metric == "dot":
            return latents
        return torch.nn.functional.normalize(latents, dim=1).contiguous()


def nearest(
    similarity: Callable[[slice], Tensor],
    shape: tuple[int, int],
    k: int,
    hidden: Hidden | None,
    step: int,
) -> Matches:
    """Find the `k` most similar rows for each query, exactly; `step` queries at a time.

    `similarity` gives those of a slice of queries to every row, `shape` is the number of either,
    and `hidden` (a table, or what gives that of a slice) says which rows must not be found.
    Raises InputError for a table of another shape, or fewer than `k` rows to choose from.
    """
    queries, rows = shape
    _require(k, rows)
    found: list[tuple[Tensor, Tensor]] = []
    for start in range(0, queries, step):
        part = slice(start, min(start + step, queries))
        scores = similarity(part)
        if hidden is not None:
            barred = torch.as_tensor(hidden(part) if callable(hidden) else hidden[part])
            if barred.shape != scores.shape:
                raise InputError(
                    f"the exclusion rule gave the shape {tuple(barred.shape)} for {len(scores)} "
                    f"queries: expected {tuple(scores.shape)}"
                )
            _require(k, int((~barred).sum(dim=1).min()), rows)
            scores = scores.masked_fill(barred, -math.inf)
        best = scores.topk(k, dim=1)
        found.append((best.indices, best.values))
    indices, values = zip(*found, strict=True)
    return Matches(torch.cat(indices), torch.cat(values))


def _require(k: int, left: int, rows: int | None = None) -> None:
    if not 1 <= k <= left:
        of = "" if rows is None else f" (of {rows}, without those excluded)"
        raise InputError(
            f"a search for k={k} among {left} rows{of}: expected 1 <= k <= {left}; lower k, or "
            "give a gallery of more records"
        )


def _checked(latents: Array, name: str, width: int | None = None) -> Tensor:
    values = as_tensor(latents).detach().cpu()
    if values.ndim != 2 or 0 in values.shape or width not in (None, values.shape[1]):
        raise InputError(
            f"{name} has shape {tuple(values.shape)}, expected latents "
            f"({'n' if width is None else 'q'}, {width or 'd'}) with at least one row"
        )
    values = values.float()
    bad = ~torch.isfinite(values).all(dim=1)
    if bool(bad.any()):
        raise InputError(
            f"row {int(bad.long().argmax())} of {name} holds NaN or infinity ({int(bad.sum())} "
            "such rows in all); leave them out"
        )
    return values


def _graph(gallery: Tensor) -> Any:
    try:
        faiss: Any = importlib.import_module("faiss")
    except ImportError as error:
        raise InputError(
            "backend='faiss' needs the extra 'ann'; run pip install 'triptych[ann]'"
        ) from error
    graph = faiss.IndexHNSWFlat(gallery.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 200
    graph.add(gallery.numpy())
    return graph
