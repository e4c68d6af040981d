"""Packages whose names are loaded when first used."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from typing import Any, cast


def homes(source: str) -> dict[str, str]:
    """Name → module of every ``from module import name as name`` under ``if TYPE_CHECKING``.

    ``as name`` says to type checkers that the name is public.
    """
    return {
        alias.name: cast(str, node.module)
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }


def attach(
    package: str, source: str | None = None
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package, of what it imports for type checkers.

    So a public name is one line. `source` is the package's own text, if it is left out.
    """
    module = sys.modules[package]
    home = homes(source or cast(Any, module.__spec__).loader.get_source(package))

    def load(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home[name]), name)
        setattr(module, name, value)
        return value

    return load, lambda: sorted({*vars(module), *home}), sorted(home)
