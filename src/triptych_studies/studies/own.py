"""`study own`: which method for somebody's own data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from triptych.datasets import named
from triptych.training import Recipe
from triptych_studies.grid import Study
from triptych_studies.methods import find, recipe_of
from triptych_studies.studies import own_advice
from triptych_studies.studies.benchmark import Benchmark
from triptych_studies.tasks.base import Task
from triptych_studies.tasks.own import Own as OwnTask

# Rows that are computed when they are named.
FURTHER = ("supcon", "barlow", "moco", "frame-projections", "t-loss", "ts2vec", "scl-repel",
           "scl-equivariant", "scl-vicreg", "pseudo-negatives", "looc", "sie", "cross-spectrum",
           "guided", "blur")  # fmt: skip


class OwnStudy(Study):
    """Methods on a folder of one's own, with one paragraph of advice."""

    name: ClassVar[str] = "own"
    title: ClassVar[str] = "Own data"
    task: ClassVar[type[Task]] = OwnTask
    protocol: ClassVar[str] = Benchmark.protocol
    figures: ClassVar[str] = "studies.own_figures"
    methods: ClassVar[tuple[str, ...]] = (
        "random",
        *own_advice.PRACTITIONER,
        "plain",
        "augmentation",
        "exact",
        "simclr",
        "vicreg",
        "scl",
        "exact+scl",
    )
    focus: ClassVar[str] = ""  # the advice compares the best row, whichever that is
    exact: ClassVar[tuple[str, ...]] = Benchmark.exact
    headline: ClassVar[tuple[str, ...]] = Benchmark.headline
    units: ClassVar[Mapping[str, tuple[float, str]]] = dict.fromkeys(
        ("error", "error_moved"), (1.0, "of the number's unit")
    )
    descriptions: ClassVar[Mapping[str, str]] = {
        **Benchmark.descriptions,
        "random": "an untrained encoder",
        "rr": "ten numbers of the intervals between beats; nothing is trained",
        "spectrum": "32 principal components of the log spectrum; nothing is trained",
        "envelope": "the same of the spectrum of an ECG's envelope; nothing is trained",
        "har": "the usual features of activity recognition; nothing is trained",
        "exact-har": "the same of channels that no rotation changes; nothing is trained",
        "exact": "plain behind a front end that is invariant by construction to (a part of) the "
        "nuisance",
        "vicreg": "label-free",
    }

    @property
    def rows(self) -> tuple[str, ...]:
        """All that can be named."""
        return (*self.methods, *FURTHER)

    @property
    def metrics(self) -> Mapping[str, str]:
        """The benchmark's, of a number in its own unit, and those of this study."""
        return {
            **{name: text.replace(" (BPM)", "") for name, text in self.task.metrics.items()},
            "consistency": "↑ share of test windows whose reading stays under the nuisance: the "
            "same class, or a number within a quarter of its standard deviation",
            "validation_subjects": "subjects by whom training was stopped early",
        }

    def conclude(self, results: Mapping[str, Any]) -> str:
        """The advice."""
        return results["advice"]["text"]

    def further(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """The advice, and the comparisons that it is made from."""
        return {"advice": own_advice.advise(self, results)}

    def leave(self, prepared: OwnTask, folder: Path) -> None:
        """Write the recipe of every row that trains, ready for `triptych train`."""
        place = named(prepared.asked.data)[1]
        for row in prepared.options.methods:
            if find(row).trained and not prepared.refuses(row):
                recipe = recipe_of(prepared, row, 0)
                recipe["data"] = recipe["data"] | {"path": str(place.resolve()) if place else None}
                Recipe.of(recipe).write(folder / "recipes" / f"{row}.yaml")
