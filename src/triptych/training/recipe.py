"""Recipes: everything that decides a training, as plain data in one YAML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, cast

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from triptych.errors import InputError
from triptych.files import write_atomically
from triptych.latent import LatentSchema, Target
from triptych.networks.registry import takes_images
from triptych.objectives import Objective
from triptych.objectives import registry as objectives
from triptych.training import task
from triptych.training.seeds import same_random_state
from triptych.training.sentences import read_overrides, read_yaml, replaced, sentence
from triptych.training.settings import (
    Data,
    Encoder,
    Named,
    ObjectiveSettings,
    Settings,
    Training,
    Weights,
)
from triptych.transforms import Transform, at_rate, context_of

# fields that are recipes themselves; a training keeps each in a folder of that name
TEACHERS = ("teacher", "full_teacher")


class Recipe(Settings):
    """A training as data: frozen; unknown entries are refused.

    Make one with `Recipe.of` or `Recipe.read`, which say what is wrong in one sentence.

    Attributes
    ----------
    name
        Name of the model.
    data, encoder, objective, weights, training
        See their classes.
    transforms
        ``{name: phase_shift, ...settings}`` each; a crop first. `rate` is the data's if the
        transform has such a setting and it is left out.
    augment
        Transforms as above, but none that needs context, that every training sample is under first,
        before its views are made: what nobody has to be told, such as small turns of a watch.
    latent
        The blocks of the schema, as `Block` takes them.
    decoder
        Whether a variational autoencoder stands around the encoder.
    classes
        Labels that the heads learn; windows with other labels train everything else.
    labels
        What a window's label is: ``single`` (one of the classes), ``multi`` (several at once, see
        `data.label_separator`) or ``regression`` (a number, see `data.target`; without classes).
        Left out, it follows from these two.
    init_from
        Folder of a model whose weights the training starts from; blocks, channels, rate, length
        and encoder are the same. Heads of other labels start anew.
    teacher
        A recipe that is trained first, on the same windows; its invariant head's probabilities are
        soft targets of this one's (`weights.teacher`). Worth it where a guarantee is robust and a
        network of one's own is not: the exact front-end teaches, and is not needed afterwards.
    full_teacher
        The same for the full head, which learns from view 0 (`weights.full_teacher`); beside a
        `teacher` it learns the mean of what both predict. Teaching pays with several times the
        epochs (Beyer et al., CVPR 2022, arXiv 2106.05237).
    trials
        How many recipes were tried on validation subjects before this one was chosen: for the
        record, the model says it; 0: none that anybody wrote down.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)  # labels such as 0, 1, 2

    name: str = Field(min_length=1)
    data: Data
    transforms: tuple[Named, ...] = ()
    augment: tuple[Named, ...] = ()
    latent: tuple[dict[str, Any], ...]
    encoder: Encoder = Encoder()
    decoder: bool = True
    classes: tuple[str, ...] | None = Field(default=None, min_length=2)
    labels: Literal["single", "multi", "regression"] | None = None
    init_from: str | None = Field(default=None, min_length=1)
    objective: ObjectiveSettings = ObjectiveSettings()
    weights: Weights = Weights()
    training: Training = Training()
    teacher: Recipe | None = None
    full_teacher: Recipe | None = None
    trials: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _without_schedule(cls, content: Any) -> Any:
        """Take recipes of earlier versions, which spell out the one schedule that is left."""
        if not isinstance(content, dict):
            return content
        given = cast("dict[str, Any]", content)
        if (told := given.get("schedule", "joint")) != "joint":
            raise InputError(
                f"schedule {told!r} is retired: structure and task are trained jointly, as the "
                "other ways lost (docs/ablations.md); leave schedule out"
            )
        return {name: value for name, value in given.items() if name != "schedule"}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        with same_random_state():
            objective = self.make_objective()
        if needing := [each.name for each in self.make_augment() if context_of(each)]:
            raise InputError(
                f"augment: {needing[0]} needs context on both sides of a window; choose a setting "
                "without (mode: circular), or put it among transforms"
            )
        if self.classes and len(set(self.classes)) < len(self.classes):
            raise InputError(f"classes names a label twice: {', '.join(self.classes)}")
        task.require_task(self.data, self.labels, self.classes, self.training, self.init_from)
        if not (self.decoder or self.target or objective.has_loss):
            raise InputError(
                f"objective {self.objective.name!r} has no loss of its own, so there is nothing "
                "to train; set decoder: true or name classes"
            )
        if (objective.learns_from == "populations") != bool(self.objective.background):
            raise InputError(
                "separation needs objective.background, the labels of the background (all others "
                "are targets), and no other objective has it"
            )
        if self.objective.background and self.target:
            raise InputError(
                "separation learns from background and targets, and from objective.attributes; "
                "leave classes out"
            )
        plain = self.encoder.before.name == "standardize" and not self.decoder
        if takes_images(self.encoder.name) and not plain:
            raise InputError(
                f"encoder {self.encoder.name!r} takes images, but the decoder and the front-ends "
                "of a recipe are for signals; set decoder: false and leave front_end out"
            )
        schema = self.schema_of_latent
        if self.encoder.two and self.encoder.name == "guaranteed":
            raise InputError(
                "encoder.two gives blocks a trunk each, and the encoder 'guaranteed' does so by "
                "itself, with exact channels in the first; leave one of the two out"
            )
        if self.encoder.two and not {"first", "second"} <= {*schema.trunks.values()}:
            raise InputError(
                "encoder.two needs blocks for either trunk: with role: common and with role: "
                "salient, or invariant to every transform and variant or equivariant to one"
            )
        labelled = objective.learns_from == "classes"
        single = self.classes and self.kind == "single"
        if not single and (labelled or self.weights.consistency):
            raise InputError(
                "supervised contrast and weights.consistency need labels and heads; name classes, "
                "one per window"
            )
        for name in TEACHERS:
            self._fits_teacher(name)
        return self

    @property
    def kind(self) -> str:
        """What a window's label is, by the kind of its `Target`."""
        return task.kind_of(self.data, self.labels)

    @property
    def target(self) -> Target | None:
        """What heads learn to say, if there are heads."""
        return task.target_of(self.data, self.labels, self.classes)

    @property
    def teachers(self) -> dict[str, Recipe]:
        """The recipes that are trained first, by the names of their fields."""
        found = {name: cast("Recipe | None", getattr(self, name)) for name in TEACHERS}
        return {name: each for name, each in found.items() if each is not None}

    def _fits_teacher(self, name: str) -> None:
        teacher, weight = self.teachers.get(name), getattr(self.weights, name)
        if teacher is None and not weight:
            return
        if teacher is None or not weight:
            raise InputError(f"{name} and weights.{name} above 0 need each other; set both or none")
        wanted, given = ((each.classes, each.length, each.data.rate) for each in (self, teacher))
        if not self.classes or given != wanted or teacher.kind != self.kind:
            raise InputError(
                "a teacher needs the same classes in the same order, window length and rate as the "
                f"recipe it stands in, which has {wanted}; the teacher has {given}"
            )

    @property
    def schema_of_latent(self) -> LatentSchema:
        """The schema that `latent` describes."""
        return LatentSchema.from_dict({"blocks": list(self.latent)})

    @property
    def context_s(self) -> float:
        """Seconds that windows need on either side."""
        return (
            max([context_of(each) for each in self.make_transforms()], default=0) / self.data.rate
        )

    @property
    def length(self) -> int:
        """Samples of a window, without context."""
        return self.data.preprocessing().length

    @property
    def takes_gaps(self) -> bool:
        """Whether missing samples are trained on: of the recordings, or by a transform."""
        made = (*self.make_transforms(), *self.make_augment())
        by_views = any(getattr(each, "leaves_gaps", False) for each in made)
        return by_views or self.data.options.get("missing") == "mask"

    def make_transforms(self) -> tuple[Transform, ...]:
        """Build the transforms, at the data's rate."""
        return tuple(self._transform(each.name, each.settings) for each in self.transforms)

    def make_augment(self) -> tuple[Transform, ...]:
        """Build what training samples are under first."""
        return tuple(self._transform(each.name, each.settings) for each in self.augment)

    def make_objective(self) -> Objective:
        """Build the objective; its heads start from torch's global random state."""
        settings, transforms = self.objective.settings, self.make_transforms()
        return objectives.make(self.objective.name, self.schema_of_latent, transforms, settings)

    def _transform(self, name: str, settings: dict[str, Any]) -> Transform:
        made = at_rate(name, self.data.rate, settings)
        rate = getattr(made, "rate", self.data.rate)
        if rate != self.data.rate:
            raise InputError(
                f"transform {name} has rate {rate:g} Hz, but data.rate is {self.data.rate:g} Hz; "
                "leave the transform's rate out"
            )
        return made

    @classmethod
    def of(cls, content: Mapping[str, Any], source: str = "the recipe") -> Self:
        """Make a recipe from plain data; raises InputError that names field, value, expected."""
        try:
            return cls.model_validate(dict(content))
        except ValidationError as error:
            raise InputError(sentence(error, cls, source)) from error

    @classmethod
    def read(
        cls,
        path: str | Path,
        changes: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Self:
        """Read a recipe from a YAML file; raises InputError like `of`.

        `changes` are ``"training.epochs=3"``, values read as in the file; `options` say how own
        recordings are read, and are refused where the recipe reads none.
        """
        content = replaced(read_yaml(path), read_overrides(changes))
        data: Any = content.get("data")
        named = data.get("name") if isinstance(data, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if options and named != "folder":
            raise InputError(
                f"data {named} does not take {', '.join(options)}, which describe own recordings; "
                "leave them out"
            )
        given = {f"data.options.{key}": value for key, value in (options or {}).items()}
        return cls.of(replaced(content, given), f"recipe {path}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `of` takes back."""
        return self.model_dump(mode="json")

    def write(self, path: str | Path) -> None:
        """Write the recipe, all defaults spelled out, as YAML (atomically)."""
        with write_atomically(path) as handle:
            yaml.safe_dump(self.to_dict(), handle, sort_keys=False, allow_unicode=True)

    def replace(self, changes: Mapping[str, Any]) -> Self:
        """Copy with values at dotted places changed, e.g. ``{"training.epochs": 3}``."""
        return type(self).of(replaced(self.to_dict(), changes), f"the changed recipe {self.name!r}")
