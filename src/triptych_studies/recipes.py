"""Recipes as plain data: one base, what a method changes in it, and what an ablation does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def changed(
    base: Mapping[str, Any],
    method: str,
    changes: Mapping[str, Mapping[str, Any]],
    trials: Mapping[str, Sequence[Mapping[str, Any]]],
    ablations: Mapping[str, Mapping[str, Any]],
    trial: int | None,
) -> dict[str, Any]:
    """Recipe of a method, of one of its trials, or of an ablation such as ``scl/sharpness=0``."""
    name, _, ablation = method.partition("/")
    recipe = merged(base, changes[name])
    if trial is not None:
        recipe = merged(recipe, trials[name][trial])
    return merged(recipe, ablations[ablation]) if ablation else recipe
