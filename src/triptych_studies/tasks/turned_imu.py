"""Motion of a turned sensor: WISDM, HAPT, two of them in turn, or a simulated cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from triptych import InputError
from triptych.datasets import Windows
from triptych_studies import probe_matrix
from triptych_studies.base import Cell, Options
from triptych_studies.scores import Scores
from triptych_studies.tasks import imu_windows, turned_probes
from triptych_studies.tasks.base import Sides, Task, Trained
from triptych_studies.tasks.imu_windows import FOLDS, SPLITS
from triptych_studies.tasks.turned_factors import ROWS, THETA_ROWS, measure_matrix
from triptych_studies.tasks.turned_probes import DRAWS, measured

COUNTED = {"smoke": 1, "quick": 1, "full": FOLDS}
# So many that a cell trains within the budget on two idle cores; no clock cuts a training short.
EPOCHS = {"smoke": 1, "quick": 3, "full": 15}
# Where windows are few, or subjects are known, learning goes on (docs/lab-notes.md, fifth and sixth
# round).
FEW_WINDOWS = {"phone-5": 3}
RANDOM = 6
LATENT = 140


@dataclass(frozen=True, kw_only=True)
class TurnedImu(Task):
    """Windows of some seconds; the nuisance is a rotation of the sensor, Haar-uniform.

    `train` has half-overlapping windows, `test` those of `imu_windows.Source.step_s`: of the same
    recordings, but for a cross test. `folds` maps every subject to the fold of their test.
    """

    kind: ClassVar[str] = "imu"
    title: ClassVar[str] = "imu-rotation"
    metrics: ClassVar[Mapping[str, str]] = {
        "accuracy": "↑ upright test windows, invariant head",
        "f1": "↑ macro F1 of the same",
        "accuracy_full": "↑ upright test windows, full head",
        "accuracy_rotated": f"↑ mean over {DRAWS} Haar-uniform rotations per window, invariant "
        "head",
        "consistency": f"↑ share of {DRAWS} Haar draws per window whose prediction is the upright "
        "one",
        "consistency_balanced": "↑ the same for each upright prediction by itself, mean over these "
        "classes: a constant or an independent prediction has one over their number",
        "consistency_pair": "↑ share of pairs of draws that agree with each other",
        "consistency_correct": "↑ consistency over windows that are right upright",
        "recall_gait@so3": "↑ mean recall of walking, upstairs and downstairs under Haar rotations",
        "cosine_rotated": "↑ mean cosine of a window's latents upright and rotated (invariant "
        "block where there is one)",
        "cosine_random": "↓ mean cosine of windows of different subjects and different activities",
        "orientation_error": "↓ mean angle between the true direction of gravity in a rotated "
        "window and the one read from the variant or equivariant block (whole latent where a "
        "method has none) by a probe fitted on training subjects: chance is 90 degrees, the "
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
        **probe_matrix.metrics("gravity", "its direction in a rotated window"),
        "probe matrix, angle": f"R² of a Haar draw's angle, read from {THETA_ROWS} test windows "
        "upright and turned",
        "probe matrix, gravity": f"R² of its direction in {ROWS:,} test windows turned by a Haar "
        "draw",
        "probe matrix, activity": "linear probe on upright test windows, fitted on half of the "
        "test subjects, scored on the others",
        "probe matrix, identity": "the subject, linear probe on upright test windows, fitted on "
        "the first half in time of each recording, scored on the second, 30 s gap",
        "probe matrix, cadence": "R² of the dominant frequency of the acceleration's norm, 0.5 to "
        "5 Hz, in upright test windows where the norm deviates by 0.05 g or more",
        "activity_share": "↑ how well the activity is read (balanced accuracy above chance, 0 to "
        "1: linear probe fitted on half of the test subjects, scored on the others) from the "
        "invariant block, over the same from all blocks; probe matrix, first seed and fold",
        "recall:sitting": "share of sitting windows that are recognised upright",
        "recall_rotated:sitting": "the same under Haar rotations",
        "recall:standing": "share of standing windows that are recognised upright",
        "recall_rotated:standing": "the same under Haar rotations",
    }

    train: Windows
    test: Windows
    folds: dict[str, int]
    classes: tuple[str, ...]

    @classmethod
    def load(cls, data: Path | None, options: Options) -> Self:
        """Read the data set and cut its windows."""
        if options.split not in (None, *SPLITS):
            raise InputError(
                f"imu-rotation has no split {options.split!r}; choose subject or random"
            )
        cuts = imu_windows.load(options.dataset or "watch-18", data)
        return cls(options=options, split=options.split or "subject", **vars(cuts))

    def cells(self) -> Sequence[Cell]:
        """Fold by fold, so that an interrupted study has whole tables; a random split has one."""
        options = self.options
        count = 1 if self.split == "random" else COUNTED[options.budget]
        return [
            Cell(method, self.data_name, self.split, fold, seed)
            for seed in range(options.seeds or 1)
            for fold in range(count)
            for method in options.methods
        ]

    def sides(self, cell: Cell) -> Sides:
        """By subject, or at random (leaky, for comparison only)."""
        found = imu_windows.sides(
            self.train, self.test, self.folds, cell.split, cell.fold, self.options.budget
        )
        return Sides(*found)

    def recipe(self, seed: int) -> dict[str, Any]:
        """A convolutional classifier, plainly trained."""
        windows = self.train
        return {
            "data": {
                "name": self.data_name,
                "rate": windows.rate,
                "low": None,
                "high": None,
                "length_s": self.length_s,
            },
            "transforms": [{"name": "rotation"}],
            "latent": [{"name": "latent", "size": LATENT}],
            "encoder": {
                "name": "conv",
                "front_end": "second_order",
                "widths": [48, 64, 96, 96],
                "kernels": [9, 5, 5, 3],
                "strides": [2, 2, 2, 1],
                "dropout": 0.2,
                "head_hidden": 128,
            },
            "decoder": False,
            "classes": list(self.classes),
            "objective": {"name": "plain"},
            "training": {
                "batch": 128,
                "learning_rate": 3e-3,
                "weight_decay": 1e-2,
                "seed": seed,
                **self.pace(),
            },
        }

    def pace(self, longer: int = 1) -> dict[str, int]:
        """Epochs and patience; of methods that learn on for `longer`, so many times as much."""
        if self.options.budget == "full" and self.options.split == "random":
            longer *= RANDOM
        elif self.options.budget == "full" and longer > 1:
            longer *= FEW_WINDOWS.get(self.data_name, 1)
        return {"epochs": EPOCHS[self.options.budget] * longer, "patience": 6 * longer}

    @property
    def length_s(self) -> float:
        """Length of a window."""
        return self.train.signals.shape[-1] / self.train.rate

    @property
    def any_start(self) -> dict[str, Any]:
        """The transform after which a window may begin anywhere."""
        return {"name": "phase_shift", "mode": "circular", "max_shift": self.length_s / 2}

    @property
    def as_worn(self) -> list[dict[str, Any]]:
        """Augmentation that suits any watch: tilted a little, and begun anywhere."""
        return [{"name": "rotation", "kind": "tilt", "max_angle": 30.0}, self.any_start]

    @staticmethod
    def blocks(relation: str, sizes: tuple[int, int] = (64, 64)) -> list[dict[str, Any]]:
        """SCL's three blocks; `sizes` of the invariant and the free one."""
        activity, style = sizes
        return [
            {"name": "activity", "size": activity, "invariant_to": ["rotation"]},
            {"name": "orientation", "size": 12, f"{relation}_to": ["rotation"]},
            {"name": "style", "size": style},
        ]

    def measure(self, trained: Trained, cell: Cell, scores: Scores) -> None:
        """Classes upright and turned, latents, gravity's direction, angles, what blocks know."""
        model = measured(trained.model, self.sides(cell), self.classes, trained.frozen)
        turned_probes.measure_classes(model, scores)
        turned_probes.measure_latents(model, scores)
        turned_probes.measure_orientation(model, scores)
        turned_probes.measure_angles(model, scores)
        if cell.first:
            measure_matrix(model, scores)

    def scored(self, trained: Trained) -> dict[str, float]:
        """Accuracies and consistency on the validation subjects of the first fold."""
        sides = self.sides(Cell("", self.data_name))
        watched, found = replace(sides, test=sides.validation), Scores()
        model = measured(trained.model, watched, self.classes, trained.frozen)
        turned_probes.measure_classes(model, found, families=("",))
        names = ("accuracy_full", "accuracy_rotated", "consistency")
        return {name: found.metrics[name] for name in names}

    @staticmethod
    def total(scores: Mapping[str, float], plain: Sequence[Mapping[str, float]]) -> float:
        """`accuracy_full` + `accuracy_rotated`."""
        del plain
        return scores["accuracy_full"] + scores["accuracy_rotated"]
