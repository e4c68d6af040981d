"""The IMU rotation study: activities recognised however the sensor is turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from triptych import InputError
from triptych.audit.tables import spanned
from triptych_studies import glass
from triptych_studies.base import Cell, CellResult, Options, Progress, Study
from triptych_studies.fitted import fitted_model
from triptych_studies.imu_figures import DRAWN
from triptych_studies.imu_glass import ROWS, THETA_ROWS, measure_glass_box
from triptych_studies.imu_measures import (
    DRAWS,
    measure_angles,
    measure_classes,
    measure_latents,
    measure_orientation,
    measured,
)
from triptych_studies.imu_recipes import ABLATIONS, FROZEN, METHODS, STRUCTURED, recipe_of
from triptych_studies.imu_windows import FOLDS, SPLITS, ImuData, prepare, sides
from triptych_studies.scores import Scores

COUNTED = {"smoke": 1, "quick": 1, "full": FOLDS}


class ImuRotation(Study[ImuData]):
    """SCL and its rivals under rotations of the sensor, on WISDM, HAPT or a simulated cohort."""

    name: ClassVar[str] = "imu-rotation"
    title: ClassVar[str] = "IMU rotation study"
    figures: ClassVar[str] = "imu_figures"
    drawn: ClassVar[Mapping[str, tuple[str, ...]]] = DRAWN
    methods: ClassVar[tuple[str, ...]] = METHODS
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = ABLATIONS
    exact: ClassVar[tuple[str, ...]] = ("exact", "exact+augment", "canonical", "exact+scl")
    headline: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "accuracy_full",
        "accuracy_rotated",
        "consistency",
        "consistency_balanced",
        "cosine_rotated",
        "cosine_random",
        "orientation_error",
        "orientation_r2_invariant",
    )
    units: ClassVar[Mapping[str, tuple[float, str]]] = {"orientation_error": (1.0, "degrees")}
    metrics: ClassVar[Mapping[str, str]] = {
        "accuracy": "↑ upright test windows, invariant head",
        "f1": "↑ macro F1 of the same",
        "accuracy_full": "↑ upright test windows, full head",
        "accuracy_rotated": f"↑ mean over {DRAWS} Haar-uniform rotations a window, invariant head",
        "consistency": f"↑ share of {DRAWS} Haar draws a window whose prediction is the upright "
        "one",
        "consistency_balanced": "↑ the same for each upright prediction by itself, mean over these "
        "classes: a constant or an independent prediction has one over their number",
        "consistency_pair": "↑ share of pairs of draws that agree with each other",
        "consistency_correct": "↑ consistency over windows that are right upright",
        "recall_gait@so3": "↑ mean recall of walking, upstairs and downstairs under Haar rotations",
        "cosine_rotated": "↑ mean cosine of a window's latents upright and rotated (invariant "
        "block where there is one)",
        "cosine_random": "↓ mean cosine of windows of different people and different activities",
        "orientation_error": "↓ mean angle between the true direction of gravity in a rotated "
        "window and the one read from the variant or equivariant block (whole latent where a "
        "method has none) by a probe fitted on training people: a guess has 90 degrees, the "
        "window's own mean 0",
        "orientation_r2_invariant": "↓ R² of that direction read from the invariant block (whole "
        "latent where there is none)",
        **{
            f"{name}{suffix}": f"↑ {name} under {words}"
            for name in ("accuracy_rotated", "consistency", "consistency_balanced")
            for suffix, words in (
                ("@yaw", "turns about the vertical"),
                ("@tilt30", "tilts of up to 30 degrees"),
                ("@cube24", "the 24 rotations that map axes to axes"),
            )
        },
        **glass.metrics("gravity", "its direction in a rotated window"),
        "glass box, angle": f"R² of a Haar draw's angle, read from {THETA_ROWS} test windows "
        "upright and turned",
        "glass box, gravity": f"R² of its direction in {ROWS:,} test windows turned by a Haar draw",
        "glass box, activity": "linear probe on upright test windows, fitted on half of the test "
        "people, scored on the others",
        "glass box, identity": "the person, linear probe on upright test windows, fitted on the "
        "first half in time of each recording, scored on the second, 30 s gap",
        "glass box, cadence": "R² of the dominant frequency of the acceleration's norm, 0.5 to 5 "
        "Hz, in upright test windows where the norm deviates by 0.05 g or more",
        "activity_share": "↑ how well the activity is told (balanced accuracy above chance, 0 to "
        "1: linear probe fitted on half of the test people, scored on the others) from the "
        "invariant block, over the same from all blocks; glass box, first seed and fold",
        "recall:sitting": "share of sitting windows that are recognised upright",
        "recall_rotated:sitting": "the same under Haar rotations",
        "recall:standing": "share of standing windows that are recognised upright",
        "recall_rotated:standing": "the same under Haar rotations",
    }

    def prepare(self, data: Path | None, options: Options) -> ImuData:
        """Read the data set and cut its windows."""
        if options.split not in (None, *SPLITS):
            raise InputError(
                f"imu-rotation has no split {options.split!r}; choose subject or random"
            )
        return prepare(options.dataset or "watch-18", data, options)

    def cells(self, prepared: ImuData) -> Sequence[Cell]:
        """Fold by fold, so that an interrupted study has whole tables; a random split has one."""
        options = prepared.options
        split = options.split or "subject"
        count = 1 if split == "random" else COUNTED[options.budget]
        return [
            Cell(method, prepared.data_name, split, fold, seed)
            for seed in range(options.seeds or 1)
            for fold in range(count)
            for method in options.methods
        ]

    def key(self, prepared: ImuData, cell: Cell) -> Mapping[str, Any]:
        """The recipe, and how many trials chose it."""
        recipe, trials = recipe_of(cell.method, prepared, cell.seed)
        return {"recipe": recipe} | ({"trials": trials} if trials else {})

    def compute(self, prepared: ImuData, cell: Cell, progress: Progress) -> CellResult:
        """Train one method and measure everything that it has."""
        of_cell = sides(prepared, cell.split, cell.fold, prepared.options.budget)
        content, trials = recipe_of(cell.method, prepared, cell.seed)
        model, _, epochs = fitted_model(
            content,
            of_cell.train,
            of_cell.validation,
            channels=prepared.channels,
            device=prepared.options.device,
            untrained=cell.method == "random",
            progress=progress,
            shared_people=cell.split == "random",
        )
        progress("measuring")
        subject = measured(model, of_cell, prepared.classes, cell.method in FROZEN)
        scores = Scores(wanted=partial(self.draws, cell))
        for measure in (measure_classes, measure_latents, measure_orientation, measure_angles):
            measure(subject, scores)
        if glass.has_glass_box(cell):
            measure_glass_box(subject, scores)
        return CellResult(
            metrics=scores.metrics,
            subjects=scores.by_subject(),
            parameters=sum(p.numel() for p in model.parameters()),
            epochs=epochs,
            trials=trials,
            artifacts=scores.artifacts,
        )

    def tune(
        self, prepared: ImuData, methods: Sequence[str], out: Path, progress: Progress
    ) -> Path:
        """Run the methods' trials on validation people; see `imu_trials.tune`."""
        from triptych_studies.imu_trials import tune

        return tune(prepared, methods, out, progress)

    def conclude(self, results: Mapping[str, Any]) -> str:
        """Say what became of the accuracy when the sensor is turned."""
        found = {row["method"]: row["metrics"] for row in results["summary"]}
        chosen = next((name for name in STRUCTURED if name in found), None)
        if "plain" not in found or chosen is None:
            return ""
        plain, scl = found["plain"], found[chosen]

        def percent(row: Mapping[str, Any], name: str) -> str:
            mean, _, ends = spanned(row[name], 0, 100).partition(" ")
            return f"{mean} % {ends}".rstrip()

        return (
            f"Turned at random, a plain classifier falls from {percent(plain, 'accuracy')} to "
            f"{percent(plain, 'accuracy_rotated')}; the invariant head of {chosen} has "
            f"{percent(scl, 'accuracy_rotated')} and keeps its answer in "
            f"{percent(scl, 'consistency')} of the rotations, and its full head has "
            f"{percent(scl, 'accuracy_full')} upright."
        )
