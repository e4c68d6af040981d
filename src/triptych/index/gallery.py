"""The index: latents, what is known of their rows, and the search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.errors import InputError
from triptych.index import stored
from triptych.index.approximate import FROM, Lists, available
from triptych.index.columns import StoredTable
from triptych.index.compare import Comparison, Metric, Names
from triptych.index.exact import Array, Matches, checked, require_rows
from triptych.index.stored import Part

CHUNK = 16_000_000  # similarities that are held at a time
TAIL = 20_000  # rows appended to a folder's index that are searched exactly until it is sorted anew


class Index:
    """A gallery of latents that can be searched, in memory or in a folder.

    Parameters
    ----------
    latents
        ``(n, d)``, finite.
    meta
        Name → array of n entries (record, label, start in s, ...), kept in the rows' order.
    metric
        ``"cosine"`` (a zero vector is similar to nothing: 0) or ``"dot"``.
    blocks
        Name → size of the latents' blocks, in order; left out, one block ``latents``.
    default
        Blocks that are compared if a search names none; left out, all.
    approximate
        Sort the rows into lists by faiss (extra ``ann``), of which a search reads those near the
        query: fast on millions of rows, with at least 99 % of the ten nearest. None: where it is
        installed and there are 50,000 rows or more. Searches by other than the default blocks
        stay exact, and so do all where lists would gain nothing (latents without clusters).

    Attributes
    ----------
    meta
        Name → `Column`; ``index.meta["record"][rows]`` are words.
    about
        Plain data kept with the index, such as the ``model``'s fingerprint.

    Raises
    ------
    InputError
        For other shapes, NaN, meta of another length, an unknown option or a missing extra.

    Examples
    --------
    >>> index = Index(np.eye(4), {"record": ["a", "a", "b", "b"]})
    >>> index.search(np.eye(4)[:1], k=2, own={"record": ["a"]}).rows.tolist()
    [[2, 3]]
    """

    def __init__(
        self,
        latents: Array,
        meta: Mapping[str, Any] | None = None,
        metric: Metric = "cosine",
        *,
        blocks: Mapping[str, int] | None = None,
        default: Names = None,
        approximate: bool | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        z = checked(latents, "the gallery")
        n, d = z.shape
        self.meta = StoredTable.of(meta or {}, n)
        self._rows = Comparison(z, dict(blocks or {"latents": d}), metric)
        self.default = self._rows.named(tuple(self._rows.blocks) if default is None else default)
        self.about: dict[str, Any] = dict(about or {})
        self.folder: Path | None = None
        self._approximate = approximate
        self._lists: Lists | None = self._sorted() if self._wanted() else None

    @property
    def latents(self) -> NDArray[np.float32]:
        """float32 ``(n, d)``; of a folder's index mapped, so that only what is used is read."""
        return self._rows.latents

    @property
    def metric(self) -> Metric:
        """``"cosine"`` or ``"dot"``."""
        return self._rows.metric

    @property
    def blocks(self) -> dict[str, int]:
        """Name → size of the blocks, in order."""
        return dict(self._rows.blocks)

    def __len__(self) -> int:
        return len(self.latents)

    def named(self, names: str | Sequence[str]) -> tuple[str, ...]:
        """Names of blocks as a tuple; InputError for one that there is not."""
        return self._rows.named(names)

    def places(self, names: str | Sequence[str]) -> slice | NDArray[np.int64]:
        """Columns of the latents that blocks stand in."""
        return self._rows.places(self.named(names))

    @property
    def approximate(self) -> bool:
        """Whether a search by the default blocks reads lists instead of all rows."""
        return self._lists is not None

    def search(
        self,
        query: Array,
        k: int = 10,
        exclude: Array | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        own: Mapping[str, Sequence[Any]] | None = None,
        unique: str | None = None,
        near: Names = None,
        far: Names = None,
    ) -> Matches:
        """Find the `k` most similar rows for each query.

        Parameters
        ----------
        query
            ``(q, d)``, whole latents also where some blocks are compared.
        k
            At least 1, at most the gallery's rows that are not excluded.
        exclude
            Booleans ``(n,)`` or ``(q, n)``: rows that must not be returned.
        where
            Column → an entry, or several: only such rows are found.
        own
            Column → an entry for each query ``(q,)``: rows that have it are not found (windows of
            the query's own record or subject).
        unique
            Column of which an entry is found once at most: one hit per subject, the most similar.
        near, far
            Blocks to be similar in (default: the index's), and to differ in. The similarity is
            that of the near blocks minus that of the far ones.

        Raises
        ------
        InputError
            For other shapes, NaN, unknown names, or fewer than `k` rows to choose from.
        """
        wanted = checked(query, "the query", self.latents.shape[1])
        chosen = self.default if near is None else self._rows.named(near)
        other = () if far is None else self._rows.named(far)
        if set(chosen) <= set(other):
            raise InputError(
                f"{', '.join(chosen)} cannot be near and far at once; name other blocks for one"
            )
        sides = [(chosen, 1.0)] + ([(other, -1.0)] if other else [])
        visible = self.meta.visible((len(wanted), len(self)), exclude, where, own)
        codes = None if unique is None else self.meta.column(unique).values
        require_rows(k, len(self))
        rows = np.empty((len(wanted), k), dtype=np.int64)
        similarity = np.empty((len(wanted), k), dtype=np.float32)
        left: list[int] = []  # queries that are answered exactly
        lists = self._lists if far is None and chosen == self.default else None
        for i, one in enumerate(wanted):
            found = lists and self._rows.walk(lists, one, k, chosen, visible(i), codes)
            if found is None:
                left.append(i)
            else:
                rows[i], similarity[i] = found
        step = max(1, CHUNK // len(self))
        for part in (left[i : i + step] for i in range(0, len(left), step)):
            masks = [~each for each in map(visible, part) if each is not None]
            hidden = np.stack(masks) if masks else None
            rows[part], similarity[part] = self._rows.scan(wanted[part], k, sides, hidden, codes)
        return Matches(torch.as_tensor(rows), torch.as_tensor(similarity))

    @classmethod
    def build(
        cls,
        folder: str | Path,
        latents: Array | Iterable[Part],
        meta: Mapping[str, Any] | None = None,
        metric: Metric = "cosine",
        *,
        blocks: Mapping[str, int] | None = None,
        default: Names = None,
        approximate: bool | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Write an index into a new folder, all or nothing, and open it.

        `latents` may be pairs (latents, meta) that are made one by one, so that a gallery need not
        fit into memory; the rest is as for an index in memory. Raises InputError where something
        stands in the folder, and as the index itself does.
        """
        names = [default] if isinstance(default, str) else default and list(default)
        said: dict[str, Any] = {
            "metric": metric,
            "blocks": None if blocks is None else list(blocks.items()),
            "default": names,
            "approximate": approximate,
            "about": dict(about or {}),
        }
        with stored.new_folder(folder) as apart:
            stored.add(apart, stored.parts_of(latents, meta), said)
            cls.open(apart)._sort_folder()
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path, model: str | None = None) -> Self:
        """Open what `build` wrote, in a moment: latents and lists are mapped, not read.

        `model` is the fingerprint of the model that will be asked; InputError if the index holds
        latents of another one, or is damaged.
        """
        where = Path(folder)
        content = stored.read(where)
        known = content["about"].get("model")
        if model is not None and known is not None and model != known:
            raise InputError(
                f"the index {where} holds latents of another model than this one; search it with "
                "that model, or build an index of this one"
            )
        index = cls.__new__(cls)
        index.folder = where
        index._load(content)
        return index

    def append(
        self, latents: Array | Iterable[Part], meta: Mapping[str, Any] | None = None
    ) -> None:
        """Add rows, as `build` takes them; all of them count at the end, or none.

        A search compares the new rows exactly until there are 20,000 of them, or a tenth of all;
        then the lists are made anew. Raises InputError for an index in memory, columns that
        differ, or a folder to which another process is adding.
        """
        if self.folder is None:
            raise InputError("append needs an index in a folder; make one with Index.build")
        with stored.locked(self.folder):
            self._load(stored.add(self.folder, stored.parts_of(latents, meta)))
            self._sort_folder()

    def _load(self, content: dict[str, Any]) -> None:
        assert self.folder is not None
        latents, self.meta = stored.arrays(self.folder, content)
        blocks = dict(content["blocks"] or {"latents": latents.shape[1]})
        self._rows = Comparison(latents, blocks, content["metric"])
        self.default = self._rows.named(content["default"] or tuple(blocks))
        self.about, self._approximate = content["about"], content["approximate"]
        kept, self._lists = content.get("lists"), None
        path = self.folder / stored.lists_file(kept["rows"] if kept else 0)
        if kept and kept["probes"] and path.exists() and available():
            width = self._rows.width(self.default)
            self._lists = Lists.read(path, kept["rows"], kept["probes"], width)

    def _wanted(self) -> bool:
        if self._approximate is None:
            return len(self) >= FROM and available()
        return self._approximate

    def _sorted(self) -> Lists | None:
        shape = (len(self), self._rows.width(self.default))
        half = self.metric == "cosine"
        return Lists.build(lambda rows: self._rows.units(rows, self.default), shape, half=half)

    def _sort_folder(self) -> None:
        """Sort the rows into lists, if too many came since this was done, and keep the lists."""
        assert self.folder is not None
        content = stored.read(self.folder)
        before = (content.get("lists") or {"rows": 0})["rows"]
        if not self._wanted() or len(self) - before < max(1, min(TAIL, before // 10)):
            return
        self._lists = self._sorted()
        stored.keep_lists(self.folder, content, self._lists, len(self))
