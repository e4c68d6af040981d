"""Classes that only measure what single dimensions mean: activities, beats or digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from triptych import networks, transforms
from triptych.datasets import Windows
from triptych_studies.base import Cell, Options
from triptych_studies.images.networks import ImageEncoder
from triptych_studies.images.transforms import ImageCrop, ImageTone
from triptych_studies.recipes import merged
from triptych_studies.scores import Scores
from triptych_studies.tasks import dimension_probes as probes
from triptych_studies.tasks import dimension_windows
from triptych_studies.tasks.base import Sides, Task, Trained
from triptych_studies.tasks.dimension_meaning import METRICS, measure_dimensions
from triptych_studies.tasks.dimension_windows import MAX_SHIFT_S, MODALITY

networks.register("image", ImageEncoder)
transforms.register("image_crop", ImageCrop)
transforms.register("image_tone", ImageTone)

# So many that a cell trains within the budget on an idle core; no clock cuts a training short.
EPOCHS = {
    "imu": {"smoke": 1, "quick": 8, "full": 15},
    "ecg": {"smoke": 1, "quick": 6, "full": 12},
    "image": {"smoke": 2, "quick": 30, "full": 150},
}
# What differs from the recipe of all. Invariance is measured under the first of the transforms.
RECIPES: dict[str, dict[str, Any]] = {
    "imu": {
        "encoder": {
            "name": "conv",
            "front_end": "second_order",
            "widths": [32, 48, 64, 96],
            "kernels": [5, 5, 5, 3],
            "strides": [2, 2, 2, 1],
        },
    },
    "ecg": {
        "data": {"low": 0.5, "high": 40.0},
        "encoder": {"name": "conv"},
        "transforms": [
            {"name": "phase_shift", "max_shift": MAX_SHIFT_S},
            {"name": "noise_snr", "low": 10.0, "high": 30.0},
        ],
    },
    "image": {
        "encoder": {"name": "image", "widths": [32, 64]},
        "transforms": [
            {"name": "image_crop", "max_zoom": 0.3, "max_shift": 0.15},
            {"name": "image_tone"},
        ],
        "training": {"weight_decay": 1e-3},
    },
}


@dataclass(frozen=True, kw_only=True)
class ClassDimensions(Task):
    """Windows, contrasted without labels; what a label says only measures.

    All rows have one trunk (its features are the paper's *h*) and one head of the same layers (the
    paper's projector); what the contrast compares is the head's output. Gates read the trunk's
    features. `fitted` are training windows that the probes are fitted on.
    """

    kind: ClassVar[str] = "dimensions"
    title: ClassVar[str] = "gated-contrast"
    size: ClassVar[int] = 128  # of what is contrasted
    metrics: ClassVar[Mapping[str, str]] = METRICS

    train: Windows
    validation: Windows
    fitted: Windows
    test: Windows

    @classmethod
    def load(cls, data: Path | None, options: Options) -> Self:
        """Read the data set and cut its windows."""
        name = options.dataset or "watch-18"
        found = dimension_windows.load(name, data, options.budget)
        return cls(data_name=name, options=options, **found)

    def sides(self, cell: Cell) -> Sides:
        """The same for every cell."""
        del cell
        return Sides(self.train, self.validation, self.test)

    def recipe(self, seed: int) -> dict[str, Any]:
        """SimCLR on one block, without a projector behind it."""
        windows, modality = self.train, MODALITY[self.data_name]
        length_s = (windows.signals.shape[-1] - 2 * windows.context) / windows.rate
        shift = {"name": "phase_shift", "mode": "circular", "max_shift": length_s / 2}
        base: dict[str, Any] = {
            "data": {
                "name": self.data_name,
                "rate": windows.rate,
                "low": None,
                "high": None,
                "length_s": length_s,
            },
            "transforms": [{"name": "rotation"}, shift],
            "latent": [{"name": "latent", "size": self.size}],
            "encoder": {"head_hidden": self.size},
            "decoder": False,
            "objective": {"name": "simclr", "projection": 0},
            "weights": {"gate": 3e-5},
            "training": {
                "epochs": EPOCHS[modality][self.budget],
                "batch": 256,
                "learning_rate": 3e-3,
                "weight_decay": 1e-2,
                "seed": seed,
            },
        }
        return merged(base, RECIPES[modality])

    def terms(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """How many windows are trained on, fitted and measured."""
        del recipe
        return {"windows": {side: len(getattr(self, side)) for side in ("train", "fitted", "test")}}

    def blocks(self, relation: str) -> list[dict[str, Any]]:
        """SCL's blocks: one invariant to every transform, one that carries the first."""
        names = [each["name"] for each in self.recipe(0)["transforms"]]
        return [
            {"name": "activity", "size": self.size, "invariant_to": names},
            {"name": "change", "size": 16, f"{relation}_to": names[:1]},
        ]

    def callbacks(self) -> Sequence[Any]:
        """Watches the signs of the gradient on what is contrasted."""
        from triptych_studies.tasks.gradient_signs import GradientSigns

        return (GradientSigns(self.size),)

    def measure(self, trained: Trained, cell: Cell, scores: Scores) -> None:
        """Invariance, what dimensions stand for, what can be read, what training was like."""
        from triptych.training import Recipe

        recipe = Recipe.of(trained.recipe)
        objective = recipe.make_objective()  # its last step on latents has no weights
        read = probes.reader(trained.model, objective.represent, self.size)
        fitted, test = read(self.fitted.centred), read(self.test.centred)
        probes.measure_invariance(read, test.z, recipe.make_transforms()[0], self.test, scores)
        measure_dimensions(test.z, self.test, scores)
        probes.measure_probes(fitted, self.fitted.label, test, self.test, scores)
        for signs in trained.callbacks:
            signs.measure(scores)
