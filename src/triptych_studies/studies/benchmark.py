"""The benchmark: every method on every task, with one set of columns."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from triptych import InputError
from triptych_studies.base import Cell, CellResult, Options, Progress, StudyData
from triptych_studies.grid import Study
from triptych_studies.tasks.base import Task
from triptych_studies.tasks.benchmark import BenchmarkTask

# Task → where it is; a task is one file and one line here.
TASKS = {
    "mitdb-phase": "benchmark_ecg:BenchmarkPhase",
    "mitdb-rhythm": "benchmark_ecg:MitdbRhythm",
    "watch-18": "benchmark_motion:Watch18",
    "watch-18@harnet": "benchmark_motion:Watch18Harnet",
    "phone-5": "benchmark_motion:Phone5",
    "watch-to-phone": "watch_to_phone:WatchToPhone",
    "hapt-6": "benchmark_motion:Hapt6",
    "hapt-composite": "benchmark_motion:HaptComposite",
    "ppg-rate": "ppg_rate:PpgRate",
    "emg-gestures": "emg_gestures:EmgGestures",
    "eeg-bonn": "eeg_bonn:EegBonn",
}


def task_of(name: str) -> type[BenchmarkTask]:
    """Class of a task; an unknown name raises InputError."""
    if name not in TASKS:
        raise InputError(f"the benchmark has no task {name!r}; choose from {', '.join(TASKS)}")
    module, _, kind = TASKS[name].partition(":")
    return getattr(importlib.import_module(f"triptych_studies.tasks.{module}"), kind)


@dataclass(frozen=True, kw_only=True)
class Several(StudyData):
    """The tasks that were asked for, by name."""

    tasks: Mapping[str, BenchmarkTask]


LABEL_FREE_ROWS = ("simclr", "vicreg", "barlow", "moco", "t-loss", "ts2vec", "frame-projections",
                   "looc", "sie", "scl-vicreg", "topk-sae", "plita",
                   "topographic-vae")  # fmt: skip


class Benchmark(Study):
    """Methods x tasks. The fingerprint of each task's data is in the keys of its cells."""

    name: ClassVar[str] = "benchmark"
    title: ClassVar[str] = "Benchmark"
    protocol: ClassVar[str] = "2"
    task: ClassVar[type[Task]] = BenchmarkTask
    figures: ClassVar[str] = "studies.benchmark_figures"
    methods: ClassVar[tuple[str, ...]] = (
        "random",
        "rr",
        "spectrum",
        "envelope",
        "har",
        "exact-har",
        "peak",
        "plain",
        "plain-half",
        "enn",
        "fade",
        "augmentation",
        "exact",
        "vqf",
        "simclr",
        "topk-sae",
        "vicreg",
        "barlow",
        "moco",
        "t-loss",
        "ts2vec",
        "frame-projections",
        "plita",
        "topographic-vae",
        "looc",
        "sie",
        "scl",
        "scl-vicreg",
        "exact+scl",
    )
    exact: ClassVar[tuple[str, ...]] = ("exact-har", "exact", "vqf", "exact+scl")
    headline: ClassVar[tuple[str, ...]] = (
        "probe",
        "probe_moved",
        "consistency",
        "probe_moved@10%",
        "probe_moved@1%",
        "gap",
        "separation",
        "purity",
        "leakage",
    )
    units: ClassVar[Mapping[str, tuple[float, str]]] = {
        "error": (1.0, "BPM"),
        "error_moved": (1.0, "BPM"),
    }
    descriptions: ClassVar[Mapping[str, str]] = {
        "plain": "trained with labels where the task has classes, else an autoencoder",
        "plain-half": "plain with about half of the encoder's parameters",
        "enn": "the same half, with learned activations (cosine series)",
        "fade": "plain with a Fisher-information penalty",
        "augmentation": "plain under a new draw of the nuisance every epoch",
        "exact": "plain behind a front end that is invariant by construction to (a part of) the "
        "nuisance; emg-gestures has none",
        "vqf": "plain behind sensor fusion: every sample of motion is turned into a frame whose z "
        "points up, by the gyroscope where there is one",
        "rr": "nothing trained: ten numbers of the intervals between beats, of ECG and PPG",
        "spectrum": "nothing trained: principal components of the log spectrum",
        "envelope": "nothing trained: principal components of the spectrum of an ECG's envelope",
        "har": "nothing trained: the usual features of activity recognition",
        "exact-har": "the same of channels that no rotation changes",
        "peak": "nothing trained: the strongest frequency of PPG, less what motion explains",
        **dict.fromkeys(LABEL_FREE_ROWS, "label-free"),
        "topk-sae": "label-free, post hoc: features of a sparse dictionary of simclr's latents, "
        "grouped by how much the nuisance moves them on validation windows",
        "scl": "label-free: NT-Xent in the invariant block, no labels in any other",
        "exact+scl": "label-free: scl behind the exact front end",
    }

    def prepare(self, data: Path | None, options: Options) -> Several:
        """Read the tasks that were named; of all of them those whose data are here."""
        named = tuple(filter(None, (options.dataset or "").split(",")))
        tasks: dict[str, BenchmarkTask] = {}
        notes: list[str] = []
        for name in named or TASKS:
            kind = task_of(name)
            try:
                tasks[name] = kind.load(data, options)
            except InputError as error:
                if named:
                    raise
                notes.append(f"{name} is left out: {error}")
                continue
            notes += [f"{name}: {note}" for note in tasks[name].notes]
            refused = {m: why for m in options.methods if (why := tasks[name].refuses(m))}
            notes += [f"{name} has no row {method}: {why}" for method, why in refused.items()]
        if not tasks:
            raise InputError(f"no task of the benchmark has its data here; {notes[0]}")
        return Several(
            data_name=", ".join(tasks),
            fingerprint="",
            notes=tuple(notes),
            options=options,
            tasks=tasks,
        )

    def cells(self, prepared: Several) -> Sequence[Cell]:
        """Task by task."""
        return [cell for task in prepared.tasks.values() for cell in task.cells()]

    def key(self, prepared: Several, cell: Cell) -> Mapping[str, Any]:
        """That of the cell's task."""
        return super().key(prepared.tasks[cell.dataset], cell)

    def compute(self, prepared: Several, cell: Cell, progress: Progress) -> CellResult:
        """Train and measure one method on the cell's task."""
        return super().compute(prepared.tasks[cell.dataset], cell, progress)

    def conclude(self, results: Mapping[str, Any]) -> str:
        """Say on how many tasks each label-free row is best under the nuisance."""
        best: dict[str, list[str]] = {}
        for task in dict.fromkeys(row["dataset"] for row in results["summary"]):
            found = {
                row["method"]: row["metrics"]["probe_moved"]["mean"]
                for row in results["summary"]
                if row["dataset"] == task
                and "probe_moved" in row["metrics"]
                and not row["metrics"].get("labels", {"mean": 0.0})["mean"]
            }
            if len(found) > 1:
                best.setdefault(max(found, key=lambda name: found[name]), []).append(task)
        told = [f"{method} on {', '.join(tasks)}" for method, tasks in best.items()]
        return (
            f"Of the rows without labels in training, read under the nuisance (intervals are in "
            f"the tables): best is {'; '.join(told)}."
            if told
            else ""
        )
