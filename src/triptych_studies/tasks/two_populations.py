"""Two populations: what background and targets share, and what targets alone have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from triptych import InputError
from triptych.objectives import Separation
from triptych_studies.base import Cell, Options, Progress
from triptych_studies.methods import Method
from triptych_studies.scores import Scores
from triptych_studies.tasks import population_probes as probes
from triptych_studies.tasks.base import Task, Trained
from triptych_studies.tasks.population_beats import beats
from triptych_studies.tasks.population_images import images
from triptych_studies.tasks.population_parts import PACE, PopulationModel, parts_of, schema_of
from triptych_studies.tasks.population_pictures import keep_pictures
from triptych_studies.tasks.population_probes import Space
from triptych_studies.tasks.population_samples import Populations

DATASETS = ("digits", "mitdb", "sprites")
EPOCHS = {"smoke": 1, "quick": 25, "full": 100}
MOST_EPOCHS = {"mitdb": 25}  # longer learns the training people by heart (docs/lab-notes.md)
DRAWN = "sepclr"  # whose maps and neighbours the figures show
OPTIONAL = ("grouped", "null_radius", "sharing")  # in a recipe only where they are taken


@dataclass(frozen=True, kw_only=True)
class TwoPopulations(Populations, Task):
    """Digits over textures, sprites over grids of digits, or heartbeats; no nuisance of its own.

    Recipes are not the library's, but a flat list of settings: sizes of both spaces, pace, the
    objective's name and what that takes.
    """

    kind: ClassVar[str] = "populations"
    title: ClassVar[str] = "contrastive-analysis"
    metrics: ClassVar[Mapping[str, str]] = {
        "target_salient": "↑ class of the target (digit; beat S, V or F; shape) read from the "
        "salient block by logistic regression, fitted on training targets: balanced accuracy on "
        "test targets",
        "target_common": "↓ the same, read from the common block",
        "shared_common": "↑ what both populations share (texture or digit of the grid, on targets; "
        "record, on background windows, fitted on the first half in time of each test record and "
        "scored on the second, 30 s apart) read from the common block: balanced accuracy",
        "shared_salient": "↓ the same, read from the salient block",
        "error_sum": "↓ sum of the four errors: 1 − target_salient, 1 − shared_common, and what "
        "target_common and shared_salient have above chance",
        "background_norm": "↓ mean length of the background's salient latents over the targets'",
        "dependence": "↓ share of the variance of the targets' salient latents that kernel ridge "
        "reads from their common ones (half of the test targets fitted, half scored)",
        "spearman_own": "↑ the smallest rank correlation between a continuous attribute and the "
        "salient dimension that it supervises, on test targets",
        "spearman_other": "↓ the largest rank correlation between a continuous attribute and "
        "another salient dimension",
        "dci": "↑ DCI disentanglement of the salient dimensions and the attributes",
        "target_chance": "chance of the first two: 1 / number of classes",
        "shared_chance": "chance of the next two",
    }

    @classmethod
    def load(cls, data: Path | None, options: Options) -> Self:
        """Generate or read both populations (digits, if `options` name nothing)."""
        name = options.dataset or DATASETS[0]
        if name not in DATASETS:
            known = ", ".join(DATASETS)
            raise InputError(f"{cls.title} has no data set {name!r}; choose one of {known}")
        found = beats(data, options) if name == "mitdb" else images(name, options)
        return cls(**vars(found))

    def recipe(self, seed: int) -> dict[str, Any]:
        """Encoders of both spaces, untrained; the seed is the cell's alone."""
        del seed
        epochs = EPOCHS[self.budget]
        return {
            "common": 16,
            "salient": 16,
            "batch": 192,
            "learning_rate": 4e-3,
            "objective": "none",
            "epochs": min(epochs, MOST_EPOCHS.get(self.data_name, epochs)),
        }

    def finished(self, recipe: dict[str, Any]) -> dict[str, Any]:
        """Without a name and what is switched off; ``times`` multiplies weights."""
        times, off = recipe.get("times", {}), {name for name in OPTIONAL if not recipe.get(name)}
        kept = {name: each for name, each in recipe.items() if name not in off | {"name", "times"}}
        if times:
            kept["weights"] = {name: times.get(name, 1) * w for name, w in kept["weights"].items()}
        return kept

    def terms(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """The numbers of samples, how long signals are, how attributes supervise."""
        found: dict[str, Any] = {"samples": [len(self.train.x), len(self.test.x)]}
        if self.rate:
            found["length"] = self.train.x.shape[-1]
        if self.attributes and recipe["objective"] == "separation":
            found["null_bandwidths"] = {
                name: Separation.null_bandwidth(kind == "discrete", recipe["bandwidth"])
                for name, kind in self.attributes.items()
            }
        return found

    def fit(
        self, recipe: dict[str, Any], method: Method, cell: Cell, progress: Progress
    ) -> Trained:
        """Train an encoder of samples; its model is a `PopulationModel`."""
        from triptych.training import StructuredModule, Training, fit_module
        from triptych.training.labels import with_groups

        if method.encoder:
            schema, length = schema_of(recipe, self.attributes), self.train.x.shape[-1]
            return Trained(PopulationModel(method.encoder(self, recipe), schema, length), None, 0)
        model, objective = parts_of(recipe, self, cell.seed)
        if not method.trained:
            return Trained(model, None, 0)
        progress("training")
        labels = self.train.labels
        if not model.schema.common:
            labels = labels[:, 0].long()
        elif recipe.get("grouped"):
            labels = with_groups(labels, self.train.group)
        settings = Training(**{name: recipe[name] for name in PACE}, seed=cell.seed)
        module = StructuredModule(model.encoder, objective, schema=model.schema, settings=settings)
        fit_module(module, self.train.x, labels, device=self.options.device)
        return Trained(model, None, settings.epochs)

    def measure(self, trained: Trained, cell: Cell, scores: Scores) -> None:
        """What is read from either space, how they depend on each other, what attributes hold."""
        model: PopulationModel = trained.model
        blocks = model.schema
        cut = sum(block.size for block in blocks.common)  # 0: the whole vector is either space
        spaces = (Space("common", slice(cut or None)), Space("salient", slice(cut, None)))
        probes.measure_spaces(model.embed, spaces, self, scores)
        z = model.embed(self.test.x)
        drawn = cell.first and cell.method == DRAWN
        if drawn:
            keep_pictures(spaces, z, self.test, scores)
        if any(block.name in self.attributes for block in blocks.salient):
            probes.measure_attributes(z[:, cut:], self, scores)
        scores.artifacts = scores.artifacts | {"names": self.names} if drawn else {}
