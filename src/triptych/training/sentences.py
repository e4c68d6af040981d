"""YAML in, and what pydantic finds wrong with it as one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError

from triptych.counts import counted
from triptych.errors import InputError


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but `1e-3` is a number, `no` a word, and no key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; a key that stands twice would silently hide the first."""
        seen: set[str] = set()
        for key, _ in node.value:
            if (word := str(key.value)) in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem=f"the key {word!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(word)
        return super().construct_mapping(node, deep)


BOOL = "tag:yaml.org,2002:bool"
WORDS = {"yes": True, "on": True, "no": False, "off": False}
# Where YAML 1.2 reads words, 1.1 reads booleans: a class may be called `no`.
NAMES = ("name", "classes", "background", "options")
"""Fields in which `WORDS` stay words; elsewhere they are the booleans that YAML 1.1 knows."""

_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_add = cast(Any, _Loader).add_implicit_resolver
_add(BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
# PyYAML wants a dot in a float and would hand over the text '1e-3'.
_add("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


def _booleans(content: Any) -> Any:
    """Plain data with `WORDS` as booleans, except in fields called as in `NAMES`."""
    if isinstance(content, dict):
        return {
            key: value if key in NAMES else _booleans(value)
            for key, value in cast("dict[Any, Any]", content).items()
        }
    if isinstance(content, list):
        return [_booleans(each) for each in cast("list[Any]", content)]
    return WORDS.get(content.lower(), content) if isinstance(content, str) else content


def read_overrides(texts: Sequence[str]) -> dict[str, Any]:
    """``["training.epochs=3", "data.high=null"]`` → places and values, read as in a recipe file.

    Raises
    ------
    InputError
        If one is not KEY=VALUE, cannot be read, or a key is given twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        if not (equals and all(place.split("."))):
            raise InputError(
                f"{text!r} is no change of a recipe: expected KEY=VALUE, e.g. training.epochs=3"
            )
        if place in found:
            raise InputError(f"{place} is given twice; give it once")
        found[place] = read_value(place, value)
    return found


def read_value(place: str, text: str) -> Any:
    """A value as a recipe file has it at this place: ``1e-3`` is a number.

    Raises InputError if it is not YAML.
    """
    try:
        read: Any = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise InputError(f"{place} has the value {text!r}, which is not YAML") from error
    return read if set(place.split(".")) & set(NAMES) else _booleans(read)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read one mapping from a YAML file; raises InputError that names file and place."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read recipe {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"recipe {path} is not a text file in UTF-8") from error
    try:
        content: Any = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "not YAML"
        raise InputError(f"recipe {path}{place} is not valid YAML: {reason}") from error
    if not isinstance(content, dict):
        raise InputError(
            f"recipe {path} holds {'nothing' if content is None else type(content).__name__}, "
            "expected a mapping with at least name, data and latent"
        )
    return {str(key): value for key, value in _booleans(content).items()}


def sentence(error: ValidationError, model: type[BaseModel], source: str) -> str:
    """Say what the first fault is: field, value, what was expected; and how many follow."""
    found = error.errors(include_url=False)
    first = found[0]
    place = [str(part) for part in first["loc"]]
    field, kind = ".".join(place), first["type"]
    if kind == "value_error":  # an InputError of ours, already a sentence
        said = str(first.get("ctx", {}).get("error", first["msg"])).rstrip(".")
        text = f"{source}, {field}: {said}" if field else f"{source}: {said}"
    elif kind == "extra_forbidden":
        known = _fields(model, place[:-1])
        near = difflib.get_close_matches(place[-1], known, 1)
        hint = f"did you mean {near[0]!r}" if near else f"expected one of {', '.join(known)}"
        text = f"{source} has an unknown field {field!r} (value {_short(first['input'])}); {hint}"
        text += "?" if near else ""
    elif kind == "missing":
        text = f"{source} lacks the field {field!r}; add it"
    else:
        expected = first["msg"].removeprefix("Input should be ").removeprefix("a ")
        text = f"{source}, field {field!r} is {_short(first['input'])}, expected {expected}"
    more = len(found) - 1
    return text if not more else f"{text} (and {counted(more, 'more fault')})"


def _fields(model: type[BaseModel], place: list[str]) -> list[str]:
    for name in place:
        annotation = model.model_fields[name].annotation if name in model.model_fields else None
        parts = get_args(annotation) or (annotation,)  # of an optional field, too
        inner = [each for each in parts if isinstance(each, type) and issubclass(each, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def replaced(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Copy nested mappings with values at dotted places changed (``"training.epochs": 3``)."""
    copy = {
        key: replaced(cast("Mapping[str, Any]", value), {}) if isinstance(value, Mapping) else value
        for key, value in content.items()
    }
    for place, value in changes.items():
        *outer, last = place.split(".")
        inner = copy
        for name in outer:
            step = inner.setdefault(name, {})
            if not isinstance(step, dict):
                raise InputError(f"{place!r} is no place in a recipe: {name!r} holds no fields")
            inner = cast("dict[str, Any]", step)
        inner[last] = value
    return copy


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Undo `replaced`: nested mappings as one, by dotted places."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            found |= flat(cast("Mapping[str, Any]", value), f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
