"""Packages whose names are loaded when first used."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from typing import Any


def homes(source: str) -> dict[str, str]:
    """Name → module of every indented line ``from module import name as name``.

    They stand under ``if TYPE_CHECKING``; ``as name`` says to type checkers that it is public.
    """
    found = re.findall(r"^    from (\S+) import (\w+) as \2$", source, re.MULTILINE)
    return {name: module for module, name in found}


def attach(
    package: str, source: str | None = None
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package, of what it imports for type checkers.

    So a public name is one line. `source` is the package's own text, if it is left out.
    """
    module = sys.modules[package]
    spec: Any = module.__spec__
    home = homes(source or spec.loader.get_data(spec.origin).decode())

    def load(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home[name]), name)
        setattr(module, name, value)
        return value

    return load, lambda: sorted({*vars(module), *home}), sorted(home)
