"""Two populations: what background and targets share, and what targets alone have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from triptych_studies.tasks.population_parts import PopulationModel, parts_of, schema_of
from triptych_studies.tasks.population_pictures import keep_pictures
from triptych_studies.tasks.population_probes import Space
from triptych_studies.tasks.population_samples import Populations

DATASETS = ("digits", "mitdb", "sprites")
EPOCHS = {"smoke": 1, "quick": 25, "full": 100}
MOST_EPOCHS = {"mitdb": 25}  # longer overfits the training subjects (docs/lab-notes.md)
DRAWN = "sepclr"  # whose maps and neighbours the figures show
OPTIONAL = ("grouped", "null_radius", "sharing")  # in a key only where they are taken


@dataclass(frozen=True, kw_only=True)
class TwoPopulations(Populations, Task):
    """Digits over textures, sprites over grids of digits, or heartbeats; no nuisance of its own.

    Recipes say blocks, objective and training as the library's do. Encoders and views are the same
    throughout (see `population_parts`): the library would standardise what these get as it is.
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

    blocks: ClassVar[Sequence[dict[str, Any]]] = (
        {"name": "common", "size": 16, "role": "common"},
        {"name": "salient", "size": 16, "role": "salient"},
    )
    undivided: ClassVar[Sequence[dict[str, Any]]] = ({"name": "latent", "size": 32},)

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
        """Encoders of both spaces, untrained."""
        epochs = EPOCHS[self.budget]
        return {
            "latent": list(self.blocks),
            "objective": {"name": "plain"},
            "training": {
                "epochs": min(epochs, MOST_EPOCHS.get(self.data_name, epochs)),
                "batch": 192,
                "learning_rate": 4e-3,
                "seed": seed,
            },
        }

    def finished(self, recipe: dict[str, Any]) -> dict[str, Any]:
        """``null_radius`` is the salient block's, and ``times`` multiplies weights."""
        objective, (first, *own) = dict(recipe["objective"]), recipe["latent"]
        if radius := objective.pop("null_radius", 0.0):
            own = [block | {"null_radius": radius} for block in own]
        if times := objective.pop("times", {}):
            weights = objective["weights"].items()
            objective["weights"] = {name: times.get(name, 1) * w for name, w in weights}
        return recipe | {"objective": objective, "latent": [first, *own]}

    def terms(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """The numbers of samples, how long signals are, how attributes supervise.

        And the recipe in the form that finished cells are keyed by: one flat list of settings,
        with the sizes of both spaces whatever the blocks are.
        """
        training, objective = dict(recipe["training"]), dict(recipe["objective"])
        del training["seed"]  # the cell's
        name = objective.pop("name")
        radius = recipe["latent"][-1].get("null_radius")
        flat = {
            **{block["name"]: block["size"] for block in self.blocks},
            **training,
            "objective": "none" if name == "plain" else name,
            **objective,
            "null_radius": radius,
        }
        found: dict[str, Any] = {
            "recipe": {k: value for k, value in flat.items() if value or k not in OPTIONAL},
            "samples": [len(self.train.x), len(self.test.x)],
        }
        if self.rate:
            found["length"] = self.train.x.shape[-1]
        if self.attributes and name == "separation":
            found["null_bandwidths"] = {
                name: Separation.null_bandwidth(kind == "discrete", objective["bandwidth"])
                for name, kind in self.attributes.items()
            }
        return found

    def fit(
        self, recipe: dict[str, Any], method: Method, cell: Cell, progress: Progress
    ) -> Trained:
        """Train an encoder of samples; its model is a `PopulationModel`."""
        from triptych.training import StructuredModule, Training, fit_module, with_groups

        if method.encoder:
            schema, length = schema_of(recipe), self.train.x.shape[-1]
            return Trained(PopulationModel(method.encoder(self, recipe), schema, length), None, 0)
        model, objective = parts_of(recipe, self)
        if not method.trained:
            return Trained(model, None, 0)
        progress("training")
        labels = self.train.labels
        if not model.schema.common:
            labels = labels[:, 0].long()
        elif recipe["objective"].get("grouped"):
            labels = with_groups(labels, self.train.group)
        settings = Training(**recipe["training"])
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
