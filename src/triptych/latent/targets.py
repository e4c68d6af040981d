"""Kinds of labels by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from triptych.errors import InputError
from triptych.latent.label_set import LabelSet
from triptych.latent.one_label import OneLabel
from triptych.latent.quantity import Quantity
from triptych.latent.target import Target

KINDS: dict[str, type[Target]] = {each.kind: each for each in (OneLabel, LabelSet, Quantity)}


def target_of(content: Target | Sequence[str] | Mapping[str, Any]) -> Target:
    """A target, from itself, from names of classes, or from what `Target.to_dict` gave.

    Raises
    ------
    InputError
        For another kind, or settings that it does not take.
    """
    if isinstance(content, Target):
        return content
    if not isinstance(content, Mapping):
        return OneLabel(tuple(map(str, content)))
    settings: dict[str, Any] = dict(content)
    kind = KINDS.get(str(settings.pop("kind", "")))
    if "names" in settings:
        settings["names"] = tuple(map(str, settings["names"]))
    try:
        if kind is None:
            raise TypeError(f"kind is none of {', '.join(KINDS)}")
        return kind(**settings)
    except TypeError as error:
        raise InputError(f"{dict(content)} describes no target of a head: {error}") from error
