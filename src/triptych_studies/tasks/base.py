"""What a task is to methods and studies: data, split, nuisance and probes, but no method.

A new task is one file with one subclass of `Task`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import nn

from triptych.datasets import Windows
from triptych_studies.base import Cell, Options, Progress, StudyData
from triptych_studies.methods import Method
from triptych_studies.scores import Scores


@dataclass(frozen=True)
class Sides:
    """The windows of one cell."""

    train: Windows
    validation: Windows
    test: Windows


@dataclass(frozen=True)
class Trained:
    """A trained model, what its objective compares latents after, and the epochs it took.

    `model` is a `Model`, or a module of the task's own. `frozen`: no head was trained with it, so
    that heads are fitted on its frozen latents. `callbacks` are the task's, that watched it.
    `history` has one row per epoch, as `triptych.training.Fitted` has it.
    """

    model: Any
    projector: nn.Module | None
    epochs: int
    frozen: bool = False
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    callbacks: Sequence[Any] = ()
    history: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True, kw_only=True)
class Task(StudyData, ABC):
    """Data read and cut, ready for any method. Must pickle: parallel processes get a copy.

    Attributes
    ----------
    kind
        ``"ecg"``, ``"imu"``, ...: under which a method keeps the values that ran.
    title
        First word of its recipes' names.
    trials
        How many settings of each method were tried on validation subjects.
    metrics
        Metric → one line, in the order of the tables; see `Study.metrics`.
    channels
        Names of the channels of a window, if samples are windows.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    trials: ClassVar[int] = 0
    metrics: ClassVar[Mapping[str, str]]
    channels: tuple[str, ...] = ()

    @classmethod
    @abstractmethod
    def load(cls, data: Path | None, options: Options) -> Self:
        """Read the data and cut them (InputError if that cannot be); always the same windows."""

    @property
    def budget(self) -> str:
        """``"smoke"``, ``"quick"`` or ``"full"``."""
        return self.options.budget

    def sides(self, cell: Cell) -> Sides:
        """Windows that `fit` trains on and stops by, and those to test on."""
        raise NotImplementedError(f"{self.title} has no windows to train on")

    @abstractmethod
    def recipe(self, seed: int) -> dict[str, Any]:
        """Recipe of plain training, as plain data; a method changes it."""

    def finished(self, recipe: dict[str, Any]) -> dict[str, Any]:
        """A recipe when method and ablation have changed it: in the words of the task's own."""
        return recipe

    def terms(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """Plain JSON beside the recipe that decides the metrics (numbers of test windows)."""
        del recipe
        return {}

    def callbacks(self) -> Sequence[Any]:
        """Lightning's callbacks that watch a training, new ones for each; none may change it."""
        return ()

    def fit(
        self, recipe: dict[str, Any], method: Method, cell: Cell, progress: Progress
    ) -> Trained:
        """Train a method by its recipe; here a recipe of the library, on `sides`."""
        from triptych.training import Recipe, fit, untrained

        sides, callbacks, asked = self.sides(cell), self.callbacks(), Recipe.of(recipe)
        if not method.trained:
            seen = sides.train.centred
            model = untrained(asked, self.channels or seen.shape[1], seen)
            return Trained(model, None, 0, method.frozen, recipe, callbacks)
        progress("training")
        fitted = fit(
            asked,
            sides.train,
            sides.validation,
            device=self.options.device,
            channels=self.channels,
            progress=False,
            shared_people=cell.split == "random",
            callbacks=[*callbacks, *([method.callback()] if method.callback else [])],
        )
        projector = getattr(fitted.objective, "projector", None)
        trained = Trained(
            fitted.model, projector, fitted.epochs, method.frozen, recipe, callbacks, fitted.history
        )
        if method.after is None:
            return trained
        progress("post hoc")
        return replace(trained, model=method.after(self, trained, sides))

    @abstractmethod
    def measure(self, trained: Trained, cell: Cell, scores: Scores) -> None:
        """Put every metric that the model has into `scores`, and what the figures draw."""

    def scored(self, trained: Trained) -> dict[str, float]:
        """Metrics on validation subjects by which a trial is chosen (``--tune``)."""
        raise NotImplementedError(f"{self.title} has no trials")

    @staticmethod
    def total(scores: Mapping[str, float], plain: Sequence[Mapping[str, float]]) -> float:
        """What the chosen trial has the most of; `plain` are all trials of the row ``plain``."""
        del plain
        return sum(scores.values())
