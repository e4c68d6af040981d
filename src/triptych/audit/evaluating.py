"""How right a model's head is on labelled windows, and whether it keeps its predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from triptych.audit.evaluation import Evaluation, Scored
from triptych.audit.scoring import (
    Mask,
    balanced_accuracy,
    balanced_consistency,
    f1_of_classes,
    f1_of_one,
    interval_of,
    mean_of,
)
from triptych.audit.sources import Progress
from triptych.audit.sweep import transform_for
from triptych.datasets import Windows
from triptych.errors import InputError
from triptych.latent import LinearHead
from triptych.metrics.predictions import Codes, flows, prediction_consistency
from triptych.model import Model
from triptych.transforms import Transform, context_of

FEW = 6  # subjects, under which an interval over them is rough


@dataclass(frozen=True, eq=False)
class _Answers:
    """Windows with a known label, and what is said of them.

    Attributes
    ----------
    truth, said
        (n,) class by the label, and by the head.
    after
        (draws, n) class under random θ; empty of windows as they are.
    """

    windows: Windows
    truth: Codes
    said: Codes
    after: Codes


def head_of(model: Model, name: str | None = None) -> str:
    """The head of this name; without one the full head, or the first.

    Raises
    ------
    InputError
        If the model has no head, or none of that name.
    """
    if not model.heads:
        raise InputError(
            "the model has no heads, so it predicts no classes; train one with classes in its "
            "recipe"
        )
    if name is None:
        return "full" if "full" in model.heads else next(iter(model.heads))
    if name not in model.heads:
        raise InputError(f"the model has no head {name!r}; it has {', '.join(model.heads)}")
    return name


def evaluate(
    model: Model,
    windows: Windows,
    around: Windows | None = None,
    *,
    head: str | None = None,
    transforms: Sequence[Transform] | None = None,
    by: str | None = None,
    draws: int = 5,
    seed: int = 0,
    data: str = "",
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Compare a head's predictions with the labels, and with its predictions under nuisances.

    Parameters
    ----------
    windows
        Prepared for the model, with labels; those whose label is no class are counted and left out.
    around
        Windows with the context of every transform, for the consistency; left out, `windows`.
    head
        Left out, the full head, or the first.
    transforms
        Nuisances; left out, those that the model's blocks name.
    by
        Attribute of the windows, for each value of which figures are given as well.
    draws
        Random θ per window.
    data, notes
        What it was evaluated on, and what a reader should know.

    Raises
    ------
    InputError
        If the model has no such head, no window has a label that it knows, the windows have no
        such attribute, or `around` lacks context.
    """
    chosen = head_of(model, head)
    classes = cast(LinearHead, model.heads[chosen]).classes

    if transforms is None:
        transforms = [transform_for(model, name) for name in model.schema.transforms]
    done, whole = 0, 1 + len(transforms) * (1 + draws)

    def codes(signals: torch.Tensor) -> Codes:
        nonlocal done
        found = model.predict(signals)[chosen].probabilities.argmax(dim=1).numpy()
        done += 1
        if progress is not None:
            progress(done, whole)
        return found

    if by is not None and by not in windows.attributes:
        known = ", ".join(sorted(windows.attributes)) or "none"
        raise InputError(f"the windows have no attribute {by!r}; they have {known}")
    held, truth, left_out = _known(windows, classes)
    if not len(held):
        labels = ", ".join(f"{name!r}" for name in left_out if name) or "none"
        raise InputError(
            f"no window has a label that the model knows ({', '.join(classes)}); the labels there "
            f"are {labels}"
        )
    said = codes(held.centred)
    plain = _Answers(held, truth, said, np.empty((0, len(said)), np.int64))
    moved: dict[str, _Answers] = {}
    near, own, _ = _known(windows if around is None else around, classes)
    for transform in transforms if len(near) else ():
        x = near.with_context(context_of(transform)).signals
        generator = torch.Generator().manual_seed(seed)
        after = [
            codes(transform.apply(x, transform.sample(len(x), generator))) for _ in range(draws)
        ]
        before = codes(transform.apply(x, transform.identity(len(x))))
        moved[transform.name] = _Answers(near, own, before, np.stack(after))

    def scored(of: Callable[[Windows], Mask]) -> Scored:
        return _scored(plain, moved, of, len(classes))

    def values(name: str) -> dict[str, Scored]:
        return {
            str(value): scored(lambda each, v=value: _column(each, name) == v)
            for value in np.unique(_column(held, name))
            if value
        }

    k, count = len(classes), len(np.unique(held.subject))
    missing = [name for i, name in enumerate(classes) if not (truth == i).any()]
    own_notes = _notes(left_out, missing, count)
    if transforms and not moved:
        own_notes.append("no window has the context that a nuisance needs: no consistency")
    return Evaluation(
        data=data,
        head=chosen,
        classes=classes,
        overall=scored(lambda each: np.ones(len(each), dtype=np.bool_)),
        chance=_chance(truth, moved, k),
        per_subject=values("subject"),
        per_label=_per_label(plain, moved, classes),
        by=by,
        per_value=values(by) if by else {},
        confusion=flows(truth, said, k),
        left_out=left_out,
        notes=(*notes, *own_notes),
    )


