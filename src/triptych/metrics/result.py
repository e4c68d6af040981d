"""The shape of results: frozen dataclasses that turn into plain data for JSON files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

import numpy as np

__all__ = ["Result", "plain"]


class Result:
    """Mixin for frozen dataclasses of figures.

    Bulk arrays (declared with ``field(repr=False)``) stay out of `to_dict`.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain lists, dicts and numbers; NaN and infinities become None."""
        assert is_dataclass(self)
        return {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.repr}


def plain(value: object) -> Any:
    """Turn numbers, arrays, mappings, sequences and results into what JSON can hold."""
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(cast("np.ndarray[Any, Any]", value).tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("list[object]", value)]
    return value
