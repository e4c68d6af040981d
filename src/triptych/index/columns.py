"""What is known of every row: numbers, or words, which are kept once and counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.errors import InputError

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Column:
    """Entries ``(n,)``; index it as an array.

    Attributes
    ----------
    values
        Numbers or booleans, or the place of every row's word in `words`.
    words
        Each different word once; None for numbers.
    """

    values: NDArray[Any]
    words: tuple[str, ...] | None = None

    @classmethod
    def of(cls, values: Any, name: str, n: int) -> Column:
        """Column of n numbers, booleans or strings; anything else raises InputError."""
        held = np.asarray(values)
        if held.shape != (n,) or held.dtype.kind not in "biufUT":
            raise InputError(
                f"meta {name!r} is {held.dtype} of shape {held.shape}, expected numbers, "
                f"booleans or strings of shape ({n},), one entry per latent"
            )
        if held.dtype.kind not in "UT":
            return cls(held.astype(held.dtype.newbyteorder("=")))
        words, codes = np.unique(held, return_inverse=True)
        return cls(codes.astype(np.int32), tuple(map(str, words)))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        held = np.asarray(self.values[rows])
        return held if self.words is None else np.asarray(self.words)[held]

    def like(self, other: Column, name: str) -> Column:
        """Code this column as `other`, whose words come first and in their order."""
        if (self.words is None) != (other.words is None):
            kinds = ["numbers" if each.words is None else "words" for each in (other, self)]
            raise InputError(f"meta {name!r} holds {kinds[0]} in the index, but {kinds[1]} here")
        if self.words is None or other.words is None:
            kind, own = other.values.dtype, self.values.dtype
            with np.errstate(all="ignore"):
                values = self.values.astype(kind)
            # floats are rounded to the index's; anything else has to be the same number there
            if (own.kind, kind.kind) != ("f", "f") and not np.array_equal(values, self.values):
                raise InputError(
                    f"meta {name!r} holds {kind} in the index, which cannot keep these "
                    f"{own} values; build the index anew, with wider numbers"
                )
            return Column(values)
        places = {word: place for place, word in enumerate(other.words)}
        codes = [places.setdefault(word, len(places)) for word in self.words]
        return Column(np.asarray(codes, dtype=np.int32)[self.values], tuple(places))

    def equals(self, wanted: Any, name: str) -> Mask:
        """Rows ``(n,)`` whose entry is `wanted`, or one of them; InputError if there is none."""
        several = not isinstance(wanted, str) and isinstance(wanted, Sequence | np.ndarray)
        entries: list[Any] = list(cast("Sequence[Any]", wanted)) if several else [wanted]
        places = [self._place(each) for each in entries]
        for entry, place in zip(entries, places, strict=True):
            if place is None or (self.words is None and not (self.values == place).any()):
                known = self.words or tuple(map(str, np.unique(self.values[:100_000])))
                if not any(known):
                    raise InputError(f"no row has {name} {str(entry)!r}: it is empty in all rows")
                shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
                raise InputError(f"no row has {name} {str(entry)!r}; {name} is one of {shown}")
        return np.isin(self.values, np.array(places, self.values.dtype))

    def same(self, wanted: Any) -> Mask:
        """Rows ``(n,)`` whose entry is `wanted`; none if no row has it."""
        place = self._place(wanted)
        return np.zeros(len(self), bool) if place is None else np.asarray(self.values == place)

    def _place(self, entry: Any) -> Any:
        """What stands in `values` for an entry, of their type; None if nothing can."""
        if self.words is not None:
            return self.words.index(str(entry)) if str(entry) in self.words else None
        kind = self.values.dtype
        try:
            given = np.asarray(_number(entry, kind) if isinstance(entry, str) else entry)
            with np.errstate(all="ignore"):
                place = given.astype(kind)
        except (TypeError, ValueError, OverflowError):
            return None
        same = given.ndim == 0 and (kind.kind == "f" or bool(place == given))
        return place[()] if same else None


def _number(text: str, kind: np.dtype[Any]) -> float:
    """What a word says of numbers or booleans; whole numbers whole, which floats do not keep."""
    if kind.kind == "b" and text in ("True", "False"):
        return text == "True"
    try:
        return int(text)
    except ValueError:
        return float(text)


class StoredTable(dict[str, Column]):
    """Columns by name, all of the same rows."""

    @classmethod
    def of(cls, meta: Mapping[str, Any], n: int) -> StoredTable:
        """Columns of n entries each; InputError for others."""
        return cls({name: Column.of(values, name, n) for name, values in meta.items()})

    def column(self, name: str) -> Column:
        """Column of this name, else InputError."""
        if name not in self:
            raise InputError(
                f"the index has no column {name!r}; it has {', '.join(self) or 'none'}"
            )
        return self[name]

    def visible(
        self,
        shape: tuple[int, int],
        exclude: Any,
        where: Mapping[str, Any] | None,
        own: Mapping[str, Sequence[Any]] | None,
    ) -> Callable[[int], Mask | None]:
        """Query → rows ``(n,)`` that it may find; None: all.

        `shape` counts queries and rows; the others are as `Index.search` takes them.
        """
        queries, n = shape
        hidden = None if exclude is None else torch.as_tensor(exclude).numpy()
        shapes = ((n,), (queries, n))
        if hidden is not None and (hidden.dtype != bool or hidden.shape not in shapes):
            raise InputError(
                f"exclude is {hidden.dtype} of shape {hidden.shape}, expected booleans of shape "
                f"{shapes[0]} or {shapes[1]}"
            )
        shared: Mask | None = None
        for name, wanted in (where or {}).items():
            kept = self.column(name).equals(wanted, name)
            shared = kept if shared is None else shared & kept
        for name, entries in (own or {}).items():
            self.column(name)
            if isinstance(entries, str) or len(entries) != queries:
                raise InputError(f"own {name!r} needs one entry for each of {queries} queries")
        if hidden is not None and hidden.ndim == 1:
            shared = ~hidden if shared is None else shared & ~hidden

        def visible(query: int) -> Mask | None:
            masks = [] if shared is None else [shared]
            if hidden is not None and hidden.ndim == 2:
                masks.append(~hidden[query])
            masks += [~self[name].same(each[query]) for name, each in (own or {}).items()]
            if len(masks) > 1:
                return np.logical_and.reduce(masks)
            return masks[0] if masks else None

        return visible
