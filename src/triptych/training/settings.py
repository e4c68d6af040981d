"""The parts of a recipe: data, encoder, objective, weights, training."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from triptych.errors import InputError
from triptych.signals.preprocessing import Preprocessing


class Settings(BaseModel):
    """What every part of a recipe shares: frozen, and nothing that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Open(Settings):
    """A part whose further entries are settings of what it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def settings(self) -> dict[str, Any]:
        """The entries beside the fields declared here."""
        return dict(self.model_extra or {})


class Named(Open):
    """Something of a registry by its name; all other entries are its settings."""

    name: str


class Data(Settings):
    """Where signals come from and how they become windows: Hz, seconds, counts.

    *rate*, *low*, *high*, *phase* and *gravity* are those of `Preprocessing`. `target` is the
    column, or attribute, of the number that a regression learns; `label_separator` stands between
    several labels of one window. `redraw`: windows to train on are drawn anew, at other places of
    the same recordings, in every epoch.
    """

    name: str
    path: str | None = None
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    rate: float = Field(default=400.0, gt=0)
    low: float | None = Field(default=0.5, gt=0)
    high: float | None = Field(default=40.0, gt=0)
    phase: Literal["zero", "causal"] = "zero"
    gravity: bool = True
    length_s: float = Field(default=1.0, gt=0)
    per_recording: int = Field(default=400, ge=1)
    target: str | None = Field(default=None, min_length=1)
    label_separator: str | None = Field(default=None, min_length=1)
    redraw: bool | None = None
    validation_fraction: float = Field(default=0.2, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _bands(self) -> Self:
        band = (self.low or 0.0, self.high or self.rate / 2)
        if not band[0] < band[1] <= self.rate / 2:
            raise InputError(
                f"low {band[0]:g} and high {band[1]:g} Hz are no band at a rate of "
                f"{self.rate:g} Hz; expected low < high <= {self.rate / 2:g}"
            )
        return self

    def preprocessing(self, channels: tuple[str, ...] = ()) -> Preprocessing:
        """What recordings and windows of these channels become."""
        length = round(self.length_s * self.rate)
        return Preprocessing(
            self.rate, channels, length, self.low, self.high, self.phase, self.gravity
        )


class Encoder(Open):
    """Front-end and trunk (all other entries: the trunk's settings); width of heads' layer.

    `two`: common and salient blocks, or invariant ones and those that carry a transform, have a
    trunk each, and share no weights.
    """

    name: str = "conv"
    front_end: str | Named = "standardize"
    head_hidden: int = Field(default=0, ge=0)
    two: bool = False

    @property
    def before(self) -> Named:
        """The front-end and its settings."""
        return Named(name=self.front_end) if isinstance(self.front_end, str) else self.front_end


class ObjectiveSettings(Open):
    """The objective, one of `OBJECTIVES`; all other entries are passed to its class.

    `background`: of one that learns from populations, the labels of the background; all others are
    targets.
    """

    name: str = "scl"
    background: tuple[str, ...] = ()

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)


class Weights(Settings):
    """Weights of the parts of the loss; *task* is what the heads learn from labels.

    *invariant_head* and *full_head* multiply the task's two cross-entropies, *original* the rows of
    view 0 in the invariant head's: below 1, it looks more at the transformed sides. *teacher* and
    *full_teacher* are on the cross-entropy of the invariant and of the full head with what the
    recipe's `teacher` and `full_teacher` predict.
    *consistency* draws the invariant head's predictions on both sides of a pair together; *gate*
    is on the KL of each gated block's gates to their prior. It is not multiplied by *structure*:
    the prior is the block's, whatever the objective, so λ means the same under every one of them.
    """

    reconstruction: float = Field(default=1.0, ge=0)
    kl: float = Field(default=1e-3, ge=0)
    structure: float = Field(default=1.0, ge=0)
    task: float = Field(default=1.0, ge=0)
    invariant_head: float = Field(default=1.0, ge=0)
    full_head: float = Field(default=1.0, ge=0)
    original: float = Field(default=1.0, ge=0)
    teacher: float = Field(default=0.0, ge=0)
    full_teacher: float = Field(default=0.0, ge=0)
    consistency: float = Field(default=0.0, ge=0)
    gate: float = Field(default=3e-5, ge=0)


Precision = Literal["32-true", "64-true", "bf16-mixed", "16-mixed", "auto"]


class Training(Settings):
    """Length and pace: `warmup` is a share of the steps, `patience` is in epochs.

    `batch` is the number of samples a step over all processes; `minutes` ends the training with
    the last epoch that fits; `clip` is the largest gradient norm. `class_weights: balanced` lets
    every class count alike in the heads' losses. `monitor` is the metric of the full head on the
    validation windows by which the best epoch is chosen, in place of the loss.
    `freeze: encoder` trains the heads alone. `compile: true` compiles the encoder. With
    `precision: auto` and `compile: auto` a few steps are timed, and bf16-mixed or the compiler are
    taken where they pay; the choice is told, kept with the model, and the same after a resume.
    """

    epochs: int = Field(default=20, ge=1)
    batch: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    patience: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    clip: float | None = Field(default=5.0, gt=0)
    seed: int = Field(default=0, ge=0)
    precision: Precision = "32-true"
    class_weights: Literal["balanced"] | None = None
    monitor: str | None = None
    freeze: Literal["encoder"] | None = None
    # not in the data of a recipe that leaves it out: keys of earlier results stay as they are
    compile: bool | Literal["auto"] = Field(default=False, exclude_if=lambda value: value is False)
