"""Search over latents: the most similar rows of a gallery, exactly or by faiss."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping
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
        left = len(self)
        if hidden is not None:
            left = int((~hidden).sum(dim=-1).min()) if hidden.numel() else 0
        if not 1 <= k <= left:
            raise InputError(
                f"a search for k={k} among {left} rows (of {len(self)}, without those excluded); "
                f"expected 1 <= k <= {left}"
            )
        wanted = self._scaled(wanted)
        if self._graph is not None:
            if hidden is not None:
                raise InputError("exclude needs backend='torch'; faiss searches the whole gallery")
            self._graph.hnsw.efSearch = max(128, 2 * k)
            similarity, rows = self._graph.search(wanted.numpy(), k)
            return Matches(torch.as_tensor(rows), torch.as_tensor(similarity))
        step = max(1, CHUNK // len(self))
        found = [
            self._exact(
                wanted[start : start + step],
                hidden[start : start + step] if hidden is not None and hidden.ndim == 2 else hidden,
                k,
            )
            for start in range(0, len(wanted), step)
        ]
        similarity, rows = (torch.cat(parts) for parts in zip(*found, strict=True))
        return Matches(rows, similarity)

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

    def _exact(self, wanted: Tensor, hidden: Tensor | None, k: int) -> tuple[Tensor, Tensor]:
        similarity = wanted @ self._columns
        if hidden is not None:
            similarity.masked_fill_(hidden, -math.inf)
        best = similarity.topk(k, dim=1)
        return best.values, best.indices


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
