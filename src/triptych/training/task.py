"""What heads learn, as a recipe says it: the kind of the labels, and what fits it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triptych.datasets.readers.words import title
from triptych.errors import InputError
from triptych.latent import LabelSet, OneLabel, Quantity, Target
from triptych.latent.label_set import SEPARATOR
from triptych.training.settings import Data, Training

# kind of labels → metrics of the heads by which the best epoch can be chosen
MONITORS = {
    "single": ("accuracy", "balanced_accuracy", "macro_auroc", "macro_f1"),
    "multi": ("accuracy", "macro_auroc", "macro_f1"),
    "regression": ("mae", "r2"),
}
LOWER = ("mae",)
"""Monitors of which less is better."""
UNNAMED = "value"
"""Name of a number that is the windows' label itself."""


def kind_of(data: Data, labels: str | None) -> str:
    """What a window's label is: ``single``, ``multi`` or ``regression``."""
    if target_column(data) or labels == "regression":
        return "regression"
    columns: Any = data.options.get("label_column")
    several = isinstance(columns, list | tuple) and len(columns) > 1  # pyright: ignore[reportUnknownArgumentType]
    separated = data.label_separator or data.options.get("label_separator")
    return "multi" if several or separated or labels == "multi" else "single"


def target_column(data: Data) -> str | None:
    """Column of the number to be learned, if the recipe names one."""
    return data.target or data.options.get("target_column")


def target_of(data: Data, labels: str | None, classes: Sequence[str] | None) -> Target | None:
    """What heads learn to say, if there are heads; of a number not yet standardised."""
    kind = kind_of(data, labels)
    if kind == "regression":
        name = target_column(data) or UNNAMED
        return Quantity(name, title(name)[1])
    if not classes:
        return None
    if kind == "multi":
        return LabelSet(tuple(classes), data.label_separator or SEPARATOR)
    return OneLabel(tuple(classes))


def require_task(
    data: Data,
    labels: str | None,
    classes: Sequence[str] | None,
    training: Training,
    init_from: str | None,
) -> None:
    """Raise InputError unless labels, heads and what trains them fit."""
    kind = kind_of(data, labels)
    if labels and labels != kind:
        raise InputError(
            f"labels is {labels!r}, but data.target or data.label_separator make it {kind!r}; "
            "leave one out"
        )
    if kind == "regression" and classes:
        raise InputError("a regression learns a number and no classes; leave classes out")
    if kind == "multi" and not classes:
        raise InputError("several labels per window are learned by name; name classes")
    if training.class_weights and not classes:
        raise InputError("training.class_weights are of classes; name classes, or leave it out")
    heads = bool(classes) or kind == "regression"
    if training.monitor and not heads:
        raise InputError(
            "training.monitor is a metric of the heads; name classes, or data.target, or leave it "
            "out"
        )
    if training.monitor and training.monitor not in MONITORS[kind]:
        raise InputError(
            f"training.monitor {training.monitor!r} is no metric of {kind} labels; choose from "
            f"{', '.join(MONITORS[kind])}"
        )
    if training.freeze and not (init_from and heads):
        raise InputError(
            "training.freeze trains heads on a model that is there; name it in init_from, and "
            "classes or data.target"
        )