def _column(windows: Windows, name: str) -> NDArray[np.str_]:
    return windows.subject if name == "subject" else windows.attributes[name]


def _known(windows: Windows, classes: Sequence[str]) -> tuple[Windows, Codes, dict[str, int]]:
    """Windows whose label is a class, its number (n,), and label → how many others."""
    known = np.isin(windows.label, classes)
    held = windows.take(known)
    place = {name: i for i, name in enumerate(classes)}
    strange = Counter(str(each) for each in windows.label[~known])
    return held, np.array([place[str(each)] for each in held.label], np.int64), dict(strange)


def _notes(left_out: Mapping[str, int], missing: Sequence[str], subjects: int) -> list[str]:
    told = ", ".join(f"{name} ({n:,})" for name, n in left_out.items() if name)
    said = {
        f"windows with labels that the model does not know are left out: {told}": told,
        f"{left_out.get('', 0):,} windows without a label are left out": "" in left_out,
        f"no window has the label {', '.join(missing)}: in no mean over classes": missing,
        f"only {subjects} subjects: intervals are rough": 1 < subjects < FEW,
        "only one subject: there are no intervals": subjects == 1,
    }
    return [text for text, true in said.items() if true]


def _scored(
    plain: _Answers, moved: Mapping[str, _Answers], of: Callable[[Windows], Mask], k: int
) -> Scored:
    """The figures of the windows that `of` chooses."""
    rows = of(plain.windows)
    truth, said, who = plain.truth[rows], plain.said[rows], plain.windows.subject[rows]
    figures = {
        "accuracy": mean_of(truth == said, who),
        "balanced_accuracy": interval_of(lambda at: balanced_accuracy(truth[at], said[at], k), who),
        "macro_f1": interval_of(lambda at: f1_of_classes(truth[at], said[at], k), who),
    }
    for name, each in moved.items():
        chosen = of(each.windows)
        before, after, who = each.said[chosen], each.after[:, chosen], each.windows.subject[chosen]

        def kept(at: Mask, before: Codes = before, after: Codes = after) -> float:
            return balanced_consistency(before[at], after[:, at], k)

        figures[f"consistency_balanced@{name}"] = interval_of(kept, who)
        figures[f"consistency@{name}"] = mean_of((before == after).mean(axis=0), who)
    subjects = len(np.unique(plain.windows.subject[rows]))
    return Scored(windows=int(rows.sum()), subjects=subjects, figures=figures)


def _per_label(
    plain: _Answers, moved: Mapping[str, _Answers], classes: Sequence[str]
) -> dict[str, Scored]:
    """Sensitivity, precision, F1 and plain consistency of every class that some window has."""
    found: dict[str, Scored] = {}
    truth, said, who = plain.truth, plain.said, plain.windows.subject
    for i, name in enumerate(classes):
        own, read = truth == i, said == i
        if not own.any():
            continue
        f1 = interval_of(lambda at, i=i: f1_of_one(truth[at] == i, said[at] == i), who)
        figures = {
            "sensitivity": mean_of(read[own], who[own]),
            "precision": mean_of(own[read], who[read]),
            "f1": f1,
        }
        for transform, each in moved.items():
            rows = each.truth == i
            kept = (each.said == each.after).mean(axis=0)[rows]
            figures[f"consistency@{transform}"] = mean_of(kept, each.windows.subject[rows])
        found[name] = Scored(int(own.sum()), len(np.unique(who[own])), figures)
    return found


def _chance(truth: Codes, moved: Mapping[str, _Answers], k: int) -> dict[str, float]:
    """What an answer that ignores the window has: always the commonest label, or an independent."""
    constant = np.full_like(truth, np.bincount(truth).argmax())
    found = {
        "accuracy": float((truth == constant).mean()),
        "balanced_accuracy": balanced_accuracy(truth, constant, k),
        "macro_f1": f1_of_classes(truth, constant, k),
    }
    for name, each in moved.items():
        kept = prediction_consistency(each.said, each.after, k)
        found[f"consistency_balanced@{name}"] = kept.chance
        found[f"consistency@{name}"] = kept.independent
    return found
