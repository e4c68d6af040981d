"""What every task of the benchmark shares: folds by subject, the plain recipe, and SCL's blocks.

A task of the benchmark is one short file: how its data are read and cut, the nuisance, the front
end, and what a probe has to read. Its columns are in `benchmark_columns`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from triptych import InputError
from triptych.datasets import Dataset, Windows
from triptych.transforms import Chain, Transform, at_rate, context_of
from triptych_studies.base import Cell, Options, Progress
from triptych_studies.methods import Method, find
from triptych_studies.scores import Scores
from triptych_studies.tasks import benchmark_columns as columns
from triptych_studies.tasks.base import Sides, Task, Trained
from triptych_studies.tasks.benchmark_reading import Timed
from triptych_studies.tasks.peak_memory import PeakMemory

# Windows at most, drawn at random: to train on, to validate on, to test on.
MOST = {
    "smoke": (600, 200, 300),
    "quick": (6_000, 1_000, 2_000),
    "full": (30_000, 4_000, 6_000),
}
# So many that a cell of the costliest method trains within the budget; no clock cuts it short.
EPOCHS = {"smoke": 1, "quick": 6, "full": 10}
COARSE = 4  # folds of a task that leaves one subject out, until the budget is full
STATISTICS = (
    128  # features that layers make of the channels' statistics, where that was found to pay
)
DESCRIBED: Mapping[str, Any] = {"widths": [32, 64, 96, 96], "statistics": STATISTICS}
SIZES = (64, 16, 48)  # of the invariant, the variant and the free block


@dataclass(frozen=True, kw_only=True)
class BenchmarkTask(Task):
    """Windows of subjects, a nuisance, and a class or a number that a probe has to read.

    Attributes
    ----------
    nuisance
        Transforms of training as a recipe names them; a crop first.
    tested
        The same of the tests, where these go further; empty: those of training.
    varied
        What both views of a label-free contrast differ in beside the nuisance: changes that leave
        a window what it is, a crop among them (neighbours in time) first. No test is under them.
    main
        Name of the one that a variant block carries, and of purity and leakage.
    tempo
        A transform that moves the number that is read by a known amount (a heart rate: the time
        scale): SCL's variant block carries it in place of `main`. No test is under it.
    front_end
        Of all rows but the exact ones.
    exact
        Front-end that is invariant by construction; None: there is none, for the reason `no_exact`.
    encoder
        Settings of the trunk.
    band
        Hz in which recordings are filtered before windows are cut; a kept model does so too.
    number
        Unit of what is read, if labels are numbers; empty: they are classes.
    number_within
        Two readings of a number agree if they differ by no more, in `number`.
    by_recording
        Whether recordings are told as well, by the means of their latents.
    leave_out
        Folds of subjects; 0: every subject is a fold of their own.
    longer
        Epochs, as a multiple of other tasks': short windows need more and can afford them.
    divided
        What training and test do not share; it stands in every table.
    windows
        Of all subjects, with the context that the nuisance needs; "" is no label.
    folds
        Subject → fold in which it is tested; −1: in none, always trained on.
    validating
        Subjects who validate; empty: a fifth of the training subjects of each fold, drawn.
    """

    kind: ClassVar[str] = "benchmark"
    metrics: ClassVar[Mapping[str, str]] = columns.METRICS
    nuisance: ClassVar[tuple[Mapping[str, Any], ...]]
    tested: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    varied: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    main: ClassVar[str]
    tempo: ClassVar[Mapping[str, Any] | None] = None
    front_end: ClassVar[Any] = "standardize"
    exact: ClassVar[Any] = None
    no_exact: ClassVar[str] = ""
    encoder: ClassVar[Mapping[str, Any]] = {"widths": [32, 64, 96, 96]}
    band: ClassVar[tuple[float | None, float | None]] = (None, None)
    number: ClassVar[str] = ""
    number_within: ClassVar[float] = 0.0
    by_recording: ClassVar[bool] = False
    leave_out: ClassVar[int] = 5
    longer: ClassVar[int] = 1
    divided: ClassVar[str] = "subject"

    windows: Windows
    folds: Mapping[str, int]
    validating: tuple[str, ...] = ()

    @classmethod
    def load(cls, data: Path | None, options: Options) -> Self:
        """Read the data set and cut its windows."""
        dataset, windows = cls.read(data)
        return cls(
            data_name=cls.title,
            fingerprint=dataset.fingerprint,
            simulated="simulated" in dataset.title,
            notes=dataset.notes,
            options=options,
            split=cls.divided,
            channels=dataset.recordings[0].channels,
            windows=windows,
            **cls.division(dataset, windows, options),
        )

    @classmethod
    def read(cls, data: Path | None) -> tuple[Dataset, Windows]:
        """Read the recordings (InputError if that cannot be), and cut all windows."""
        raise NotImplementedError(f"{cls.title} does not say how it reads its recordings")

    @classmethod
    def division(cls, dataset: Dataset, windows: Windows, options: Options) -> dict[str, Any]:
        """Who is tested in which fold: `folds`, and `validating` where that is fixed, too."""
        del dataset
        subjects = np.random.default_rng(0).permutation(np.unique(windows.subject)).tolist()
        alone = options.budget == "full" and not cls.leave_out
        count = len(subjects) if alone else cls.leave_out or COARSE
        return {"folds": {name: k % count for k, name in enumerate(subjects)}}

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels of the windows, in order; none if they are numbers."""
        return () if self.number else tuple(np.unique(self.windows.label[self.windows.label != ""]))

    def cells(self) -> Sequence[Cell]:
        """Fold by fold, the first only unless the budget is full."""
        count = 1 + max(self.folds.values()) if self.budget == "full" else 1
        return [
            Cell(method, self.data_name, self.split, fold, seed)
            for seed in range(self.options.seeds or 1)
            for fold in range(count)
            for method in self.options.methods
            if not self.refuses(method)
        ]

    def refuses(self, method: str) -> str:
        """Why a row is not in the list of this task; empty if it is."""
        try:
            find(method).change(self)
        except InputError as error:
            return str(error)
        return ""

    def sides(self, cell: Cell) -> Sides:
        """Windows by subject, thinned out at random to what the budget allows."""
        subject, rng = self.windows.subject, np.random.default_rng([1, cell.fold])
        fold = np.array([self.folds[name] for name in subject.tolist()])
        tested = fold == cell.fold
        others = rng.permutation(np.unique(subject[~tested]))
        chosen = self.validating or others[: max(1, round(0.2 * len(others)))].tolist()
        watched = ~tested & np.isin(subject, chosen)
        parts = (~tested & ~watched, watched, tested)
        kept = [
            self.windows.take(np.sort(rng.permutation(np.flatnonzero(part))[:most]))
            for part, most in zip(parts, MOST[self.budget], strict=True)
        ]
        return Sides(*kept)

    def chain(self, tested: bool) -> Chain:
        """The nuisance, all of its parts drawn together: as trained with, or as tested under."""
        chosen = (self.tested if tested else ()) or self.nuisance
        return Chain(*map(self._transform, chosen))

    def _transform(self, named: Mapping[str, Any]) -> Transform:
        settings = dict(named)
        return at_rate(settings.pop("name"), self.windows.rate, settings)

    def carried(self, windows: Windows, part: Any, theta: Tensor) -> tuple[Tensor, bool]:
        """What a block that carries `main` has to know of windows under θ, `(n, k)`.

        And whether it is read from both sides of a pair, or from the moved one.
        """
        del windows
        return part.factor(theta), True

    def recipe(self, seed: int) -> dict[str, Any]:
        """Plain training: a classifier where there are classes, else an autoencoder."""
        windows, classes = self.windows, self.classes
        base: dict[str, Any] = {
            "data": {
                "name": self.data_name,
                "rate": windows.rate,
                "low": None,
                "high": None,
                "length_s": windows.centred.shape[-1] / windows.rate,
            },
            "transforms": [dict(each) for each in self.nuisance],
            "latent": [{"name": "latent", "size": sum(SIZES)}],
            "encoder": {"name": "conv", "front_end": self.front_end, **self.encoder},
            "decoder": not classes,
            "objective": {"name": "plain"},
            "training": {
                "epochs": EPOCHS[self.budget] * self.longer,
                "batch": 128,
                "learning_rate": 2e-3,
                "weight_decay": 1e-2,
                "patience": 6,
                "seed": seed,
            },
        }
        return base | ({"classes": list(classes)} if classes else {})

    def terms(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """What the recipe does not say: the data, how many windows, and what they are tested by."""
        del recipe
        return {
            "data": self.fingerprint,
            "windows": len(self.windows),
            "most": MOST[self.budget],
            "tested": [dict(each) for each in self.tested],
            "columns": columns.REVISION,
        }

    @property
    def near(self) -> list[dict[str, Any]]:
        """What of `varied` looks beyond the window: neighbours in time, as a recipe names them."""
        return [dict(each) for each in self.varied if context_of(self._transform(each))]

    @property
    def contrasted(self) -> list[dict[str, Any]]:
        """What views of a label-free contrast differ in, as a recipe names it; a crop first."""
        named = {each["name"] for each in self.nuisance}
        more = [dict(each) for each in self.varied if each["name"] not in named]
        crops = [each for each in more if each in self.near]
        rest = [each for each in more if each not in crops]
        return [*crops, *map(dict, self.nuisance), *rest]

    def blocks(
        self,
        relation: str,
        sizes: tuple[int, int, int] = SIZES,
        views: Sequence[Mapping[str, Any]] = (),
    ) -> list[dict[str, Any]]:
        """SCL's three blocks: invariant to all, related to `main` or `tempo`, and free.

        `views`: what views differ in if that is more than the nuisance; the second block is then
        invariant to all else of it.
        """
        names = [each["name"] for each in views or self.nuisance]
        main = self.tempo["name"] if self.tempo and views else self.main
        moved: dict[str, Any] = {"name": "moved", "size": sizes[1], f"{relation}_to": [main]}
        if rest := [name for name in names if views and name != main]:
            moved["invariant_to"] = rest
        return [
            {"name": "steady", "size": sizes[0], "invariant_to": names},
            moved,
            {"name": "rest", "size": sizes[2]},
        ]

    def fit(
        self, recipe: dict[str, Any], method: Method, cell: Cell, progress: Progress
    ) -> Trained:
        """Train as any task does, and keep what it took."""
        start = time.process_time()
        with PeakMemory() as peak:
            trained = super().fit(recipe, method, cell, progress)
        seconds = time.process_time() - start if method.trained else 0.0
        if any(self.band):
            form, (low, high) = trained.model.preprocessing, self.band
            trained.model.preprocessing = replace(form, low=low, high=high)
        held = {each.name: getattr(trained, each.name) for each in fields(Trained)}
        return Timed(**held, seconds=seconds, megabytes=peak.megabytes)

    def measure(self, trained: Trained, cell: Cell, scores: Scores) -> None:
        """Every column of the benchmark."""
        columns.measure(self, trained, self.sides(cell), scores)
