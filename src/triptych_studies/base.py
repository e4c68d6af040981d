"""What a study is to the runner: its words, its cells, and how one cell is computed and drawn.

A new study is one file with one subclass of `Study`, and one line in this folder's `__init__`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

Budget = Literal["smoke", "quick", "full"]
Direction = Literal["higher", "lower"]
Progress = Callable[[str], None]  # a few words on where the cell is: "trial 3/8, epoch 12/60"

SEEDS = {"smoke": 1, "quick": 1, "full": 3}
WAYS: dict[str, Direction] = {"↑": "higher", "↓": "lower"}

# Ablations of gradient isolation and of training in turns. They lost (docs/ablations.md), and the
# code that trains them is gone; their entries stay for the keys of finished cells.
RETIRED = (
    "isolation=variation",
    "isolation=all",
    "schedule=alternate",
    "schedule=pretrain-then-task",
)


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line; `None` or empty leaves it to the study."""

    budget: Budget = "quick"
    methods: tuple[str, ...] = ()
    seeds: int | None = None
    device: str = "auto"
    dataset: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Cell:
    """One method, trained and measured once."""

    method: str
    dataset: str
    split: str = "subject"
    fold: int = 0
    seed: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Cell:
        """Cell of a row of results.json; KeyError if it lacks a name."""
        return cls(*(row[each.name] for each in fields(cls)))

    @property
    def first(self) -> bool:
        """Whether it is the first of its method: the one that figures are drawn from."""
        return self.seed == self.fold == 0

    def __str__(self) -> str:
        return f"{self.method} on {self.dataset} ({self.split} {self.fold}, seed {self.seed})"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The study's data, read once; a study subclasses it (kw_only) and adds its windows.

    It must pickle, because parallel processes get a copy. `split` says what training and test do
    not share.
    """

    data_name: str
    fingerprint: str
    simulated: bool = False
    notes: tuple[str, ...] = ()
    options: Options = Options()
    split: str = "subject"


def seed_by_seed(prepared: Prepared) -> list[Cell]:
    """Cells of every method and seed, so that an interrupted study has whole tables."""
    options = prepared.options
    return [
        Cell(method, prepared.data_name, prepared.split, 0, seed)
        for seed in range(options.seeds or SEEDS[options.budget])
        for method in options.methods
    ]


@dataclass(frozen=True)
class CellResult:
    """What `Study.compute` hands back; the runner adds the cell's names and the seconds.

    Attributes
    ----------
    metrics
        Metric name to figure. A metric the method does not have (``mse`` without a decoder) is
        left out; one that came out NaN is dropped by the runner, with a note.
    subjects
        Test subject to ``(n, metrics)``: how much stands behind the figures, and the same metrics
        on this subject alone (those that exist per subject).
    parameters, epochs, trials
        Of the method as it was measured; trials = recipes tried on validation people.
    artifacts
        Plain JSON, small (curves, map coordinates, gallery signals): kept in the cell's file for
        `Study.draw`, not in results.json.
    """

    metrics: Mapping[str, float]
    subjects: Mapping[str, tuple[int, Mapping[str, float]]] = field(
        default_factory=dict[str, tuple[int, Mapping[str, float]]]
    )
    parameters: int = 0
    epochs: int = 0
    trials: int = 0
    artifacts: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Finished:
    """A computed cell: its row of results.json, its artifacts, and where it was computed."""

    cell: Cell
    row: dict[str, Any]
    artifacts: dict[str, Any]
    environment: dict[str, Any] = field(default_factory=dict[str, Any])


P = TypeVar("P", bound=Prepared)


class Study(ABC, Generic[P]):
    """Methods x seeds on a dataset under the protocol. Instances hold no state and pickle.

    Attributes
    ----------
    name, title
        ``"ecg-phase"`` and what stands over tables and reports.
    metrics
        Metric to one line, in the order of the tables; ``"↑ "`` in front says that more is better,
        ``"↓ "`` that less is. Of ``a@b`` with neither, `a` says it.
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
        Version of the code that makes the figures: raise it with every change that moves them, and
        all cells are computed anew. A refactor leaves it alone, so that a study may run for days;
        a hash of all sources is kept in every cell's environment all the same.
    figures
        Module of this package that draws the figures, imported when it does.
    drawn
        Artifact to the methods of which a figure shows it; all, of one that is not named here.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    protocol: ClassVar[str] = "1"
    revision: ClassVar[int] = 1
    metrics: ClassVar[Mapping[str, str]]
    methods: ClassVar[tuple[str, ...]]
    headline: ClassVar[tuple[str, ...]]
    focus: ClassVar[str] = "scl"
    baseline: ClassVar[str] = "plain"
    descriptions: ClassVar[Mapping[str, str]] = {}
    exact: ClassVar[tuple[str, ...]] = ()
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    retired: ClassVar[tuple[str, ...]] = RETIRED
    units: ClassVar[Mapping[str, tuple[float, str]]] = {}
    figures: ClassVar[str]
    drawn: ClassVar[Mapping[str, tuple[str, ...]]] = {}

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

    @abstractmethod
    def prepare(self, data: Path | None, options: Options) -> P:
        """Read the data (InputError if it cannot); the same arguments give the same data."""

    def cells(self, prepared: P) -> Sequence[Cell]:
        """Cells in the order of computing; `prepared.options` says methods, seeds, budget.

        The runner has checked the methods' names and filled in all of them where none was named.
        """
        return seed_by_seed(prepared)

    @abstractmethod
    def key(self, prepared: P, cell: Cell) -> Mapping[str, Any]:
        """Plain JSON that decides the cell's figures (its recipe, trials, counts of windows).

        Protocol, code, data, cell and budget are in the cache key anyway.
        """

    @abstractmethod
    def compute(self, prepared: P, cell: Cell, progress: Progress) -> CellResult:
        """Train and measure one cell."""

    def draws(self, cell: Cell, artifact: str) -> bool:
        """Whether a figure may show this artifact of the cell; what is never shown is not kept."""
        return cell.first and cell.method in self.drawn.get(artifact, self.rows)

    def settled(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A finished cell's row under today's definitions; here as it was computed.

        Where a definition was mended and the cell holds what the new figure needs, so that tables
        are made anew without training. Takes its own answer too.
        """
        return dict(row)

    def draw(self, album: Any) -> None:
        """Add the figures of the report to its `figures.Album`, as far as finished cells allow."""
        importlib.import_module(f"triptych_studies.{self.figures}").draw(album)

    def conclude(self, results: Mapping[str, Any]) -> str:
        """The sentences a reader takes home; empty: the first headline metric is read out."""
        del results
        return ""
