"""A study as a grid: methods on a task. What runs is the task's and the methods'; a study lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from triptych import InputError
from triptych_studies import methods
from triptych_studies.base import Cell, CellResult, Options, Progress, Study
from triptych_studies.fitted import fitted_model
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
        recipe = methods.recipe_of(prepared, cell.method, cell.seed, self.ablations)
        return {"recipe": recipe, **self._trials(prepared, cell), **prepared.terms()}

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
        method, sides = methods.find(cell.method), prepared.sides(cell)
        recipe = methods.recipe_of(prepared, cell.method, cell.seed, self.ablations, trial)
        callbacks = prepared.callbacks()
        model, projector, epochs = fitted_model(
            recipe,
            sides.train,
            sides.validation,
            channels=prepared.channels,
            device=prepared.options.device,
            untrained=not method.trained,
            progress=progress,
            shared_people=cell.split == "random",
            callbacks=callbacks,
        )
        return Trained(model, projector, epochs, method.frozen, recipe, callbacks)

    @staticmethod
    def _trials(prepared: Task, cell: Cell) -> dict[str, int]:
        if not prepared.trials:
            return {}
        return {"trials": prepared.trials if methods.find(cell.method).trained else 0}
