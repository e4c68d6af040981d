"""Words of many windows, each kept once: a byte or two per window, however long the words are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from triptych.datasets.gathered import pieces


class Coded:
    """Words ``(n,)`` as an array of text answers, where windows are many.

    Rows are chosen and words compared by code; what asks numpy for more gets the words themselves.

    Parameters
    ----------
    names
        The different words.
    codes
        Which of them, for each window.
    """

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, names: NDArray[np.str_], codes: NDArray[np.integer[Any]]) -> None:
        self.names, self.codes = names, codes
        self.shape, self.ndim, self.size, self.dtype = codes.shape, 1, len(codes), names.dtype

    @classmethod
    def of(cls, words: NDArray[Any]) -> Coded:
        """Code words, some thousand at a time, since numpy finds different ones in copies."""
        place: dict[str, int] = {}
        codes = np.empty(len(words), np.int32)
        for own, each in zip(pieces(codes), pieces(words), strict=True):
            distinct, back = np.unique(each.astype(str), return_inverse=True)
            known = [place.setdefault(str(word), len(place)) for word in distinct]
            own[:] = np.array(known)[back.reshape(-1)]
        return cls(np.array(list(place)), codes.astype(np.min_scalar_type(len(place))))

    def __len__(self) -> int:
        return self.size

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.names[self.codes], dtype)

    def __getitem__(self, rows: Any) -> Any:
        codes = self.codes[rows]
        return Coded(self.names, codes) if np.ndim(codes) else self.names[codes]

    def __eq__(self, other: object) -> Any:
        return self._same(other)

    def __ne__(self, other: object) -> Any:
        return ~self._same(other)

    def tolist(self) -> list[str]:
        """The words."""
        return np.asarray(self).tolist()

    def distinct(self) -> NDArray[np.str_]:
        """The words that are there, each once, in order."""
        there = np.zeros(len(self.names), bool)
        there[self.codes] = True
        return np.sort(self.names[there])

    def _same(self, other: object) -> NDArray[np.bool_]:
        if isinstance(other, str):
            return (self.names == other)[self.codes]
        return np.asarray(self) == np.asarray(other)


def distinct(words: Any) -> NDArray[np.str_]:
    """The different words ``(k,)`` of windows, in order."""
    return words.distinct() if isinstance(words, Coded) else np.unique(words)
