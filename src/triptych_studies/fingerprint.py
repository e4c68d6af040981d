"""What a figure depends on, as hashes: the code that made it, and everything else by name."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import sys
import tokenize
from collections.abc import Iterable, Mapping
from inspect import ismodule
from pathlib import Path
from typing import Any

import triptych
from triptych import InputError

PACKAGE = Path(triptych.__file__).parent

# Never part of a figure, whatever a study's globs say.
SPEECHLESS = {
    "canvas.py",
    "differences.py",
    "download.py",
    "drawings.py",
    "explain.py",
    "maps.py",
    "pictures.py",
    "plots.py",
    "progress.py",
    "report.py",
    "sentences.py",
    "statistics.py",  # speaks of cells, not in them
    "tables.py",
}


def bare(source: str) -> str:
    """Source text without comments, docstrings and blank lines.

    Cut by position instead of printed from the tree, so that every Python version agrees.
    """
    lines = source.splitlines()
    cut: list[tuple[int, int, int]] = []  # first row, column in it, last row: to that row's end
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            cut.append((token.start[0], token.start[1], token.start[0]))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                cut.append((first.lineno, first.col_offset, first.end_lineno or first.lineno))
    for top, column, bottom in cut:
        lines[top - 1 : bottom] = [lines[top - 1][:column], *[""] * (bottom - top)]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def code_version(study: type, sources: Iterable[str]) -> str:
    """Hash of the files that `sources` (globs in the package) names, and of the study's own.

    The study's own are its module and what that imports at its top from other files of `studies`
    (measures, recipes); what it imports inside functions (figures) does not count.

    Raises
    ------
    InputError
        If a glob finds nothing: a file was renamed, and the hash would no longer watch it.
    """
    files: dict[str, Path] = {}
    for pattern in sources:
        found = sorted(PACKAGE.glob(pattern))
        if not found:
            raise InputError(
                f"the study {study.__name__} names the source {pattern!r}, but triptych has no "
                "such file; correct its `sources`"
            )
        files |= {p.relative_to(PACKAGE).as_posix(): p for p in found if p.name not in SPEECHLESS}
    files |= {f"study:{name}": path for name, path in _own_files(study.__module__).items()}
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{bare(files[name].read_text(encoding='utf-8'))}\0".encode())
    return digest.hexdigest()[:16]


def _own_files(module: str) -> dict[str, Path]:
    """Files of a study: its module and, again and again, the modules of `studies` it names."""
    files: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = getattr(sys.modules.get(name), "__file__", None)
        if name in files or path is None:
            continue
        files[name] = Path(path)
        for value in vars(sys.modules[name]).values():
            other = str(getattr(value, "__name__" if ismodule(value) else "__module__", ""))
            if other.startswith("triptych_studies.") and other != "triptych_studies.base":
                waiting.append(other)
    return files


def digest_of(key: Mapping[str, Any]) -> str:
    """Hash of plain JSON, whatever the order of its names."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
