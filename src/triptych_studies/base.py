"""What study, tasks and runner hand to each other: options, data, cells and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Budget = Literal["smoke", "quick", "full"]
Progress = Callable[[str], None]  # a few words on where the cell is: "trial 3/8, epoch 12/60"

SEEDS = {"smoke": 1, "quick": 1, "full": 3}


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line; `None` or empty leaves it to the study.

    `asked` is what one study alone is told, as plain JSON; it stands in its results.
    """

    budget: Budget = "quick"
    methods: tuple[str, ...] = ()
    seeds: int | None = None
    device: str = "auto"
    dataset: str | None = None
    split: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])


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
class StudyData:
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

    def cells(self) -> Sequence[Cell]:
        """Cells in the order of computing, seed by seed: an interrupted study has whole tables.

        The runner has checked the methods' names and filled in all of them where none was named.
        """
        options = self.options
        return [
            Cell(method, self.data_name, self.split, 0, seed)
            for seed in range(options.seeds or SEEDS[options.budget])
            for method in options.methods
        ]


@dataclass(frozen=True)
class CellResult:
    """What `Study.compute` hands back; the runner adds the cell's names and the seconds.

    Attributes
    ----------
    metrics
        Metric to value. A metric the method does not have (``mse`` without a decoder) is
        left out; one that came out NaN is dropped by the runner, with a note.
    subjects
        Test subject to ``(n, metrics)``: the number of its windows, and the same metrics on this
        subject alone (those that exist per subject).
    parameters, epochs, trials
        Of the method as it was measured; trials = recipes tried on validation subjects.
    artifacts
        Plain JSON, small (curves, map coordinates, gallery signals): kept in the cell's file for
        `Study.draw`, not in results.json.
    model
        What was measured; kept only where it is asked for.
    """

    metrics: Mapping[str, float]
    subjects: Mapping[str, tuple[int, Mapping[str, float]]] = field(
        default_factory=dict[str, tuple[int, Mapping[str, float]]]
    )
    parameters: int = 0
    epochs: int = 0
    trials: int = 0
    artifacts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    model: Any = None


@dataclass(frozen=True)
class Finished:
    """A computed cell: its row of results.json, its artifacts, and where it was computed."""

    cell: Cell
    row: dict[str, Any]
    artifacts: dict[str, Any]
    environment: dict[str, Any] = field(default_factory=dict[str, Any])
