"""A study that trains nothing: figures are made up from the names, so that the runner is tested."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from triptych.errors import InputError
from triptych_studies.base import (
    Cell,
    CellResult,
    Options,
    Progress,
    StudyData,
)
from triptych_studies.figures import Album
from triptych_studies.grid import Study

PEOPLE = tuple(str(100 + i) for i in range(8))
LEVEL = {"plain": 0.3, "exact": 0.95, "scl": 0.9}


@dataclass(frozen=True, kw_only=True)
class FakeData(StudyData):
    """What the test wants to happen in which cell."""

    kind: ClassVar[str] = "fake"
    folder: Path | None = None  # where every computed cell leaves a line
    faults: Mapping[str, BaseException] = field(default_factory=dict)  # method -> raised
    killed: str = ""  # method whose process is killed from outside
    pause: float = 0.0  # s
    recipe: float = 0.001
    figures: bool = False


@dataclass(frozen=True)
class Fake(Study):
    """Three methods, two seeds, eight people; a dataclass so that tests can set it up."""

    name: ClassVar[str] = "fake"
    title: ClassVar[str] = "Fake study"
    metrics: ClassVar[Mapping[str, str]] = {
        "cosine": "↑ mean cosine <of windows> & so on",
        "level": "between-sample level",
        "error": "↓ smaller is better",
    }
    methods: ClassVar[tuple[str, ...]] = ("plain", "exact", "scl")
    headline: ClassVar[tuple[str, ...]] = ("cosine", "level")
    exact: ClassVar[tuple[str, ...]] = ("exact",)

    prepared: FakeData = FakeData(data_name="made-up", fingerprint="sha256:0")

    def prepare(self, data: Path | None, options: Options) -> FakeData:
        if data is not None and not data.is_dir():
            raise InputError(f"{data} is not a folder")
        return FakeData(**{**vars(self.prepared), "options": options})

    def cells(self, prepared: FakeData) -> Sequence[Cell]:
        options = prepared.options
        return [
            Cell(m, "made-up", seed=s) for s in range(options.seeds or 2) for m in options.methods
        ]

    def key(self, prepared: FakeData, cell: Cell) -> Mapping[str, Any]:
        return {"recipe": {"rate": prepared.recipe, "sizes": (1, 2)}}

    def compute(self, prepared: FakeData, cell: Cell, progress: Progress) -> CellResult:
        progress("epoch 1/2")
        time.sleep(prepared.pause)
        if cell.method in prepared.faults:
            raise prepared.faults[cell.method]
        if cell.method == prepared.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        if prepared.folder is not None:
            with open(prepared.folder / "computed.txt", "a", encoding="utf-8") as handle:
                handle.write(f"{cell.method} {cell.seed} {os.getpid()}\n")
        rng = np.random.default_rng(cell.seed)
        people = LEVEL[cell.method] + 0.02 * rng.normal(size=len(PEOPLE))
        return CellResult(
            metrics={"cosine": float(people.mean()), "level": 0.1, "error": float("nan")}
            | ({"error": 1.25} if cell.method == "plain" else {}),
            subjects={p: (50, {"cosine": float(v)}) for p, v in zip(PEOPLE, people, strict=True)},
            parameters=1234,
            epochs=2,
            trials=8,
            artifacts={"curve": np.array([1.0, 1 / 3, np.nan]), "names": ("a", "b")},
        )

    def draw(self, album: Album) -> None:
        if self.prepared.figures:
            album.add_intervals("seeds")
