"""A study: a grid of methods on a task, its headline, and its conclusion.

A new study is one file with one subclass of `Study`, and one line in this folder's `__init__`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from triptych import InputError
from triptych_studies import methods
from triptych_studies.base import Cell, CellResult, Options, Progress
from triptych_studies.scores import Scores
from triptych_studies.tasks.base import Task, Trained
from triptych_studies.trials import run_trials

Direction = Literal["higher", "lower"]
WAYS: dict[str, Direction] = {"↑": "higher", "↓": "lower"}

# Ablations of gradient isolation and of training in turns. They were worse (docs/ablations.md)
# and cannot be trained any more; their entries stay for the keys of finished cells.
RETIRED = (
    "isolation=variation",
    "isolation=all",
    "schedule=alternate",
    "schedule=pretrain-then-task",
)


class Study:
    """Methods x seeds on one task under the protocol. Instances hold no state and pickle.

    Attributes
    ----------
    name, title
        ``"ecg-phase"`` and what stands over tables and reports.
    task
        What every method is trained and measured on.
    methods, headline
        All rows, in the order of the tables; the metrics of the first table and of the paired
        statements.
    focus, baseline
        The method that the paired statements are about, and the one to name beside it.
    descriptions
        Method to one line on what the row is, where its name alone would say too much or little.
    exact
        Methods that are invariant by construction.
    ablations
        ``"temperature=0.2"`` to what it changes in the recipe of `focus`: one thing at a time.
    retired
        Ablations whose code is gone: finished cells stay in the tables, no new ones are computed.
    units
        Metric to (scale, unit) in which its differences are worded; else 100, "points".
    revision
        Version of the code that makes the metrics: raise it with every change that moves them, and
        all cells are computed anew. A refactor leaves it alone, so that a study may run for days;
        a hash of all sources is kept in every cell's environment all the same.
    figures
        Module of this package that draws the figures, imported when it does; empty: none.
    drawn
        Artifact to the methods of which a figure shows it; all, of one that is not named here.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    task: ClassVar[type[Task]]
    protocol: ClassVar[str] = "1"
    revision: ClassVar[int] = 1
    methods: ClassVar[tuple[str, ...]]
    headline: ClassVar[tuple[str, ...]]
    focus: ClassVar[str] = "scl"
    baseline: ClassVar[str] = "plain"
    descriptions: ClassVar[Mapping[str, str]] = {}
    exact: ClassVar[tuple[str, ...]] = ()
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    retired: ClassVar[tuple[str, ...]] = RETIRED
    units: ClassVar[Mapping[str, tuple[float, str]]] = {}
    figures: ClassVar[str] = ""
    drawn: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @property
    def metrics(self) -> Mapping[str, str]:
        """The task's, in the order of the tables."""
        return self.task.metrics

    @property
    def definitions(self) -> dict[str, str]:
        """Metric to one line, in the order of the tables."""
        return {name: text.lstrip("↑↓ ") for name, text in self.metrics.items()}

    @property
    def directions(self) -> dict[str, Direction]:
        """Metric to which way is better, of those that have a better way."""
        return {name: WAYS[text[0]] for name, text in self.metrics.items() if text[0] in WAYS}

    @property
    def ablated(self) -> tuple[str, ...]:
        """The method under study and, as ``"scl/temperature=0.2"``, its ablations."""
        return (self.focus, *(f"{self.focus}/{name}" for name in self.ablations))

    @property
    def rows(self) -> tuple[str, ...]:
        """Everything that can be computed: the methods, and the ablations behind them."""
        return (*self.methods, *self.ablated[1:])

    def prepare(self, data: Path | None, options: Options) -> Any:
        """Read the task's data (InputError if it cannot); the same arguments give the same."""
        return self.task.load(data, options)

    def cells(self, prepared: Any) -> Sequence[Cell]:
        """Cells in the task's order of computing."""
        return prepared.cells()

    def key(self, prepared: Any, cell: Cell) -> Mapping[str, Any]:
        """Plain JSON that decides the cell's metrics: recipe, number of trials, the task's terms.

        Protocol, code, data, cell and budget are in the cache key anyway.
        """
        recipe = self.recipe(prepared, cell)
        settings = methods.find(self.row(cell)).settings
        more = {"settings": dict(settings)} if settings else {}
        return {"recipe": recipe, **self._trials(prepared, cell), **prepared.terms(recipe), **more}

    def row(self, cell: Cell) -> str:
        """The cell's row in the table of methods; an ablation may go without what it changes."""
        name = cell.method
        return f"{self.focus}/{name}" if name in self.ablations else name

    def recipe(self, prepared: Any, cell: Cell, trial: int | None = None) -> dict[str, Any]:
        """Recipe that a cell is trained by, or that of one of its trials."""
        return methods.recipe_of(prepared, self.row(cell), cell.seed, self.ablations, trial)

    def compute(self, prepared: Any, cell: Cell, progress: Progress) -> CellResult:
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
            model=trained.model,
        )

    def tune(self, prepared: Any, names: Sequence[str], out: Path, progress: Progress) -> Path:
        """Try each method's settings on validation subjects; see `run_trials`."""

        def score(name: str, trial: int) -> dict[str, float]:
            cell = Cell(name, prepared.data_name, prepared.split)
            return prepared.scored(self._trained(prepared, cell, trial, lambda text: None))

        tried = methods.TRIALS.get(prepared.kind)
        if not tried:
            raise InputError(f"the study {self.name} has nothing to tune; leave --tune out")
        counts = {name: len(trials) for name, trials in tried.items()}
        return run_trials(counts, ("plain", *names), out, score, prepared.total, progress)

    def draws(self, cell: Cell, artifact: str) -> bool:
        """Whether a figure may show this artifact of the cell; what is never shown is not kept."""
        return cell.first and cell.method in self.drawn.get(artifact, self.rows)

    def settled(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A finished cell's row under today's definitions; here as it was computed.

        Where a definition was mended and the cell holds what the new metric needs, so that tables
        are made anew without training. Takes its own answer too.
        """
        return dict(row)

    def draw(self, album: Any) -> None:
        """Add the figures of the report to its `figures.Album`, as far as finished cells allow."""
        if self.figures:
            importlib.import_module(f"triptych_studies.{self.figures}").draw(album)

    def conclude(self, results: Mapping[str, Any]) -> str:
        """The conclusion, in sentences; empty: the first headline metric is read out."""
        del results
        return ""

    def further(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """Entries of results.json that this study alone has, made from the others."""
        del results
        return {}

    def leave(self, prepared: Any, folder: Path) -> None:
        """Write what the study leaves in its folder beside tables and report."""
        del prepared, folder

    def _trained(self, prepared: Any, cell: Cell, trial: int | None, progress: Progress) -> Trained:
        recipe = self.recipe(prepared, cell, trial)
        return prepared.fit(recipe, methods.find(self.row(cell)), cell, progress)

    def _trials(self, prepared: Any, cell: Cell) -> dict[str, int]:
        if not prepared.trials:
            return {}
        return {"trials": prepared.trials if methods.find(self.row(cell)).trained else 0}
