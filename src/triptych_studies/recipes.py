"""Recipes as plain data: one base, what a method changes in it, and what an ablation does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the entries of `change`, mappings merged key by key."""
    result = dict(base)
    for key, value in change.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merged(cast(Mapping[str, Any], old), cast(Mapping[str, Any], value))
        result[key] = value
    return result
