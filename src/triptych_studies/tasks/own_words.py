"""What is typed after `triptych study own`, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from triptych import InputError


def asked_of(data: str | None, own: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What `Asked` is made of; InputError for words that cannot be read."""
    column, equals, values = str(said.get("hold_out", "")).partition("=")
    chosen = [each.strip() for each in values.split(",") if each.strip()]
    if equals and not (column.strip() and chosen):
        raise InputError(f"--hold-out is {said['hold_out']!r}, expected COLUMN or COLUMN=A,B")
    nuisance = nuisances(said.get("nuisance", ()))
    return {
        "data": data,
        "nuisance": nuisance,
        "options": {name: _plain(value) for name, value in own.items()},
        "hold_out": column.strip(),
        "values": chosen,
        "window": said.get("window"),
        "rate": said.get("rate"),
        "band": band(said.get("band")),
    }


def nuisances(texts: Sequence[str]) -> list[dict[str, Any]]:
    """``["gain:max_gain=6", "rotation"]`` → transforms as a recipe names them."""
    import yaml

    found: list[dict[str, Any]] = []
    for text in texts:
        name, _, settings = text.partition(":")
        try:  # as one line of YAML, so that numbers, words and lists are what they are there
            read: Any = yaml.safe_load("{" + settings.replace("=", ": ") + "}")
        except yaml.YAMLError:
            read = None
        if not isinstance(read, dict) or None in read.values():  # pyright: ignore[reportUnknownMemberType]
            raise InputError(
                f"--nuisance is {text!r}, expected NAME or NAME:SETTING=VALUE, e.g. "
                "phase_shift:max_shift=0.1"
            )
        numbers = {key: _number(each) for key, each in cast("dict[str, Any]", read).items()}
        found.append({"name": name.strip(), **numbers})
    names = [each["name"] for each in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--nuisance {twice[0]} is given twice; give it once")
    return found


def _number(value: Any) -> Any:
    """A number where YAML 1.1 leaves a word: ``1e-3``, as in a recipe."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def band(text: str | None) -> tuple[float | None, float | None]:
    """``"0.5,40"`` → (0.5, 40.0); ``",40"`` leaves the lower end open."""
    if not text:
        return None, None
    try:
        low, high = (float(each) if each.strip() else None for each in text.split(","))
    except ValueError as error:
        raise InputError(f"--band is {text!r}, expected LOW,HIGH in Hz, e.g. 0.5,40") from error
    return low or None, high


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
