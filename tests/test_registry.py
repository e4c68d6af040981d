"""A registry: names, nearest names, settings, what passes by place."""

from __future__ import annotations

from typing import Any

import pytest

from triptych.errors import InputError
from triptych.registry import Registry


class Lens:
    def __init__(self, shape: object, focus: float, *, tint: tuple[float, ...] = ()) -> None:
        if focus <= 0:
            raise InputError("focus is not above 0")
        self.shape, self.focus, self.tint = shape, 1 / focus, tint


def lenses() -> Registry[type[Lens]]:
    return Registry("lens", {"plain": Lens}, given=("shape",))


def test_what_is_made_has_its_settings_and_what_was_given() -> None:
    made = lenses().make(
        "plain", {"focus": 2, "tint": [1, [2]]}, lambda kind, **own: kind(7, **own)
    )
    assert (made.shape, made.focus, made.tint) == (7, 0.5, (1, (2,)))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("plane", {}, r"'plane'; .*mean 'plain'"),
        (3, {}, "lens 3; .*plain$"),
        ("plain", {"fokus": 2}, r"'fokus'; .*focus, tint \(did.*'focus'"),
        ("plain", {"shape": 2}, "no setting 'shape'"),
        ("plain", {}, "needs a value"),
        ("plain", {"focus": 0}, "^focus is not above 0$"),
        ("plain", {"focus": "far"}, "lens 'plain' cannot be made with {'focus': 'far'}"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(
    name: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        lenses().make(name, settings, lambda kind, **own: kind(7, **own))


def test_a_name_is_given_once() -> None:
    class Other(Lens):
        pass

    all_of_them = Registry("glass", lenses(), {"window": Lens})
    all_of_them.register("other", Other)
    all_of_them.register("other", Other)  # a second import
    assert all_of_them.find("other") is Other
    for taken in ("plain", "window", "other"):
        with pytest.raises(InputError, match=f"glass '{taken}' already.* dict "):
            all_of_them.register(taken, dict)  # type: ignore[arg-type]
