"""A study as a grid: methods on a task. What runs is the task's and the methods'; a study lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from triptych import InputError
from triptych_studies import methods
from triptych_studies.base import Cell, CellResult, Options, Progress, Study
from triptych_studies.scores import Scores
from triptych_studies.tasks.base import Task, Trained
from triptych_studies.trials import run_trials

T = TypeVar("T", bound=Task)


class Grid(Study[T]):
    """Methods x seeds on one task; a study subclasses it with names, a headline and a conclusion.

    Attributes
    ----------
    task
        What every method is trained and measured on.
    """

    task: ClassVar[type[Task]]

    @property
    def metrics(self) -> Mapping[str, str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The task's, in the order of the tables."""
        return self.task.metrics

    def prepare(self, data: Path | None, options: Options) -> Any:
        """Read the data and cut every window that any row needs."""
        return self.task.load(data, options)

    def cells(self, prepared: T) -> Sequence[Cell]:
        """The task's order of computing."""
        return prepared.cells()

    def key(self, prepared: T, cell: Cell) -> Mapping[str, Any]:
        """The recipe, how many trials chose its values, and the task's own terms."""
        recipe = self.recipe(prepared, cell)
        return {"recipe": recipe, **self._trials(prepared, cell), **prepared.terms(recipe)}

    def row(self, cell: Cell) -> str:
        """The cell's row in the table of methods; an ablation may go without what it changes."""
        name = cell.method
        return f"{self.focus}/{name}" if name in self.ablations else name

    def recipe(self, prepared: T, cell: Cell, trial: int | None = None) -> dict[str, Any]:
        """Recipe that a cell is trained by, or that of one of its trials."""
        return methods.recipe_of(prepared, self.row(cell), cell.seed, self.ablations, trial)

    def compute(self, prepared: T, cell: Cell, progress: Progress) -> CellResult:
        """Train one method and measure everything that it has."""
        trained = self._trained(prepared, cell, None, progress)
        progress("measuring")
        scores = Scores(wanted=partial(self.draws, cell))
        prepared.measure(trained, cell, scores)
        return CellResult(
            metrics=scores.metrics,
            subjects=scores.by_subject(),
            parameters=sum(p.numel() for p in trained.model.parameters()),
            epochs=trained.epochs,
            trials=self._trials(prepared, cell).get("trials", 0),
            artifacts=scores.artifacts,
        )

    def tune(self, prepared: T, names: Sequence[str], out: Path, progress: Progress) -> Path:
        """Try each method's settings on validation subjects; see `run_trials`."""

        def score(name: str, trial: int) -> dict[str, float]:
            cell = Cell(name, prepared.data_name, prepared.split)
            return prepared.scored(self._trained(prepared, cell, trial, lambda text: None))

        tried = methods.TRIALS.get(prepared.kind)
        if not tried:
            raise InputError(f"the study {self.name} has nothing to tune; leave --tune out")
        counts = {name: len(trials) for name, trials in tried.items()}
        return run_trials(counts, ("plain", *names), out, score, prepared.total, progress)

    def _trained(self, prepared: T, cell: Cell, trial: int | None, progress: Progress) -> Trained:
        recipe = self.recipe(prepared, cell, trial)
        return prepared.fit(recipe, methods.find(self.row(cell)), cell, progress)

    def _trials(self, prepared: Task, cell: Cell) -> dict[str, int]:
        if not prepared.trials:
            return {}
        return {"trials": prepared.trials if methods.find(self.row(cell)).trained else 0}
