"""Finished cells as files: found by what decides their metrics, claimed by one process each."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import triptych
from triptych import InputError
from triptych.files import held, read_json, write_atomically
from triptych.metrics.result import plain
from triptych_studies.base import Cell, CellResult, Finished


def code_version() -> str:
    """Hash of all sources of triptych and its studies, as they stand on the disk now."""
    digest = hashlib.sha256()
    for folder in (Path(triptych.__file__).parent, Path(__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder.parent).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def digest_of(key: Mapping[str, Any]) -> str:
    """Hash of plain JSON, whatever the order of its names."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics that are numbers; the others do not exist for this method or subject."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def rounded(artifacts: Mapping[str, Any]) -> dict[str, Any]:
    """Artifacts as plain JSON, floats to five digits: enough to draw, and half the file."""
    text = json.dumps(plain(artifacts), allow_nan=False)
    return json.loads(text, parse_float=lambda number: float(f"{float(number):.5g}"))


def row_of(cell: Cell, result: CellResult, seconds: float) -> dict[str, Any]:
    """Row of results.json."""
    return {
        **asdict(cell),
        "seconds": round(seconds, 1),
        "parameters": int(result.parameters),
        "epochs": int(result.epochs),
        "trials": int(result.trials),
        "metrics": finite(result.metrics),
        "subjects": {
            str(name): {"n": int(n), "metrics": finite(metrics)}
            for name, (n, metrics) in result.subjects.items()
        },
    }


@dataclass(frozen=True)
class Cache:
    """The folder `cells`: one JSON file per finished cell.

    Attributes
    ----------
    folder
        Where the files stand; several processes may share it.
    keys
        Cell to the plain JSON that decides its metrics.
    code
        Hash of the present sources, kept with every cell that is stored.
    models
        Whether the models of computed cells are kept.
    """

    folder: Path
    keys: Mapping[Cell, dict[str, Any]]
    code: str = ""
    models: bool = False

    def path(self, cell: Cell) -> Path:
        """File of `cell` under its present key."""
        words = (cell.method, cell.dataset, cell.split, f"f{cell.fold}", f"s{cell.seed}")
        name = "-".join(re.sub(r"[^\w.+-]", "_", word) for word in words)
        return self.folder / f"{name}-{digest_of(self.keys[cell])[:8]}.json"

    def recall(self, cell: Cell, note: Callable[[str], None] | None = None) -> Finished | None:
        """Finished cell; None if it has not been computed, or its file is damaged (noted)."""
        path = self.path(cell)
        if not path.exists():
            return None
        try:
            done, key = read_cell(path)
            if done.cell == cell and key == self.keys[cell]:
                return done
            fault = f"{path} is the cell of another key"
        except InputError as error:
            fault = str(error)
        if note is not None:
            note(f"{fault}; {cell} is computed anew")
        return None

    def store(
        self, cell: Cell, result: CellResult, seconds: float, environment: Mapping[str, Any]
    ) -> None:
        """Write a finished cell, whole or not at all (InputError on a full disk)."""
        content = {
            "key": self.keys[cell],
            "environment": {**environment, "code": self.code},
            "row": row_of(cell, result, seconds),
            "artifacts": rounded(result.artifacts),
        }
        lines = [f'"{name}": {json.dumps(part, allow_nan=False)}' for name, part in content.items()]
        with write_atomically(self.path(cell)) as handle:
            handle.write("{" + ",\n ".join(lines) + "}\n")

    def claim(self, cell: Cell) -> AbstractContextManager[bool]:
        """Whether this process may compute `cell`; the claim dies with the process."""
        return held(self.path(cell).with_suffix(".lock"))

    def is_free(self, cell: Cell) -> bool:
        """Whether no process has claimed `cell`."""
        with self.claim(cell) as mine:
            return mine

    def sweep(self) -> None:
        """Remove the lock files of processes that were killed."""
        for path in self.folder.glob("*.lock"):
            with held(path):
                pass

    def missing(self) -> int:
        """How many cells have no file yet, whoever computes them."""
        return sum(not self.path(cell).exists() for cell in self.keys)

    def others(self) -> int:
        """How many files belong to other settings, data or revisions than the cells have now."""
        present = {self.path(cell) for cell in self.keys}
        return sum(path not in present for path in self.folder.glob("*.json"))


def read_cell(path: Path) -> tuple[Finished, Any]:
    """Finished cell of a file, and its key; InputError unless all is there that readers need."""
    content = read_json(path)
    try:
        row = content["row"]
        done = Finished(Cell.of(row), row, content["artifacts"], content["environment"])
        whole = (
            all(isinstance(row[name], int | float) for name in ("seconds", "parameters"))
            and all(map(math.isfinite, row["metrics"].values()))
            and all(
                each["n"] >= 0 and all(map(math.isfinite, each["metrics"].values()))
                for each in row["subjects"].values()
            )
            and isinstance(done.artifacts, dict)
            and isinstance(done.environment["code"], str)
        )
        if whole:
            return done, content["key"]
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise InputError(f"{path} is not a whole cell")
